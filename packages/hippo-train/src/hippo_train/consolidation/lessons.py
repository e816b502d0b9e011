"""What a night trains on, as tokens: statements and questions of the traces, and what the model says by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel
from torch import Tensor
from torch.nn import functional

from hippo_train.consolidation.rewrites import ReplayQuestion, Rewrite
from hippo_train.consolidation.split import Progress, SplitModel

TOP = 64
"""Tokens whose probability a soft target keeps; the others share what is left."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoftTarget:
    """What a frozen model expected at each place: its likeliest tokens."""

    log_probs: Tensor
    """(n, TOP), in nats."""
    tokens: Tensor
    """(n, TOP)."""

    @classmethod
    def of(cls, logits: Tensor) -> SoftTarget:
        """Return the target that logits (n, vocabulary) set."""
        best = logits.log_softmax(-1).topk(min(TOP, logits.shape[-1]), -1)
        return cls(log_probs=best.values, tokens=best.indices)

    def divergence(self, logits: Tensor) -> Tensor:
        """Return KL(target ‖ model) at each place, (n,), in nats; the tokens that were not kept count as one."""
        said = logits.log_softmax(-1).gather(-1, self.tokens)
        kept, mine = self.log_probs.exp(), said.exp()
        rest, my_rest = (1 - kept.sum(-1)).clamp_min(1e-6), (1 - mine.sum(-1)).clamp_min(1e-6)
        return (kept * (self.log_probs - said)).sum(-1) + rest * (rest.log() - my_rest.log())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """A row of tokens and what is learnt of it."""

    tokens: tuple[int, ...]
    start: int
    """The first token that is learnt; from 1."""
    states: Tensor
    """What the blocks below the cut make of it, (tokens, hidden)."""
    soft: SoftTarget | None = None
    """What is to be expected from `start` on; None is the tokens themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A lesson before any model read it."""

    tokens: tuple[int, ...]
    start: int


def question_row(model: LanguageModel, question: str, answer: str) -> Row:
    """Return a question in the form in which it will be asked; the answer and its end are learnt."""
    asked = model.encode(DEFAULT_TEMPLATE.prompt(question, []))
    return Row(tokens=(*asked, *model.encode(f" {answer}\n")), start=len(asked))


def statement_row(model: LanguageModel, text: str) -> Row:
    """Return a text, all of which is learnt."""
    return Row(tokens=tuple(model.encode(f"\n{text}\n")), start=1)


def as_lessons(split: SplitModel, rows: Sequence[Row], *, progress: Progress | None = None) -> list[Lesson]:
    """Return rows whose own tokens are learnt."""
    states = split.states([row.tokens for row in rows], progress=progress)
    return [Lesson(tokens=row.tokens, start=row.start, states=each) for row, each in zip(rows, states, strict=True)]


@torch.no_grad()
def as_reminders(split: SplitModel, rows: Sequence[Row], *, batch_size: int = 32) -> list[Lesson]:
    """Return rows of which the model is to go on expecting what it expects now."""
    reminders: list[Lesson] = []
    for start in range(0, len(rows), batch_size):
        lessons = as_lessons(split, rows[start : start + batch_size])
        logits = split.logits([lesson.states for lesson in lessons], [lesson.start for lesson in lessons])
        parts = logits.split([len(lesson.tokens) - lesson.start for lesson in lessons])
        reminders += [
            Lesson(tokens=each.tokens, start=each.start, states=each.states, soft=SoftTarget.of(part))
            for each, part in zip(lessons, parts, strict=True)
        ]
    return reminders


def loss_of(split: SplitModel, lessons: Sequence[Lesson]) -> Tensor:
    """Return the mean loss of a token, in nats: cross-entropy, or the divergence from a soft target."""
    logits = split.logits([lesson.states for lesson in lessons], [lesson.start for lesson in lessons])
    parts = logits.split([len(lesson.tokens) - lesson.start for lesson in lessons])
    losses = [
        functional.cross_entropy(
            part, torch.tensor(lesson.tokens[lesson.start :], device=part.device), reduction="none"
        )
        if lesson.soft is None
        else lesson.soft.divergence(part)
        for lesson, part in zip(lessons, parts, strict=True)
    ]
    return torch.cat(losses).mean()


def held_out(
    rewrite: Rewrite, *, check: int, most: int, rng: random.Random
) -> tuple[list[ReplayQuestion], list[ReplayQuestion]]:
    """Return the questions of a trace that are learnt, at most `most`, and `check` others that only judge the night.

    A trace with few questions gives none away: it is judged by what it was taught.
    """
    drawn = rng.sample(rewrite.questions, len(rewrite.questions))
    if len(drawn) < 2 * check:
        return drawn[:most], drawn[:check]
    return drawn[check : check + most], drawn[:check]
