"""The dentate gyrus of the store: dense vectors become sparse keys in a wider space (source: the HEI-NW seed).

Expansion and winner-take-all tell similar patterns apart in Marr 1971 and in the fly's olfactory system (Dasgupta,
Stevens and Navlakha 2017, doi:10.1126/science.aam9868). Here it does not: at equal bytes dense vectors rounded to int8
find more (`benchmarks/pattern_separation.py`), which is why a store uses dense vectors unless it is given a keyer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from hippo_core import InvalidInputError, StorageError
from hippo_core.checks import checked_count
from hippo_core.storage import read_sidecar, write_sidecar
from numpy.typing import ArrayLike, NDArray

from hippo_episodic.contrastive import ContrastiveTraining, Progress, fit_projection, random_projection, winners
from hippo_episodic.sparse_keys import SparseKeys

_BLOCK = 1024  # rows projected at a time: bounds the wide activations to 16 MB at 4,096 units
_FORMAT = "sparse-keyer-1"


class SparseKeyer:
    """Projects unit vectors to `dim` units and keeps the `active` largest activations (k-WTA), scaled to length 1.

    Make one with `random`, `fit` or `load`. Cost of a key: input_dim · dim multiplications.

    Args:
        weights: the projection, shape (input_dim, dim).
        offset: added to the activations before the winners are taken, shape (dim,).
        active: how many units win, at most dim.

    Raises:
        InvalidInputError: shapes that do not match, values that are not finite, or `active` outside 1 to dim.

    Example:
        >>> from hippo_core import HashingEncoder
        >>> keyer = SparseKeyer.random(384, dim=2048, active=32, seed=0)
        >>> keys = keyer.encode(HashingEncoder().encode(["the copper key", "the copper kettle"]))
        >>> len(keys), keys[0].indices.dtype.name, keyer.bytes_per_key
        (2, 'uint16', 128)
    """

    def __init__(self, weights: ArrayLike, offset: ArrayLike, *, active: int) -> None:
        self._weights: NDArray[np.float32] = np.ascontiguousarray(weights, dtype=np.float32)
        self._offset: NDArray[np.float32] = np.ascontiguousarray(offset, dtype=np.float32)
        if self._weights.ndim != 2 or 0 in self._weights.shape or self._offset.shape != self._weights.shape[1:]:
            raise InvalidInputError(
                f"a keyer needs weights (input_dim, dim) and an offset (dim,); shapes are {self._weights.shape} and "
                f"{self._offset.shape}."
            )
        if not (np.isfinite(self._weights).all() and np.isfinite(self._offset).all()):
            raise InvalidInputError("the keyer's weights hold a value that is not finite; it was not learnt well.")
        self.active = _checked_active(active, self.dim)
        self._digest = hashlib.sha256(
            f"{_FORMAT} {self._weights.shape} {self.active} ".encode()
            + self._weights.astype("<f4").tobytes()
            + self._offset.astype("<f4").tobytes()
        ).hexdigest()

    @classmethod
    def random(cls, input_dim: int, *, dim: int = 1024, active: int = 64, seed: int = 0) -> Self:
        """Return a keyer with a random projection, which keeps angles on average; see `random_projection`.

        Args:
            input_dim: width of the vectors.
            dim: units.
            active: winners.
            seed: of the projection.
        """
        input_dim, dim = checked_count(input_dim, name="input_dim"), checked_count(dim, name="dim")
        weights = random_projection(input_dim, dim, np.random.default_rng(_checked_seed(seed)))
        return cls(weights, np.zeros(dim, dtype=np.float32), active=active)

    @classmethod
    def fit(
        cls,
        cues: ArrayLike,
        episodes: ArrayLike,
        *,
        dim: int = 1024,
        active: int = 64,
        seed: int = 0,
        training: ContrastiveTraining | None = None,
        on_step: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Return a keyer learnt from cues and the episodes that they should find; see `fit_projection`.

        Deterministic for given arguments on one machine with one number of BLAS threads. Cost: about
        10 · batch_size · input_dim · dim multiplications a step, a tenth of a second on one core with the defaults.

        Args:
            cues: encoded cues, shape (pairs, input_dim).
            episodes: encoded episodes; row i is what cue i should find. Several cues may share an episode.
            dim: units.
            active: winners.
            seed: of the initial projection and of the batches.
            training: how long, how fast; None takes the defaults.
            on_step: told after every step.

        Raises:
            InvalidInputError: rows that do not match, are not finite or all zero, or fewer than two different episodes.
        """
        dim = checked_count(dim, name="dim")
        active = _checked_active(active, dim)
        cue_rows = _checked_rows(cues, name="cues")
        episode_rows = _checked_rows(episodes, name="episodes")
        if cue_rows.shape != episode_rows.shape:
            raise InvalidInputError(
                f"`fit` needs one episode a cue; shapes are {cue_rows.shape} and {episode_rows.shape}."
            )
        if len(episode_rows) == 0 or (episode_rows == episode_rows[0]).all():
            raise InvalidInputError("`fit` needs at least two different episodes: there is nothing to tell apart.")
        weights, offset = fit_projection(
            cue_rows,
            episode_rows,
            dim=dim,
            active=active,
            seed=_checked_seed(seed),
            training=ContrastiveTraining() if training is None else training,
            on_step=on_step,
        )
        return cls(weights, offset, active=active)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the keyer that `save` wrote.

        Raises:
            StorageError: the file is missing, damaged, or holds something else.
        """
        loaded = read_sidecar(path)
        if loaded is None or loaded[0].get("format") != _FORMAT:
            raise StorageError(f"{str(path)!r} is missing, damaged or no saved keyer; save it again, or fit another.")
        stamp, arrays = loaded
        return cls(np.array(arrays["weights"]), np.array(arrays["offset"]), active=int(stamp["active"]))

    def save(self, path: str | Path) -> None:
        """Write the keyer to `path`, whole or not at all; an older file is replaced.

        Raises:
            StorageError: it cannot be written; an older file is still there.
        """
        try:
            write_sidecar(
                path,
                {"format": _FORMAT, "active": self.active},
                {"weights": self._weights, "offset": self._offset},
            )
        except OSError as exc:
            raise StorageError(f"the keyer cannot be written to {str(path)!r}: {exc}.") from exc

    @property
    def input_dim(self) -> int:
        """Width of the vectors it takes."""
        return int(self._weights.shape[0])

    @property
    def dim(self) -> int:
        """Units."""
        return int(self._weights.shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of the projection and of `active`, hexadecimal: equal keyers make equal keys."""
        return self._digest

    @property
    def name(self) -> str:
        """Identifies the keyer, for instance `kwta-4096-64-1f0c9d2e8a47`."""
        return f"kwta-{self.dim}-{self.active}-{self._digest[:12]}"

    @property
    def bytes_per_key(self) -> int:
        """Bytes that one key takes: an index and a float16 for each winner."""
        return self.active * (self._index_type.itemsize + 2)

    def encode(self, vectors: ArrayLike) -> SparseKeys:
        """Return the keys of vectors, shape (n, input_dim), which are scaled to length 1 first.

        Units that are equally active win in an order that depends on the row alone.

        Raises:
            InvalidInputError: wrong shape, a value that is not finite, or a row of zeros.
        """
        rows = _checked_rows(vectors, name="vectors", dim=self.input_dim)
        indices = np.zeros((len(rows), self.active), dtype=self._index_type)
        values = np.zeros((len(rows), self.active), dtype=np.float16)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            activations = self._activations(rows[block])
            won = winners(activations, self.active)
            strengths = np.take_along_axis(activations, won, axis=1)
            lengths = np.linalg.norm(strengths, axis=1, keepdims=True)
            indices[block] = won
            # A projection of zeros has no direction to keep; such a key is like nothing, itself included
            values[block] = np.divide(strengths, lengths, out=np.zeros_like(strengths), where=lengths > 0)
        return SparseKeys(indices=indices, values=values, dim=self.dim)

    def _activations(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(rows) == 1:
            # BLAS multiplies a lone row by another routine, which rounds differently: the key would depend on the batch
            return (np.repeat(rows, 2, axis=0) @ self._weights)[:1] + self._offset
        return rows @ self._weights + self._offset

    @property
    def _index_type(self) -> np.dtype[Any]:
        return np.dtype(np.uint16 if self.dim <= 1 << 16 else np.uint32)


def _checked_active(active: int, dim: int) -> int:
    if checked_count(active, name="active") > dim:
        raise InvalidInputError(f"`active` is {active}, more than the {dim} units there are; ask for fewer winners.")
    return int(active)


def _checked_seed(seed: int) -> int:
    return checked_count(seed + 1 if type(seed) is int else seed, name="seed") - 1


def _checked_rows(vectors: ArrayLike, *, name: str, dim: int | None = None) -> NDArray[np.float32]:
    """Return unit rows; the batch form of `checked_vector`."""
    try:
        with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
            rows = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"`{name}` cannot be read as rows of numbers: {exc}.") from exc
    if rows.ndim != 2 or rows.shape[1] == 0 or (dim is not None and rows.shape[1] != dim):
        wanted = "input_dim" if dim is None else dim
        raise InvalidInputError(f"`{name}` has shape {rows.shape}; it must be (rows, {wanted}).")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InvalidInputError(f"`{name}` row {int(np.flatnonzero(~finite)[0])} holds a value that is not finite.")
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if not lengths.all():
        raise InvalidInputError(
            f"`{name}` row {int(np.flatnonzero(lengths == 0)[0])} is all zeros, so it points nowhere."
        )
    return (rows / lengths).astype(np.float32)
