"""Training of an `EpisodicAdapter`: the base model is frozen and reads every episode once."""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from hippo_adapters import EpisodicAdapter, EpisodicAdapterConfig, LanguageModel
from hippo_core.errors import InvalidInputError
from torch import nn

from hippo_train.alike import AlikeWords
from hippo_train.episodes import Cluster, make_cluster
from hippo_train.out_of_memory import memory_explained
from hippo_train.pool import Pool, make_batch, make_pool
from hippo_train.reading_loss import exact_match, reading_loss, refusals
from hippo_train.words import Words, reserved_words, whole_words

JUDGED_QUESTIONS = 256
"""Held-out questions behind each figure of the log."""

AVERAGED = 10
"""The adapter is a mean of the weights of all steps, above all of about the last one in so many of them: those of
single steps swing between reading too much and too little (source: polynomial-decay averaging, arXiv:1212.1824)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterTrainingConfig:
    """How an adapter is trained.

    Raises:
        InvalidInputError: a number out of its range.
    """

    clusters: int = 1600
    """Groups of eight similar episodes, each with up to sixteen questions."""
    held_out_clusters: int = 30
    """The same for the figures in the log, of words from the model's vocabulary that training does not use."""
    steps: int = 4000
    """Steps of the optimizer."""
    rows: int = 48
    """Questions in a step, fewer where they have many traces."""
    traces_per_step: int = 128
    """Traces in a step, about."""
    trace_counts: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 32)
    """Numbers of traces that the questions of a step may have."""
    unanswerable: float = 0.3
    """Share of questions without their gold trace, followed by what the base model says."""
    hard: float = 0.75
    """Share of questions whose other traces are all as similar as can be."""
    learning_rate: float = 1.5e-3
    """At its highest, after 50 steps; a cosine brings it down to a twentieth."""
    log_every: int = 200
    """Steps."""
    seed: int = 0
    """Of the episodes, the starting weights and the batches."""

    def __post_init__(self) -> None:
        for name in ("clusters", "held_out_clusters", "steps", "rows", "traces_per_step", "log_every"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be a whole number from 1, not {getattr(self, name)!r}.")
        for name in ("unanswerable", "hard", "learning_rate"):
            if not isinstance(getattr(self, name), (int, float)):
                raise InvalidInputError(f"`{name}` must be a number, not {getattr(self, name)!r}.")
        for name in ("unanswerable", "hard"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInputError(f"`{name}` must lie in [0, 1], not {getattr(self, name)}.")
        if not self.trace_counts or min(self.trace_counts) < 1:
            raise InvalidInputError(f"`trace_counts` must be numbers from 1, not {self.trace_counts}.")
        if not 0 < self.learning_rate < 1:
            raise InvalidInputError(f"`learning_rate` must lie between 0 and 1, not {self.learning_rate}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """Where a training run stands."""

    step: int
    seconds: float
    """Since the first step."""
    loss: float
    """Of this step's batch."""
    em: dict[int, float]
    """Number of traces to strict EM on held-out questions, the distractors as similar as can be."""
    refused: float
    """Share of held-out questions without their gold trace, eight others shown, that are left to the base model."""


def training_clusters(model: LanguageModel, *, seed: int, count: int, held_out: bool) -> list[Cluster]:
    """Return clusters of episodes and questions.

    Args:
        model: whose tokenizer's words are used beside the written lists.
        seed: of all that is drawn.
        count: how many.
        held_out: a fifth of the tokenizer's words is for these alone, the others for training alone. Written lists and
            sentence forms are the same in both.
    """
    words = whole_words(model.tokenizer.get_vocab())
    part = [word for number, word in enumerate(words) if (number % 5 == 0) == held_out]
    rng = random.Random(f"{seed}/{'held out' if held_out else 'training'}")
    drawn = Words(part, reserved=reserved_words(), rng=rng, alike=AlikeWords(model, part))
    return [make_cluster(drawn, rng) for _ in range(count)]


@memory_explained("fewer `clusters`, `rows` or `traces_per_step`, or `dtype` bfloat16")
def train_adapter(
    model: LanguageModel,
    training: AdapterTrainingConfig | None = None,
    *,
    shape: EpisodicAdapterConfig | None = None,
    on_read: Callable[[int, int], None] | None = None,
    on_step: Callable[[int], None] | None = None,
    on_log: Callable[[LogEntry], None] | None = None,
) -> tuple[EpisodicAdapter, list[LogEntry]]:
    """Train an adapter for a frozen model on synthetic episodes.

    The model reads every episode and question once; the steps then work on what it computed, with gradients in the
    adapter alone: none passes through a block of the model. The same arguments give the same weights on the same
    machine.

    Args:
        model: stays as it is.
        training: how; the defaults if None.
        shape: the adapter's blocks and sizes; those of SmolLM2-135M's adapter, at the same depth, if None.
        on_read: called with (texts read, texts in all) while the model reads.
        on_step: called with the number of steps done.
        on_log: called every `training.log_every` steps and after the last.

    Returns:
        The adapter in eval mode, and the log.

    Cost:
        For SmolLM2-135M on two CPU cores 11 minutes of reading and 0.16 s a step; memory for the states of every token
        read, 4 · hidden bytes each (3 GB with the defaults).

    Raises:
        InvalidInputError: a shape of another width or depth than the model's.
    """
    training = training or AdapterTrainingConfig()
    shape = shape or EpisodicAdapterConfig.of(model)
    held, pool = (
        make_pool(model, training_clusters(model, seed=training.seed, count=count, held_out=held_out), shape, progress)
        for count, held_out, progress in (
            (training.held_out_clusters, True, None),
            (training.clusters, False, on_read),
        )
    )
    return fit_adapter(model, training, shape, pool, held, on_step=on_step, on_log=on_log)


def fit_adapter(
    model: LanguageModel,
    training: AdapterTrainingConfig,
    shape: EpisodicAdapterConfig,
    pool: Pool,
    held: Pool,
    *,
    on_step: Callable[[int], None] | None = None,
    on_log: Callable[[LogEntry], None] | None = None,
) -> tuple[EpisodicAdapter, list[LogEntry]]:
    """Do the steps of `train_adapter` on states that are there already."""
    start = time.perf_counter()
    rng = random.Random(training.seed)
    adapter = EpisodicAdapter(shape, rng=torch.Generator().manual_seed(training.seed)).to(model.device)
    adapter.take_vocabulary(model)
    averaged = copy.deepcopy(adapter).requires_grad_(False)
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=training.learning_rate, weight_decay=0.01)
    judged = random.Random(0).sample(held.answered, k=min(JUDGED_QUESTIONS, len(held.answered)))
    refused = held.unaided[:JUDGED_QUESTIONS]
    log: list[LogEntry] = []
    for step in range(training.steps):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * _warm_cosine(step, training.steps)
        count = rng.choice(training.trace_counts)
        rows = max(4, min(training.rows, training.traces_per_step // count))
        unaided = sum(rng.random() < training.unanswerable for _ in range(rows))
        questions = [*rng.choices(pool.answered, k=rows - unaided), *rng.choices(pool.unaided, k=unaided)]
        batch = make_batch(pool, questions, rng, traces=count, hard=training.hard, device=model.device)
        loss = reading_loss(adapter, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(adapter.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for mean, part in zip(averaged.parameters(), adapter.parameters(), strict=True):
                mean.lerp_(part, AVERAGED / (AVERAGED + step))
        if on_step is not None:
            on_step(step + 1)
        if (step + 1) % training.log_every == 0 or step + 1 == training.steps:
            entry = LogEntry(
                step=step + 1,
                seconds=round(time.perf_counter() - start, 1),
                loss=round(loss.item(), 4),
                em={k: round(exact_match(averaged, held, judged, traces=k), 4) for k in (1, 2, 8)},
                refused=round(refusals(averaged, held, refused, traces=8), 4),
            )
            log.append(entry)
            if on_log is not None:
                on_log(entry)
    return averaged.requires_grad_(True).eval(), log


def _warm_cosine(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 50) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
