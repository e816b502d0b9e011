"""Traces as an adapter sees them: what a model computed when it read them, and how far a cue was matched with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from hippo_core.errors import InvalidInputError
from torch import Tensor


class TraceStates(NamedTuple):
    """Traces of a batch of rows, one after the other in each row and padded on the right.

    M is the number of tokens of the row that has most of them.
    """

    tokens: Tensor
    """(rows, M) int64 token ids."""
    low: Tensor
    """(rows, M, hidden) states after `match_block`."""
    high: Tensor
    """(rows, M, hidden) states after `read_block`."""
    trace: Tensor
    """(rows, M) int64: which of the row's traces a token belongs to, from 0."""
    mask: Tensor
    """(rows, M) bool: False for padding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedTraces:
    """A batch's memory as the adapter uses it, computed once for all steps of an answer."""

    keys: Tensor
    """(rows, M, key_dim)."""
    end_keys: Tensor
    """(rows, M, key_dim): the same for an answer that ends with this token."""
    words: Tensor
    """(rows, M, match_dim), of length 1."""
    run: Tensor
    """(rows, M, 1 + FOLLOWED) int64: the token's id, then those that stand before it in its trace, the nearest first;
    below 0 where there are none."""
    trace: Tensor
    """(rows, M) int64: which of the row's traces a token belongs to."""
    mask: Tensor
    """(rows, M) bool."""
    traces: int
    """Traces of the row that has most of them."""

    def rows(self, kept: Tensor) -> PreparedTraces:
        """Return some rows (indices)."""
        parts = {name: getattr(self, name)[kept] for name in ("keys", "end_keys", "words", "run", "trace", "mask")}
        return PreparedTraces(**parts, traces=self.traces)


class CueMatch(NamedTuple):
    """How far each trace is what a cue means, and where in the traces its last tokens stand, at each of its columns."""

    ranks: Tensor
    """(rows, columns, traces), from 0 downwards; minus infinity where a row has fewer traces than another."""
    null_rank: Tensor
    """(rows, columns, 1): where no trace answers."""
    goes_on: Tensor
    """(rows, columns, M): what a token gains by following the tokens just said."""
    stands: Tensor
    """(rows, columns, M): what the end of the answer gains where the tokens just said end with this token."""


class CueState(NamedTuple):
    """What of the cue was matched so far: lets a cached decoding step continue where the last one ended."""

    missed: Tensor
    """(rows, traces) sum of importance times what each token lacks to be found."""
    last: Tensor
    """(rows, 3, hidden) the last tokens' states after `match_block`, zero where there were none."""
    tokens: Tensor
    """(rows, FOLLOWED) int64: the last token ids, below 0 where there were none."""


def check_rows(rows: Sequence[Sequence[TraceStates]], *, hidden_size: int) -> None:
    """Refuse what is no list of traces for each row of a batch.

    Raises:
        InvalidInputError: another shape of lists, or states of another width.
    """
    for place, row in enumerate(rows):
        listed: list[object] = [row] if isinstance(row, (str, TraceStates)) else list(row)
        wrong = [one for one in listed if not isinstance(one, TraceStates)] or listed[: isinstance(row, TraceStates)]
        if wrong:
            raise InvalidInputError(
                f"Row {place} must be a list of what read_traces returns, empty where there is none, not "
                f"{type(wrong[0]).__name__}; for a batch of one: [traces]."
            )
        for trace in row:
            if trace.low.shape[-1] != hidden_size:
                raise InvalidInputError(
                    f"Row {place} has states of width {trace.low.shape[-1]}, and the adapter reads {hidden_size}: "
                    "read_traces was called with another model."
                )


def batched_traces(rows: Sequence[Sequence[TraceStates]], *, hidden_size: int, device: torch.device) -> TraceStates:
    """Return the memory of a batch.

    Args:
        rows: for each row its traces, each a `TraceStates` of one row; some rows may have none.
        hidden_size: width of the states.
        device: where the memory goes.
    """
    width = max((sum(trace.tokens.shape[1] for trace in row) for row in rows), default=0)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    low, high = (torch.zeros(len(rows), width, hidden_size) for _ in range(2))
    place = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for number, row in enumerate(rows):
        ends = [0]
        for trace in row:
            ends.append(ends[-1] + trace.tokens.shape[1])
        for index, (trace, (start, stop)) in enumerate(zip(row, pairwise(ends), strict=True)):
            tokens[number, start:stop] = trace.tokens[0]
            low[number, start:stop] = trace.low[0]
            high[number, start:stop] = trace.high[0]
            place[number, start:stop] = index
        mask[number, : ends[-1]] = True
    return TraceStates(*(part.to(device) for part in (tokens, low, high, place, mask)))
