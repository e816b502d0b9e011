"""Questions in wordings that a night teaches to nobody, from what was told: those for development, and those for test.

The wordings of the test split were written before any night was asked in them, and no lesson was chosen by them. The
"now" was added after one run on test worlds: without it the store's arms could not tell a fact from its former values.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hippo_lab.worlds import Question, Split, World
from hippo_train import rewrite_traces
from hippo_train.consolidation import Clause, is_name, read_clause, split_sentences

_NAMED: Mapping[Split, tuple[str, ...]] = {
    "dev": ("Tell me {name}.", "Can you give {name}?", "What is listed as {name}?"),
    "test": (
        "Let me know {name}.",
        "I would like to hear {name}.",
        "Somebody asked about {name}; {what} is it?",
        "What should I write down as {name}?",
        "As for {owner}, {what} is its {property}?",
        "Which {property} belongs to {owner}?",
    ),
}


def rephrase_questions(world: World) -> World:
    """Return the world with its questions in wordings of `reworded`; one whose answer cannot be found keeps its own."""
    texts = {item.key: item.episode.text for item in world.items}
    rng = random.Random(f"{world.suite}/{world.seed}")
    questions: list[Question] = []
    for question in world.questions:
        told = [
            clause for key in question.gold for each in split_sentences(texts[key]) if (clause := read_clause(each))
        ]
        found = next((text for clause in told if (text := _as_asked(question, clause, world.split, rng))), None)
        if found and question.resolve == "latest":  # as its own wording did: the store's arms go by that word
            found = f"{found[:-1]} now{found[-1]}"
        questions.append(replace(question, text=found or question.text))
    return replace(world, questions=tuple(questions))


def taught_wordings(texts: Sequence[str]) -> set[str]:
    """Return every question that the rewriter makes of traces."""
    return {question.text for rewrite in rewrite_traces(texts) for question in rewrite.questions}


def reworded(clause: Clause, role: str, cue: Sequence[str], split: Split, rng: random.Random) -> str | None:
    """Return a question about one part of a clause that mentions others, or None where no wording fits.

    Args:
        clause: what was told.
        role: the part that is asked for, a key of `clause.parts`.
        cue: the parts that are mentioned.
        split: whose wordings are drawn from.
        rng: draws.
    """
    if clause.copular:
        forms = list(_named(clause, role, cue, split))
    else:
        forms = list((_gapped if split == "test" else _indirect)(clause, role, cue))
    text = rng.choice(forms) if forms else None
    return text and text[0].upper() + text[1:]


def _as_asked(question: Question, clause: Clause, split: Split, rng: random.Random) -> str | None:
    """Return a question about the same part, with the same parts mentioned."""
    role = next((role for role in clause.parts if clause.answer(role).lower() == question.answer.lower()), None)
    mentioned = [each.lower() for each in question.cue.values()]
    cue = [
        each
        for each, phrase in clause.parts.items()
        if each != role and any(value in phrase.lower() for value in mentioned)
    ]
    return reworded(clause, role, cue, split, rng) if role and cue else None


def _named(clause: Clause, role: str, cue: Sequence[str], split: Split) -> Iterator[str]:
    name, _, owner = clause.subject.partition(" of ")
    if role == "object" and "subject" in cue and owner:
        what = "who" if is_name(clause.object) else "what"
        for form in _NAMED[split]:
            yield form.format(name=clause.subject, property=name.removeprefix("the "), owner=owner, what=what)


def _indirect(clause: Clause, role: str, cue: Sequence[str]) -> Iterator[str]:
    """Return wordings for development; of the past alone."""
    subject = clause.subject if "subject" in cue else ""
    thing = clause.object if "object" in cue else "something"
    tail, by = clause.tail(cue), f" by {subject}" if subject else ""
    adverbial = clause.adverbial(role)
    if clause.tense == "present":
        return
    if role == "subject":
        yield f"can you say who {clause.finite} {thing}{tail}?"
        yield f"name the one who {clause.finite} {thing}{tail}."
    elif role == "object":
        yield f"which item was {clause.participle}{by}{tail}?"
        if subject:
            yield f"name the thing that {subject} {clause.finite}{tail}."
    elif adverbial is not None and adverbial.kind in ("where", "when"):
        at, noun = ("at which place", "place") if adverbial.kind == "where" else ("at what time", "time")
        yield f"{at} was {thing} {clause.participle}{by}{tail}?"
        if subject:
            yield f"what was the {noun} when {subject} {clause.finite} {thing}{tail}?"


def _gapped(clause: Clause, role: str, cue: Sequence[str]) -> Iterator[str]:
    """Return wordings for test: what is known, and then what is asked."""
    person = is_name(clause.subject)
    subject = clause.subject if "subject" in cue else "somebody" if person else "something"
    thing = clause.object if "object" in cue else "something" if clause.object else ""
    known = " ".join(f"{subject} {clause.finite} {thing}{clause.tail(cue)}".split())
    be, adverbial = "was" if clause.tense == "past" else "is", clause.adverbial(role)
    if role == "subject":
        yield f"{known}. {'Who' if person else 'What'} {be} it?"
    elif adverbial is None:
        yield f"{known}. What {be} it?"
        yield f"{known}: namely what?"
    elif adverbial.kind == "where":
        yield f"{known}. In what location?"
        yield f"{known}; where {be} that?"
    elif adverbial.kind == "when":
        yield f"{known}. On which day?"
        yield f"{known}; when {be} that?"
