"""Training episodes as the frozen model sees them: states computed once, from which every step draws its batch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from hippo_adapters import (
    EpisodicAdapterConfig,
    LanguageModel,
    PromptTemplate,
    TraceStates,
    batched_traces,
    generate,
    read_traces,
    token_states,
)
from hippo_adapters.episodic_adapter import END, NULL, SLOTS
from torch import Tensor

from hippo_train.episodes import Cluster

REFUSED_TOKENS = 8
"""Tokens of what the base model says to a question without memory that are learned to be left alone."""

UNAIDED_EVERY = 4
"""One question in so many is also answered by the base model alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """A question with what follows it, as the model reads it: its answer, or what the base model says unaided."""

    tokens: tuple[int, ...]
    """Token ids of question and what follows."""
    low: Tensor
    """(columns, hidden) float16, after `match_block`."""
    high: Tensor
    """The same after `read_block`."""
    prompt: int
    """Columns of the question; the last one of them predicts what follows."""
    answer: tuple[int, ...] | None
    """Token ids of the answer; None where the base model speaks and no trace shall answer."""
    gold: int
    """Place of the trace in the pool."""
    rivals: tuple[int, ...]
    """Places of traces that are similar and do not answer."""
    start: int
    """Token of the gold trace at which the answer starts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Traces and questions."""

    traces: list[TraceStates]
    answered: list[Asked]
    """Questions followed by their answers."""
    unaided: list[Asked]
    """Questions followed by what the base model says without memory."""
    cluster_of: list[int]
    """Each trace's cluster."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Questions with their traces."""

    tokens: Tensor
    """(rows, columns) token ids."""
    low: Tensor
    """(rows, columns, hidden)."""
    high: Tensor
    real: Tensor
    """(rows, columns) bool."""
    memory: TraceStates
    target: Tensor
    """(rows, columns): null, end, or 2 + the memory token to attend to."""
    said: Tensor
    """(rows, 2 + M): the token id that each slot stands for; below 0 for null and end."""
    answering: Tensor
    """(rows, columns) bool: where the answer's tokens and its end are predicted."""
    quiet: Tensor
    """The same: where the question is read."""
    refusing: Tensor
    """The same: where the base model speaks."""


def make_pool(
    model: LanguageModel,
    clusters: Sequence[Cluster],
    config: EpisodicAdapterConfig,
    progress: Callable[[int, int], None] | None = None,
) -> Pool:
    """Read the traces and questions of some clusters with the frozen model.

    A question whose answer's tokens do not stand in its episode as they stand in an answer is left out.

    Args:
        model: reads.
        clusters: what to read.
        config: after which blocks states are taken.
        progress: called with (texts read, texts in all).
    """
    texts = [text for cluster in clusters for text in cluster.episodes]
    asked = sum(len(cluster.questions) for cluster in clusters)
    total = len(texts) + asked + asked // UNAIDED_EVERY
    done = 0

    def count(read: int, _: int) -> None:
        if progress is not None:
            progress(done + read, total)

    traces = read_traces(model, texts, config, progress=count)
    template = PromptTemplate()
    plans: list[tuple[list[int], list[int], dict[str, object]]] = []
    prompts: list[str] = []
    first = 0
    for cluster in clusters:
        for question in cluster.questions:
            gold = first + question.gold
            answer = model.encode(" " + question.answer)
            start = _place_of(answer, traces[gold].tokens[0].tolist())
            if start is None:
                continue
            prompt = template.prompt(question.text)
            rivals = tuple(first + place for place in question.rivals)
            plans.append((model.encode(prompt), answer, {"gold": gold, "rivals": rivals, "start": start}))
            prompts.append(prompt)
        first += len(cluster.episodes)
    alone = range(0, len(plans), UNAIDED_EVERY)
    said = generate(model, [prompts[i] for i in alone], max_new_tokens=REFUSED_TOKENS, batch_size=64)
    rows = [[*prompt, *answer] for prompt, answer, _ in plans]
    rows += [[*plans[i][0], *generation.tokens[:-1]] for i, generation in zip(alone, said, strict=True)]
    done, total = len(texts), len(texts) + len(rows)
    states = token_states(model, rows, config, progress=count)
    answered = [
        Asked(tokens=tuple(row), low=low, high=high, prompt=len(prompt), answer=tuple(answer), **about)  # pyright: ignore[reportArgumentType]
        for (prompt, answer, about), row, (low, high) in zip(plans, rows, states, strict=False)
    ]
    unaided = [
        Asked(tokens=tuple(row), low=low, high=high, prompt=len(plans[i][0]), answer=None, **plans[i][2])  # pyright: ignore[reportArgumentType]
        for i, row, (low, high) in zip(alone, rows[len(plans) :], states[len(plans) :], strict=True)
    ]
    cluster_of = [number for number, cluster in enumerate(clusters) for _ in cluster.episodes]
    return Pool(traces=traces, answered=answered, unaided=unaided, cluster_of=cluster_of)


