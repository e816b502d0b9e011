"""Synthetic episodes and questions to train readers on: clusters of episodes that nearly say the same thing.

A question's distractors come from its own cluster, where they share slots with the episode that answers it, and from
others. What an experiment tests with is disjoint: names, values and sentence forms.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hippo_train._grammar import EVENT_QUESTIONS, EVENT_TEXTS, FAMILIES, PLACE_PREPOSITIONS, VERBS, Family
from hippo_train._word_lists import GRAMMAR
from hippo_train.words import Words

EVENT_SHARE = 0.4
"""Share of the clusters that are composed events."""
QUESTIONS_PER_EPISODE = 2
NEAR_SHARE = 0.5
"""Share of the values that differ within a cluster which do so in one digit or one word."""
ECHO_SHARE = 0.3
"""Share of the numbers that repeat digits of another value of their episode."""
ASIDE_SHARE = 0.1
"""Share of the questions that say something which no episode says and which matters to none."""
SHORT_SHARE = 0.15
"""Share of the questions that name one thing, place or person in short: the pump for the bilge pump."""
_ASIDES = ("currently", "at present", "these days", "exactly", "again", "as far as you know", "by the way", "nowadays")
_NUMBERS = ("number", "value", "code")
"""Kinds of values in which any digit may stand."""
_HEADED = ("thing", "place", "facility", "spot", "creature")
"""Kinds of values whose last word says what they are."""
_PREPOSITION = re.compile(r"^(on top of|next to|in front of|in|on|at|before|after|around|[a-z]+)( the)? ")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingQuestion:
    """A question about one episode of a cluster."""

    text: str
    answer: str
    """A part of the episode's text."""
    gold: int
    """Place in the cluster of the episode that answers it."""
    rivals: tuple[int, ...]
    """Places of the episodes that do not: each differs in something that the question mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Episodes that share slots, and questions that tell them apart."""

    family: str
    episodes: tuple[str, ...]
    questions: tuple[TrainingQuestion, ...]


def make_cluster(words: Words, rng: random.Random, *, size: int = 8) -> Cluster:
    """Return a cluster of `size` episodes, with up to two questions about each.

    Args:
        words: where slot values come from.
        rng: where chance comes from.
        size: episodes in it.
    """
    event = rng.random() < EVENT_SHARE
    family = _EVENT if event else rng.choice(FAMILIES)
    told = _tell(family, words, rng, size)
    texts = tuple(_written(family, slots, rng) for slots in told)
    questions: list[TrainingQuestion] = []
    for place, slots in enumerate(told):
        for _ in range(QUESTIONS_PER_EPISODE):
            question = _ask(family, told, place, slots, texts[place], rng)
            if question is not None:
                questions.append(question)
    return Cluster(family=family.name, episodes=texts, questions=tuple(questions))


_EVENT = Family(
    name="event",
    slots={"who": "person", "what": "thing", "place": "place", "time": "time"},
    texts=EVENT_TEXTS,
    questions=EVENT_QUESTIONS,
)
Slots = dict[str, str]


def _tell(family: Family, words: Words, rng: random.Random, size: int) -> list[Slots]:
    told: list[Slots] = []
    verbs = rng.sample(VERBS, k=rng.choice((1, 1, 2, 4)))
    while len(told) < size:
        kept: Slots = {}
        other: Slots = {}
        if told:
            other = rng.choice(told)
            changed = rng.sample(list(family.slots), k=rng.choice((1, 1, 2, 2, 3)))
            kept = {slot: value for slot, value in other.items() if slot not in changed}
        slots = {
            slot: kept.get(slot) or _fresh(words, rng, kind, other.get(slot, ""), bare=family is _EVENT)
            for slot, kind in family.slots.items()
        }
        if family is _EVENT:
            if "place" not in kept:
                slots["place"] = f"{rng.choice(PLACE_PREPOSITIONS)} {slots['place']}"
            verb = rng.choice(verbs) if rng.random() < 0.4 or "base" not in kept else None
            forms = verb or (kept["base"], kept["past"], kept["participle"])
            slots |= dict(zip(("base", "past", "participle"), forms, strict=True))
        for slot, kind in family.slots.items():
            if kind in _NUMBERS and slot not in kept and rng.random() < ECHO_SHARE:
                slots[slot] = words.echo(
                    slots[slot], of=slots[rng.choice([name for name in family.slots if name != slot])]
                )
        values = [slots[slot] for slot in family.slots]
        if len(set(values)) == len(values) and slots not in told:
            told.append(slots)
    return told


def _fresh(words: Words, rng: random.Random, kind: str, other: str, *, bare: bool) -> str:
    """Return a new value, often one that nearly is the value it replaces."""
    if not other or rng.random() >= NEAR_SHARE:
        return words.draw(kind)
    return words.near(_PREPOSITION.sub("", other) if bare and kind == "place" else other, kind)


def _written(family: Family, slots: Mapping[str, str], rng: random.Random) -> str:
    return _capital(_filled(rng.choice(family.texts), slots))


def _filled(form: str, slots: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return slots[name] if name in slots else _capital(slots[name.lower()])

    return re.sub(r"\{(\w+)\}", value, form)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ask(
    family: Family, told: list[Slots], place: int, slots: Slots, text: str, rng: random.Random
) -> TrainingQuestion | None:
    slot = rng.choice(list(family.questions))
    form = rng.choice(family.questions[slot])
    if family is _EVENT:
        free = [name for name in ("place", "time") if name != slot]
        tail = rng.sample(free, k=rng.randint(0, len(free)))
        form = form.replace("{tail}", "".join(f" {{{name}}}" for name in tail))
    cue = {name: slots[name] for name in re.findall(r"\{(\w+)\}", form) if name in slots}
    if cue and rng.random() < SHORT_SHARE:
        name = rng.choice(list(cue))
        cue[name] = _short(cue[name], family.slots.get(name, ""))
    rivals = tuple(
        other
        for other, theirs in enumerate(told)
        if not all(_may_mean(value, theirs[name], family.slots.get(name, "")) for name, value in cue.items())
    )
    answer = slots[slot]
    if family.slots[slot] in ("time", "spot") or (family is _EVENT and slot == "place"):
        answer = _PREPOSITION.sub("", answer)
    question = _capital(_filled(form, cue))
    if question.endswith("?") and rng.random() < ASIDE_SHARE:
        question = f"{question[:-1]} {rng.choice(_ASIDES)}?"
    # A question that holds its own answer, or that most of the cluster answers, teaches nothing
    if answer not in text or answer in question or len(rivals) < len(told) // 2:
        return None
    return TrainingQuestion(text=question, answer=answer, gold=place, rivals=rivals)


def _may_mean(value: str, theirs: str, kind: str) -> bool:
    """Return whether a value may be meant by a cue: "the lamp" may well mean the green lamp."""
    return f" {value} " in f" {theirs} " or value == _short(theirs, kind)


def _short(value: str, kind: str) -> str:
    """Return a value as one may name it in short: a person by the first name, a thing without its modifier."""
    words = value.split()
    if kind == "person":
        return words[0]
    if kind in _HEADED and len(words) > 1 and words[-2].lower() not in GRAMMAR:
        del words[-2]
    return " ".join(words)
