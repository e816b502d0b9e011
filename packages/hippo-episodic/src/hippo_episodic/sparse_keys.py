"""What a sparse key is, alone and in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hippo_core import InvalidInputError
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseKey:
    """One sparse key: the units that won, and how strongly (the seeds' `DGKey`).

    Raises:
        InvalidInputError: indices that are not ascending in [0, dim), or values that do not match them or are not
            finite.
    """

    indices: NDArray[np.unsignedinteger[Any]]
    """Active units, ascending, shape (active,)."""
    values: NDArray[np.float16]
    """Their strengths, shape (active,); of length 1 up to rounding."""
    dim: int
    """Width of the space."""

    def __post_init__(self) -> None:
        SparseKeys(indices=np.asarray(self.indices)[None], values=np.asarray(self.values)[None], dim=self.dim)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseKey):
            return NotImplemented
        return (
            self.dim == other.dim
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    def __hash__(self) -> int:
        return hash((self.dim, self.indices.tobytes(), self.values.tobytes()))

    def to_dense(self) -> NDArray[np.float32]:
        """Return the key with its zeros, shape (dim,)."""
        row = np.zeros(self.dim, dtype=np.float32)
        row[self.indices] = self.values
        return row


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseKeys:
    """A batch of sparse keys of one width, as they are kept.

    Raises:
        InvalidInputError: as for `SparseKey`, or shapes that differ.
    """

    indices: NDArray[np.unsignedinteger[Any]]
    """Active units, ascending in each row, shape (keys, active); uint16 where `dim` allows it, else uint32."""
    values: NDArray[np.float16]
    """Their strengths, shape (keys, active)."""
    dim: int
    """Width of the space."""

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.shape != self.values.shape:
            raise InvalidInputError(
                f"sparse keys need one value an index; shapes are {self.indices.shape} and {self.values.shape}."
            )
        if self.indices.dtype.kind != "u":
            raise InvalidInputError(f"indices of sparse keys are unsigned integers, not {self.indices.dtype}.")
        if self.indices.size and int(self.indices.max()) >= self.dim:
            raise InvalidInputError(f"unit {int(self.indices.max())} is outside a key of {self.dim} units.")
        if (self.indices[:, 1:] <= self.indices[:, :-1]).any():
            raise InvalidInputError("the indices of a sparse key must ascend, each unit once.")
        if not np.isfinite(self.values).all():
            raise InvalidInputError("a sparse key holds a value that is not finite.")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, row: int) -> SparseKey:
        return SparseKey(indices=self.indices[row], values=self.values[row], dim=self.dim)

    def to_dense(self) -> NDArray[np.float32]:
        """Return the keys with their zeros, shape (keys, dim)."""
        rows = np.zeros((len(self), self.dim), dtype=np.float32)
        np.put_along_axis(rows, self.indices.astype(np.int64), self.values.astype(np.float32), axis=1)
        return rows
