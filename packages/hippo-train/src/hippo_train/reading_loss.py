"""What an `EpisodicAdapter` is trained on, and what it is judged by, both from states computed once."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from hippo_adapters import EpisodicAdapter
from hippo_adapters.episodic_adapter import NULL
from torch import Tensor

from hippo_train.pool import Asked, Batch, Pool, make_batch

QUIET = 0.1
"""Weight of the null slot while a question is read."""
REFUSED = 1.0
"""Weight of the null slot where no trace answers."""


def attention_of(adapter: EpisodicAdapter, batch: Batch) -> Tensor:
    """Return the adapter's log attention over a batch, (rows, columns, 2 + M)."""
    memory = adapter.prepare(batch.memory)
    found, _ = adapter.match(batch.tokens, batch.low, batch.real, memory)
    return adapter.attend(batch.low, batch.high, found, memory)


def reading_loss(adapter: EpisodicAdapter, batch: Batch) -> Tensor:
    """Return the loss of a batch: the negative log of the attention to where it should be.

    For each token of an answer that is the token's place in the gold trace, after the last one the end; null while the
    question is read, and for all that the base model says where no trace answers. Means over each kind.

    The values are computed from the model, so attention in the right place is the right token said: the cross-entropy
    of the answer adds nothing, and in its place loses (docs/LOG.md).

    Args:
        adapter: what is trained.
        batch: from `make_batch`.
    """
    missed = -attention_of(adapter, batch).gather(2, batch.target.clamp_min(0)[..., None])[..., 0]
    kinds = ((batch.answering, 1.0), (batch.quiet, QUIET), (batch.refusing, REFUSED))
    return torch.stack([weight * missed[where].mean() for where, weight in kinds if where.any()]).sum()


@torch.no_grad()
def exact_match(adapter: EpisodicAdapter, pool: Pool, questions: Sequence[Asked], *, traces: int) -> float:
    """Return the share of questions for which every token of the answer, and its end, is attended to most.

    The distractors are as similar as can be. Every token is judged after the right ones before it.
    """
    right = 0
    for batch in _batches(adapter, pool, questions, traces):
        found = attention_of(adapter, batch).argmax(dim=2)
        slots = batch.said.gather(1, found)  # a token that stands in two places is the same answer
        wanted = batch.said.gather(1, batch.target.clamp_min(0))
        right += int(((slots == wanted) | ~batch.answering).all(dim=1).sum())
    return right / len(questions)


@torch.no_grad()
def refusals(adapter: EpisodicAdapter, pool: Pool, questions: Sequence[Asked], *, traces: int) -> float:
    """Return the share of questions without their gold trace at whose first token nothing is read."""
    silent = 0
    for batch in _batches(adapter, pool, questions, traces):
        attention = attention_of(adapter, batch)
        first = batch.refusing.int().argmax(dim=1)
        null = attention[torch.arange(len(first)), first, NULL].exp()
        silent += int((null >= 1 - adapter.config.read_above).sum())
    return silent / len(questions)


def _batches(adapter: EpisodicAdapter, pool: Pool, questions: Sequence[Asked], traces: int) -> list[Batch]:
    return [
        make_batch(
            pool,
            questions[start : start + 32],
            random.Random(start),
            traces=traces,
            hard=1.0,
            device=adapter.slot_keys.device,
        )
        for start in range(0, len(questions), 32)
    ]
