"""What every suite's generator is given, and how drafts become a world."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations

from hippo_core import EntitySlots, Episode, InvalidInputError, Provenance
from hippo_lab.proofs import most_repeats
from hippo_lab.worlds import GateFeatures, Item, Question, Resolve, Split, World

from hei_nw.suites.filler import Filler
from hei_nw.suites.vocabulary import Vocabulary, vocabulary_for

DEFAULT_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When the first item is taught, unless the caller says otherwise."""
MIN_EPISODES = 100
"""Below this a world cannot hold 20 values of every slot among 40 % of filler."""
FILLER_SHARE = 0.42
"""Share of items that are filler nobody asks about; the suites promise 40 %."""
MAX_QUESTION_SHARE = 0.3
"""More questions than this share of the episodes leave no room for distractors and filler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRequest:
    """Which world to make.

    Raises:
        InvalidInputError: an unknown split, fewer than `MIN_EPISODES` episodes, no questions, or too many of them.
    """

    suite: str
    seed: int
    episodes: int = 1000
    """Items taught, filler included."""
    questions: int = 200
    split: Split = "test"
    start: datetime = DEFAULT_START
    """When the first item is taught; aware."""
    step: timedelta = timedelta(minutes=7)
    """Time between two items."""

    def __post_init__(self) -> None:
        if self.split not in ("test", "dev"):
            raise InvalidInputError(f"`split` must be 'test' or 'dev', not {self.split!r}.")
        if self.episodes < MIN_EPISODES:
            raise InvalidInputError(f"`episodes` must be at least {MIN_EPISODES}, not {self.episodes}.")
        if not 1 <= self.questions <= MAX_QUESTION_SHARE * self.episodes:
            raise InvalidInputError(
                f"`questions` must lie in 1 … {int(MAX_QUESTION_SHARE * self.episodes)} for {self.episodes} episodes "
                f"({MAX_QUESTION_SHARE:.0%} of them), not {self.questions}."
            )

    @property
    def vocabulary(self) -> Vocabulary:
        """The split's words."""
        return vocabulary_for(self.split)

    @property
    def filler_items(self) -> int:
        """How many of the items are filler."""
        return round(FILLER_SHARE * self.episodes)

    def rng(self) -> random.Random:
        """Return the world's generator: the same in every process, another one for each suite, split and seed."""
        return random.Random(f"{self.suite}/{self.split}/{self.seed}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """An item before it has its place in the stream. Compared by identity, so that equal drafts stay two."""

    text: str
    slots: Mapping[str, str] = field(default_factory=dict[str, str])
    event: str = "filler"
    gate: GateFeatures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A question before items have keys."""

    text: str
    answer: str
    slot: str
    cue: Mapping[str, str]
    gold: Draft
    resolve: Resolve = "unique"
    stale: tuple[str, ...] = ()


def assemble(request: WorldRequest, drafts: Sequence[Draft], inquiries: Sequence[Inquiry]) -> World:
    """Give `drafts` keys and times in their order, and point `inquiries` at them."""
    keys = {draft: f"{request.suite}-{place:05d}" for place, draft in enumerate(drafts)}
    gold = {inquiry.gold for inquiry in inquiries}
    items = tuple(
        Item(
            key=keys[draft],
            episode=Episode(
                text=draft.text,
                slots=_entity_slots(draft.slots),
                provenance=Provenance(
                    source=f"{request.suite}/{request.split}/{request.seed}",
                    doc_id=keys[draft],
                    time=request.start + place * request.step,
                ),
            ),
            asked=draft in gold,
            event=draft.event,
            gate=draft.gate,
        )
        for place, draft in enumerate(drafts)
    )
    questions = tuple(
        Question(
            id=f"{request.suite}-q{place:04d}",
            text=inquiry.text,
            answer=inquiry.answer,
            slot=inquiry.slot,
            cue=dict(inquiry.cue),
            resolve=inquiry.resolve,
            gold=(keys[inquiry.gold],),
            cue_style="+".join(inquiry.cue),
            stale=inquiry.stale,
        )
        for place, inquiry in enumerate(inquiries)
    )
    return World(suite=request.suite, seed=request.seed, split=request.split, items=items, questions=questions)


def small_talk(request: WorldRequest, filler: Filler, rng: random.Random, *, count: int) -> list[Draft]:
    """Return `count` filler drafts; a third of them name a person, so that a name alone finds more than stories."""
    drafts: list[Draft] = []
    for _ in range(count):
        if rng.random() < 1 / 3:
            person = rng.choice(request.vocabulary.people)
            drafts.append(Draft(text=filler.remark(person), slots={"who": person}))
        else:
            drafts.append(Draft(text=filler.sentence()))
    return drafts


class Deck:
    """Deals values like cards: each one once before any comes back, so that none is much more common than another.

    Args:
        values: the cards, at least one.
        rng: shuffles them.
    """

    def __init__(self, values: Sequence[str], rng: random.Random) -> None:
        self._values = list(values)
        self._rng = rng
        self._left: list[str] = []

    def deal(self) -> str:
        """Return the next value."""
        if not self._left:
            self._left = self._rng.sample(self._values, k=len(self._values))
        return self._left.pop()


class CueFinder:
    """Finds the parts of a draft that, mentioned in a question, fit no other answer.

    Args:
        drafts: everything that will be taught.
    """

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._drafts = drafts
        self._having: dict[tuple[str, str], set[int]] = defaultdict(set)
        for place, draft in enumerate(drafts):
            for pair in draft.slots.items():
                self._having[pair].add(place)

    def cues(self, draft: Draft, slot: str) -> Iterator[dict[str, str]]:
        """Yield the cues of 1, 2, … of the other slots to which only `draft` fits, smallest first."""
        others = [name for name in draft.slots if name != slot]
        for size in range(1, len(others) + 1):
            for names in combinations(others, size):
                fitting = set.intersection(*(self._having[name, draft.slots[name]] for name in names))
                if len(fitting) == 1:
                    yield {name: draft.slots[name] for name in names}


class AnswerBudget:
    """Keeps every answer rare among its slot's questions, so that no constant guess scores.

    Args:
        per_slot: how many questions each slot will have.
    """

    def __init__(self, per_slot: Mapping[str, int]) -> None:
        self._most = {slot: most_repeats(count) for slot, count in per_slot.items()}
        self._used: Counter[tuple[str, str]] = Counter()

    def allows(self, slot: str, answer: str) -> bool:
        """Whether one more question about `slot` may have `answer`."""
        return self._used[slot, answer] < self._most[slot]

    def spend(self, slot: str, answer: str) -> None:
        """Count a question."""
        self._used[slot, answer] += 1


def _entity_slots(slots: Mapping[str, str]) -> EntitySlots:
    named = {name: slots.get(name) for name in ("who", "what", "where", "when")}
    return EntitySlots(**named, extras={name: value for name, value in slots.items() if name not in named})
