"""A kind of episode: its slots, the sentences that tell it, the questions that ask about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of episode."""

    name: str
    slots: dict[str, str]
    """Slot to the kind of its values (see `hippo_train.words.Words.draw`)."""
    texts: tuple[str, ...]
    """Sentence forms; each holds every slot once."""
    questions: dict[str, tuple[str, ...]]
    """Slot to the questions that it answers; what else a question mentions is its cue."""


def family(name: str, slots: str, texts: str, /, **questions: str) -> Family:
    """Return a family from text: `slot:kind` pairs, and sentences and questions one a line."""
    return Family(
        name=name,
        slots=dict(pair.split(":") for pair in slots.split()),
        texts=_lines(texts),
        questions={slot: _lines(forms) for slot, forms in questions.items()},
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())
