"""Scenario B, hot patch: a fact is taught, later replaced, and asked as it is now. Some facts are never touched."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hippo_core import InvalidInputError
from hippo_lab.worlds import World

from hei_nw.suites.base import Deck, Draft, Inquiry, WorldRequest, assemble, small_talk
from hei_nw.suites.filler import Filler
from hei_nw.suites.vocabulary import Vocabulary

PATCHED_SHARE = 0.6
"""Share of the questions about facts that were replaced at least once."""
TWICE_SHARE = 0.25
"""Share of the replaced facts that were replaced twice."""
ATTRIBUTES = ("passcode", "phone extension", "serial number", "call sign", "keeper")
_PATCHES = (
    "Update: the {attribute} of the {entity} is now {value}.",
    "The {attribute} of the {entity} has changed to {value}.",
    "Correction: the {attribute} of the {entity} is {value} from now on.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    entity: str
    attribute: str
    values: tuple[str, ...]
    """In the order in which they held."""


def build(request: WorldRequest) -> World:
    """Make the world. Cost: under 0.5 s for 1,000 episodes and 200 questions."""
    rng = request.rng()
    patched = round(PATCHED_SHARE * request.questions)
    asked = _facts(request, rng, patched=patched)
    drafts = {fact: _tellings(fact, rng) for fact in asked}
    # Facts that nobody asks about fill the room that filler leaves
    spare = request.episodes - request.filler_items - sum(map(len, drafts.values()))
    others = {fact: _tellings(fact, rng) for fact in _unasked(request, rng, asked, items=spare)}
    told = sum(map(len, drafts.values())) + sum(map(len, others.values()))
    filler = small_talk(request, Filler(split=request.split, rng=rng), rng, count=request.episodes - told)
    taught = _interleave([*drafts.values(), *others.values(), *([draft] for draft in filler)], rng)
    inquiries = [_inquiry(fact, drafts[fact]) for fact in asked]
    rng.shuffle(inquiries)
    return assemble(request, taught, inquiries)


def _facts(request: WorldRequest, rng: random.Random, *, patched: int) -> list[_Fact]:
    names = _fact_names(request.vocabulary, rng)
    if len(names) < request.questions:
        raise InvalidInputError(
            f"the {request.split} vocabulary names {len(names)} facts, fewer than the {request.questions} questions; "
            "ask fewer questions."
        )
    values = _Values(request.vocabulary, rng)
    facts: list[_Fact] = []
    for number in range(request.questions):
        entity, attribute = names[number]
        versions = 1 if number >= patched else 3 if number < TWICE_SHARE * patched else 2
        facts.append(
            _Fact(entity=entity, attribute=attribute, values=tuple(values.draw(attribute) for _ in range(versions)))
        )
    return facts


def _unasked(request: WorldRequest, rng: random.Random, asked: list[_Fact], *, items: int) -> list[_Fact]:
    taken = {(fact.entity, fact.attribute) for fact in asked}
    names = [name for name in _fact_names(request.vocabulary, rng) if name not in taken]
    values = _Values(request.vocabulary, rng, used={value for fact in asked for value in fact.values})
    facts: list[_Fact] = []
    room = items
    for entity, attribute in names:
        versions = min(room, 2 if rng.random() < 0.3 else 1)
        if versions < 1:
            break
        facts.append(
            _Fact(entity=entity, attribute=attribute, values=tuple(values.draw(attribute) for _ in range(versions)))
        )
        room -= versions
    return facts


def _fact_names(words: Vocabulary, rng: random.Random) -> list[tuple[str, str]]:
    names = [(entity, attribute) for entity in words.installations() for attribute in ATTRIBUTES]
    rng.shuffle(names)
    return names


class _Values:
    """Draws values that no other fact of the world has, except for keepers, who may keep several installations."""

    def __init__(self, words: Vocabulary, rng: random.Random, *, used: set[str] | None = None) -> None:
        self._words = words
        self._rng = rng
        self._used = set(used or ())
        self._keepers = Deck(words.people, rng)

    def draw(self, attribute: str) -> str:
        if attribute == "keeper":
            return self._keepers.deal()
        for _ in range(10_000):
            value = self._candidate(attribute)
            if value not in self._used:
                self._used.add(value)
                return value
        raise InvalidInputError(f"no unused value is left for {attribute!r}; ask for fewer episodes.")

    def _candidate(self, attribute: str) -> str:
        if attribute == "call sign":
            return f"{self._rng.choice(self._words.call_words)} {self._rng.randint(2, 99)}"
        if attribute == "serial number":
            return str(self._rng.randint(10_000, 99_999))
        return str(self._rng.randint(1024, 9999))


def _tellings(fact: _Fact, rng: random.Random) -> list[Draft]:
    first, *later = fact.values
    texts = [f"The {fact.attribute} of the {fact.entity} is {first}."]
    texts += [rng.choice(_PATCHES).format(attribute=fact.attribute, entity=fact.entity, value=value) for value in later]
    return [
        Draft(
            text=text,
            slots={"entity": fact.entity, "attribute": fact.attribute, "value": value},
            event="patch" if place else "fact",
        )
        for place, (text, value) in enumerate(zip(texts, fact.values, strict=True))
    ]


def _interleave(groups: list[list[Draft]], rng: random.Random) -> list[Draft]:
    """Shuffle all drafts together, keeping the order inside each group."""
    order = [number for number, group in enumerate(groups) for _ in group]
    rng.shuffle(order)
    waiting = [iter(group) for group in groups]
    return [next(waiting[number]) for number in order]


def _inquiry(fact: _Fact, tellings: list[Draft]) -> Inquiry:
    opening = "Who" if fact.attribute == "keeper" else "What"
    return Inquiry(
        text=f"{opening} is the {fact.attribute} of the {fact.entity} now?",
        answer=fact.values[-1],
        slot="value",
        cue={"entity": fact.entity, "attribute": fact.attribute},
        gold=tellings[-1],
        resolve="latest",
        stale=fact.values[:-1],
    )
