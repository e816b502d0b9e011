"""What a night trains on, as tokens: statements and questions of the traces, and what the model says by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel
from torch import Tensor
from torch.nn import functional

from hippo_train.consolidation.rewrites import ReplayQuestion, Rewrite
from hippo_train.consolidation.split import Progress, SplitModel

TOP = 64
"""Tokens whose probability a soft target keeps; the others share what is left."""
_ASKED_TOGETHER = (1, 1, 1, 1, 4)  # questions in a row: alone, as most are asked, and after others


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A lesson before any model read it."""

    tokens: tuple[int, ...]
    learnt: tuple[int, ...]
    """The places of the tokens that are learnt, from 1: the first token follows from nothing."""
    questions: int = 0
    """How many questions about traces it asks."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """A row of tokens, what the blocks below the cut make of it, and what is learnt of it."""

    states: Tensor
    """(tokens, hidden)."""
    learnt: Tensor
    """(n,); as in `Row`."""
    target: Tensor | SoftTarget
    """What is to be expected there: tokens (n,), or a frozen model's expectations."""
    questions: int = 0


def questions_row(model: LanguageModel, asked: Sequence[tuple[str, str]]) -> Row:
    """Return questions one after another, in the form in which they will be asked; answers and their ends are learnt.

    A question that follows others is what a question after worked examples is, and costs no token more.
    """
    tokens: list[int] = []
    learnt: list[int] = []
    for question, answer in asked:
        tokens += model.encode(("\n" if tokens else "") + DEFAULT_TEMPLATE.prompt(question, []))
        said = model.encode(f" {answer}\n")
        learnt += range(len(tokens), len(tokens) + len(said))
        tokens += said
    return Row(tokens=tuple(tokens), learnt=tuple(learnt), questions=len(asked))


def text_row(tokens: Sequence[int]) -> Row:
    """Return a text, all of which is learnt but its first token."""
    return Row(tokens=tuple(tokens), learnt=tuple(range(1, len(tokens))))


def statement_row(model: LanguageModel, text: str) -> Row:
    """Return a statement on a line of its own, all of which is learnt."""
    return text_row(model.encode(f"\n{text}\n"))


def packed_rows(
    model: LanguageModel, questions: Sequence[Sequence[ReplayQuestion]], *, rounds: int, rng: random.Random
) -> list[Row]:
    """Return every trace's questions in rows of one or four, each question in `rounds` rows.

    No trace is asked about a second time before all that have a question left were asked about once.
    """
    rows: list[Row] = []
    for _ in range(rounds):
        shuffled = [rng.sample(several, len(several)) for several in questions]
        order: list[ReplayQuestion] = []
        for turn in range(max(map(len, shuffled), default=0)):
            asked = [several[turn] for several in shuffled if turn < len(several)]
            order += rng.sample(asked, len(asked))
        while order:
            size = rng.choice(_ASKED_TOGETHER)
            rows.append(questions_row(model, [(each.text, each.answer) for each in order[:size]]))
            del order[:size]
    return rows


def as_lessons(split: SplitModel, rows: Sequence[Row], *, progress: Progress | None = None) -> list[Lesson]:
    """Return rows whose own tokens are learnt."""
    return [
        Lesson(
            states=states,
            learnt=torch.tensor(row.learnt),
            target=torch.tensor([row.tokens[place] for place in row.learnt], device=states.device),
            questions=row.questions,
        )
        for row, states in zip(rows, split.states([row.tokens for row in rows], progress=progress), strict=True)
    ]


@torch.no_grad()
def as_reminders(split: SplitModel, rows: Sequence[Row], *, batch_size: int = 32) -> list[Lesson]:
    """Return rows of which the model is to go on expecting what it expects now."""
    reminders: list[Lesson] = []
    for start in range(0, len(rows), batch_size):
        lessons = as_lessons(split, rows[start : start + batch_size])
        logits = split.logits([lesson.states for lesson in lessons], [lesson.learnt for lesson in lessons])
        parts = logits.split([len(lesson.learnt) for lesson in lessons])
        reminders += [replace(lesson, target=SoftTarget.of(part)) for lesson, part in zip(lessons, parts, strict=True)]
    return reminders


def loss_of(split: SplitModel, lessons: Sequence[Lesson]) -> Tensor:
    """Return the mean loss of a token, in nats: cross-entropy, or the divergence from a soft target."""
    logits = split.logits([lesson.states for lesson in lessons], [lesson.learnt for lesson in lessons])
    parts = logits.split([len(lesson.learnt) for lesson in lessons])
    losses = [
        lesson.target.divergence(part)
        if isinstance(lesson.target, SoftTarget)
        else functional.cross_entropy(part, lesson.target, reduction="none")
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
