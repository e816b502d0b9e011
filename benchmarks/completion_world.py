"""Worlds of 10,000 episodes and five kinds of cue, each cue with exactly one right event by construction.

An event has four slots (who, what, where, when) and a verb; an episode tells it in a sentence form. In a `retold`
world every event is told three times, in three forms, and any of its tellings is a right answer. Slot values are
drawn with Zipf weights, so that some are shared by hundreds of events and some belong to one.

The three splits share no name, thing, place, date, verb or sentence form: `train` fits maps, `dev` chooses settings,
`test` is reported.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from hei_nw.suites.vocabulary import DEV, TEST, Vocabulary

Split = Literal["train", "dev", "test"]
CUE_SETS = ("clean", "partial", "noisy", "typo")
"""The sets made of words; vector noise is added to the vectors of the clean ones."""
SLOTS = ("who", "what", "where", "when")
_WORD = re.compile(r"\w+")
_RANK_WEIGHT = 0.8  # Zipf exponent of slot values


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened once."""

    who: str
    what: str
    where: str
    when: str
    verb: int
    """Which of the split's verbs."""

    def words(self) -> set[str]:
        """Return the words of its slot values."""
        return {word for slot in SLOTS for word in _WORD.findall(getattr(self, slot).lower())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A text that one event alone answers."""

    text: str
    event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Episodes in the order in which they are stored, and what they are asked by."""

    texts: tuple[str, ...]
    events: tuple[int, ...]
    """The event that each episode tells."""
    cues: Mapping[str, tuple[Cue, ...]]
    """By the names of `CUE_SETS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    """A split's verbs (base, past, participle) and its forms."""

    verbs: tuple[tuple[str, str, str], ...]
    tellings: tuple[str, ...]
    questions: Mapping[str, tuple[str, ...]]
    """For the slot asked for."""
    hints: tuple[str, ...]
    """Around a few slot values, for partial cues."""


def _verbs(text: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((base, past, participle) for base, past, participle in (v.split("/") for v in text.split()))


_TRAIN = _Language(
    verbs=_verbs("weigh/weighed/weighed fold/folded/folded wrap/wrapped/wrapped throw/threw/thrown"),
    tellings=(
        "At the {where}, {who} {past} the {what}; that was {when}.",
        "{when}: the {what} got {participle} by {who} in the {where}.",
        "It was {who} who {past} the {what}, {when}, by the {where}.",
        "Somebody saw {who} near the {where} {when}, where the {what} was {participle}.",
    ),
    questions={
        "who": ("By whom was the {what} {participle} in the {where}, {when}?",),
        "what": ("{when}, {who} {past} something by the {where}; which?",),
        "where": ("{who} {past} the {what} {when}, but in which place?",),
        "when": ("At what time was the {what} {participle} by {who} near the {where}?",),
    },
    hints=("That story with {slots}", "What happened with {slots}?"),
)
_DEV = _Language(
    verbs=_verbs("clean/cleaned/cleaned lose/lost/lost draw/drew/drawn lend/lent/lent wash/washed/washed"),
    tellings=(
        "I remember that {who} {past} the {what} inside the {where} {when}.",
        "The {what}, {who} said, had been {participle} {when} next to the {where}.",
        "{who} came to the {where} {when} and {past} the {what}.",
        "Inside the {where} the {what} was {participle} {when}, and {who} did it.",
    ),
    questions={
        "who": ("Tell me who {past} the {what} inside the {where} {when}.",),
        "what": ("Name the thing that {who} {past} {when} next to the {where}.",),
        "where": ("Tell me where {who} {past} the {what} {when}.",),
        "when": ("Name the day when {who} came to the {where} and {past} the {what}.",),
    },
    hints=("Tell me more about {slots}", "I was thinking of {slots}"),
)
_TEST = _Language(
    verbs=_verbs(
        "hide/hid/hidden repair/repaired/repaired sell/sold/sold paint/painted/painted borrow/borrowed/borrowed "
        "photograph/photographed/photographed break/broke/broken steal/stole/stolen"
    ),
    tellings=(
        "{who} {past} the {what} at the {where} on {when}.",
        "On {when}, {who} {past} the {what} at the {where}.",
        "The {what} was {participle} by {who} at the {where} on {when}.",
        "On {when} at the {where}, the {what} was {participle} by {who}.",
        "At the {where}, the {what} was {participle} on {when}; {who} had {participle} it.",
    ),
    questions={
        "who": ("Who {past} the {what} at the {where} on {when}?",),
        "what": ("What did {who} {base} at the {where} on {when}?",),
        "where": ("Where did {who} {base} the {what} on {when}?",),
        "when": ("On which day did {who} {base} the {what} at the {where}?",),
    },
    hints=("Do you know anything on {slots}?", "{slots}", "Remind me of {slots}, please."),
)


def make_world(
    split: Split, *, seed: int, episodes: int, cues: int, retold: bool = False, drop: float = 0.3, swap: float = 0.15
) -> World:
    """Return a world whose every cue has one right event.

    Args:
        split: where words and forms come from.
        seed: of everything random.
        episodes: how many are stored.
        cues: how many of each set.
        retold: whether each event is told three times.
        drop: share of a noisy cue's words that are left out.
        swap: share of a noisy cue's words that another word of the split's values replaces.
    """
    rng = random.Random(f"{split}-{seed}-{retold}")
    language = {"train": _TRAIN, "dev": _DEV, "test": _TEST}[split]
    pools = _pools(split)
    tellings = 3 if retold else 1
    count = -(-episodes // tellings)
    happened = _draw_events(pools, len(language.verbs), count, rng)
    told = [
        (language.tellings[form].format(**_fields(event, language)), number)
        for number, event in enumerate(happened)
        for form in rng.sample(range(len(language.tellings)), tellings)
    ]
    rng.shuffle(told)
    told = told[:episodes]
    asker = _Asker(
        happened, language, sorted({w for pool in pools.values() for v in pool for w in v.split() if len(w) > 3}), rng
    )
    held = sorted({number for _, number in told})
    sets = {
        "clean": asker.cues(held, cues, asker.clean),
        "partial": asker.cues(held, cues, asker.partial),
        "noisy": asker.cues(held, cues, lambda number: asker.noisy(number, drop, swap)),
        "typo": asker.cues(held, cues, asker.typo),
    }
    return World(texts=tuple(t for t, _ in told), events=tuple(number for _, number in told), cues=sets)


def _pools(split: Split) -> dict[str, list[str]]:
    words: Vocabulary = TEST if split == "test" else DEV
    half = {"test": slice(None), "dev": slice(0, None, 2), "train": slice(1, None, 2)}[split]
    firsts = [name for name in words.people if " " not in name][half]
    lasts = [name.split()[1] for name in words.people if " " in name][half]
    looks, things, places = words.looks[half], words.things[half], words.places[half]
    parts = {
        "test": ("in the morning", "in the evening"),
        "dev": ("at noon", "at night"),
        "train": ("at dawn", "at dusk"),
    }[split]
    return {
        "who": [f"{first} {last}" for first in firsts for last in lasts],
        "what": [f"{look} {thing}" for look in looks for thing in things],
        "where": [f"{site} {place}" for site in words.sites[half] for place in places],
        "when": [f"{day} {month} {part}" for month in words.months[half] for day in range(1, 29) for part in parts],
    }


def _draw_events(pools: Mapping[str, Sequence[str]], verbs: int, count: int, rng: random.Random) -> list[Event]:
    drawn: dict[str, list[str]] = {}
    for slot, pool in pools.items():
        values = list(pool)
        rng.shuffle(values)
        weights = [1 / (rank + 10) ** _RANK_WEIGHT for rank in range(len(values))]
        drawn[slot] = rng.choices(values, weights, k=2 * count)
    # Two events never share three slots, so that any question about the fourth has one answer
    seen: set[tuple[str, ...]] = set()
    kept: list[Event] = []
    for values in zip(*(drawn[slot] for slot in SLOTS), strict=True):
        triples = set(_triples(values))
        if seen.isdisjoint(triples):
            seen |= triples
            fields = dict(zip(SLOTS, values, strict=True))
            kept.append(Event(**fields, verb=rng.randrange(verbs)))
        if len(kept) == count:
            return kept
    raise RuntimeError(f"the pools hold too few events for {count}")


def _triples(values: Sequence[str]) -> list[tuple[str, ...]]:
    return [(*values[:i], "", *values[i + 1 :]) for i in range(len(values))]


def _fields(event: Event, language: _Language) -> dict[str, str]:
    base, past, participle = language.verbs[event.verb]
    return {slot: getattr(event, slot) for slot in SLOTS} | {"base": base, "past": past, "participle": participle}


class _Asker:
    """Makes cues, and refuses those that another event answers as well."""

    def __init__(self, events: Sequence[Event], language: _Language, words: Sequence[str], rng: random.Random) -> None:
        self._events, self._language, self._words, self._rng = events, language, words, rng
        self._known = {word.lower() for word in words}
        self._with_word: dict[str, set[int]] = defaultdict(set)
        self._with_values: Counter[tuple[tuple[str, str], ...]] = Counter()
        for number, event in enumerate(events):
            for word in event.words():
                self._with_word[word].add(number)
            pairs = [(slot, getattr(event, slot)) for slot in SLOTS]
            self._with_values.update((pair,) for pair in pairs)
            self._with_values.update(combinations(pairs, 2))

    def cues(self, held: Sequence[int], count: int, make: Callable[[int], str | None]) -> tuple[Cue, ...]:
        """Return `count` cues for events drawn without replacement; `make` refuses with None."""
        order = self._rng.sample(held, len(held))
        made: list[Cue] = []
        for number in order:
            text = make(number)
            if text is not None:
                made.append(Cue(text=text, event=number))
            if len(made) == count:
                return tuple(made)
        raise RuntimeError(f"only {len(made)} of {count} cues have one answer; draw a larger world")

    def clean(self, number: int) -> str:
        """A question that names three slots; no two events share three."""
        asked = self._rng.choice(SLOTS)
        form = self._rng.choice(self._language.questions[asked])
        return form.format(**_fields(self._events[number], self._language))

    def partial(self, number: int) -> str | None:
        """One or two slots that no other event has together."""
        event = self._events[number]
        count = self._rng.choice((1, 2))
        pairs = [(slot, getattr(event, slot)) for slot in SLOTS]
        chosen = [c for c in combinations(pairs, count) if self._with_values[c] == 1]
        if not chosen:
            return None
        picked = self._rng.choice(chosen)
        values = [value if slot in ("who", "when") else f"the {value}" for slot, value in picked]
        return self._rng.choice(self._language.hints).format(slots=" and ".join(values))

    def noisy(self, number: int, drop: float, swap: float) -> str | None:
        """A question with words left out and words replaced by words of other events' values."""
        words = self.clean(number).rstrip("?.").split()
        noisy = [
            self._rng.choice(self._words) if self._rng.random() < swap / (1 - drop) else word
            for word in words
            if self._rng.random() >= drop
        ]
        text = " ".join(noisy)
        return text if noisy and self._best(text) == [number] else None

    def typo(self, number: int) -> str | None:
        """A question with two letters exchanged or one lost in most of its longer words; no word becomes another."""
        words = [self._mistyped(word) for word in self.clean(number).split()]
        return None if any(word is None for word in words) else " ".join(w for w in words if w)

    def _mistyped(self, word: str) -> str | None:
        letters = [i for i, letter in enumerate(word[:-1]) if letter.isalpha() and word[i + 1].isalpha()]
        if len(letters) < 3 or self._rng.random() < 0.3:
            return word
        place = self._rng.choice(letters[1:])
        if self._rng.random() < 0.5:
            changed = word[:place] + word[place + 1 :]
        else:
            changed = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        return None if _WORD.findall(changed.lower())[0] in self._known and changed != word else changed

    def _best(self, text: str) -> list[int]:
        """Return the events that share the most words with the text."""
        shared = Counter(n for word in set(_WORD.findall(text.lower())) for n in self._with_word.get(word, ()))
        most = max(shared.values(), default=0)
        return [number for number, count in shared.items() if count == most]