def make_batch(
    pool: Pool, questions: Sequence[Asked], rng: random.Random, *, traces: int, hard: float, device: torch.device
) -> Batch:
    """Return questions with `traces` traces each; the gold one, where it is wanted, at a random place.

    Args:
        pool: where the traces come from.
        questions: what is asked, of `pool.answered` and `pool.unaided`.
        rng: where chance comes from.
        traces: number of traces.
        hard: share of the questions whose other traces are rivals of the gold one, as far as there are any.
        device: where the batch goes.
    """
    hidden = pool.traces[0].low.shape[2]
    shape = (len(questions), max(one.low.shape[0] for one in questions))
    low, high = (torch.zeros(*shape, hidden) for _ in range(2))
    real, answering, quiet, refusing = (torch.zeros(shape, dtype=torch.bool) for _ in range(4))
    target, tokens = torch.full(shape, NULL), torch.zeros(shape, dtype=torch.long)
    chosen: list[list[TraceStates]] = []
    for row, one in enumerate(questions):
        numbers = _traces_for(pool, one, rng, traces=traces, hard=hard)
        chosen.append([pool.traces[number] for number in numbers])
        n, first = one.low.shape[0], one.prompt - 1
        low[row, :n], high[row, :n], real[row, :n] = one.low, one.high, True
        tokens[row, :n] = torch.tensor(one.tokens)
        quiet[row, :first] = True
        if one.answer is None:
            refusing[row, first:n] = True
            continue
        answering[row, first:n] = True
        before = sum(trace.tokens.shape[1] for trace in chosen[row][: numbers.index(one.gold)])
        for step in range(len(one.answer)):
            target[row, first + step] = SLOTS + before + one.start + step
        target[row, n - 1] = END
    memory = batched_traces(chosen, hidden_size=hidden, device=device)
    slots = torch.tensor([[-1 - NULL, -1 - END]], device=device).expand(len(questions), SLOTS)
    return Batch(
        tokens=tokens.to(device),
        low=low.to(device),
        high=high.to(device),
        real=real.to(device),
        memory=memory,
        target=target.to(device),
        said=torch.cat([slots, memory.tokens], dim=1),
        answering=answering.to(device),
        quiet=quiet.to(device),
        refusing=refusing.to(device),
    )


def _traces_for(pool: Pool, one: Asked, rng: random.Random, *, traces: int, hard: float) -> list[int]:
    wanted = traces if one.answer is None else traces - 1
    near = rng.sample(one.rivals, k=len(one.rivals))
    numbers = near[: wanted if rng.random() < hard else rng.randint(0, wanted)]
    while len(numbers) < wanted:
        other = rng.randrange(len(pool.traces))
        # With a single cluster there are no others
        if pool.cluster_of[other] != pool.cluster_of[one.gold] or pool.cluster_of[-1] == 0:
            numbers.append(other)
    if one.answer is not None:
        numbers.append(one.gold)
    rng.shuffle(numbers)
    return numbers


def _place_of(part: Sequence[int], whole: Sequence[int]) -> int | None:
    for start in range(len(whole) - len(part) + 1):
        if list(whole[start : start + len(part)]) == list(part):
            return start
    return None
