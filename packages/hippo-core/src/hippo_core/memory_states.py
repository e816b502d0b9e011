"""What a memory hands a model, free of any framework: arrays that a reader turns into tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hippo_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryTokens:
    """Memory as tokens to attend to, one width for all.

    Raises:
        InvalidInputError: shapes that do not agree.
    """

    keys: NDArray[np.float32]
    """Shape (slots, dim)."""
    values: NDArray[np.float32]
    """Shape (slots, dim)."""
    mask: NDArray[np.bool_]
    """Shape (slots,); True where the slot holds something."""
    trace_ids: NDArray[np.int64]
    """Shape (slots,); the trace that each slot came from, −1 for none."""

    def __post_init__(self) -> None:
        if self.keys.ndim != 2 or self.values.shape != self.keys.shape:
            raise InvalidInputError(
                f"`keys` and `values` must both be (slots, dim); they are {self.keys.shape} and {self.values.shape}."
            )
        _check_slots(self.keys.shape[0], self.mask, self.trace_ids)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayeredMemory:
    """Memory as a model's own keys and values, layer by layer, before any rotary position is applied.

    Raises:
        InvalidInputError: shapes that do not agree.
    """

    keys: NDArray[np.float16] | NDArray[np.float32]
    """Shape (layers, slots, kv_heads, head_dim)."""
    values: NDArray[np.float16] | NDArray[np.float32]
    """Shape (layers, slots, kv_heads, head_dim)."""
    mask: NDArray[np.bool_]
    """Shape (slots,); True where the slot holds something."""
    trace_ids: NDArray[np.int64]
    """Shape (slots,); the trace that each slot came from, −1 for none."""

    def __post_init__(self) -> None:
        if self.keys.ndim != 4 or self.values.shape != self.keys.shape:
            raise InvalidInputError(
                "`keys` and `values` must both be (layers, slots, kv_heads, head_dim); "
                f"they are {self.keys.shape} and {self.values.shape}."
            )
        _check_slots(self.keys.shape[1], self.mask, self.trace_ids)


def _check_slots(slots: int, mask: NDArray[np.bool_], trace_ids: NDArray[np.int64]) -> None:
    if mask.shape != (slots,) or trace_ids.shape != (slots,):
        raise InvalidInputError(
            f"`mask` and `trace_ids` must have shape ({slots},); they are {mask.shape} and {trace_ids.shape}."
        )
