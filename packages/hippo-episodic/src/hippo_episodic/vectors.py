"""Every live vector of a store, in memory or mapped from its cache file, with exact search."""

from __future__ import annotations

import numpy as np
from hippo_core import Vector
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]

_BLOCK_ROWS = 65_536  # bounds the score matrix of a block to 256 kB a query


class VectorTable:
    """Vectors by episode id: a sorted, possibly memory-mapped base, and a tail of newer rows.

    Args:
        dim: width of the vectors.
        ids: ids of the base rows, ascending; may be a read-only memory map.
        vectors: unit rows of the base, shape (len(ids), dim); may be a read-only memory map.
    """

    def __init__(self, dim: int, ids: Ids | None = None, vectors: NDArray[np.float32] | None = None) -> None:
        self.dim = dim
        self._base_ids: Ids = np.zeros(0, dtype=np.int64) if ids is None else ids
        self._base: NDArray[np.float32] = np.zeros((0, dim), dtype=np.float32) if vectors is None else vectors
        self._base_alive = np.ones(len(self._base_ids), dtype=bool)
        self._tail = np.zeros((0, dim), dtype=np.float32)
        self._tail_ids: Ids = np.zeros(0, dtype=np.int64)
        self._tail_alive = np.zeros(0, dtype=bool)
        self._tail_rows: dict[int, int] = {}
        self._tail_end = 0

    def __len__(self) -> int:
        return int(self._base_alive.sum()) + len(self._tail_rows)

    def add(self, ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Add rows; the ids must not be live. O(rows), amortised."""
        end = self._tail_end + len(ids)
        if end > len(self._tail):
            room = max(1024, 2 * end) - len(self._tail)
            self._tail = np.concatenate([self._tail, np.zeros((room, self.dim), dtype=np.float32)])
            self._tail_ids = np.concatenate([self._tail_ids, np.zeros(room, dtype=np.int64)])
            self._tail_alive = np.concatenate([self._tail_alive, np.zeros(room, dtype=bool)])
        rows = slice(self._tail_end, end)
        self._tail[rows] = vectors
        self._tail_ids[rows] = ids
        self._tail_alive[rows] = True
        self._tail_rows.update(zip(ids.tolist(), range(self._tail_end, end), strict=True))
        self._tail_end = end

    def remove(self, ids: Ids) -> None:
        """Remove rows; ids that are not live are passed over."""
        for id in ids.tolist():
            row = self._tail_rows.pop(id, None)
            if row is not None:
                self._tail_alive[row] = False
        positions = self._base_positions(ids)
        self._base_alive[positions[positions >= 0]] = False

    def get(self, ids: Ids) -> NDArray[np.float32]:
        """Return the rows of live ids, shape (len(ids), dim)."""
        rows = np.zeros((len(ids), self.dim), dtype=np.float32)
        for i, (id, position) in enumerate(zip(ids.tolist(), self._base_positions(ids).tolist(), strict=True)):
            tail_row = self._tail_rows.get(id)
            rows[i] = self._base[position] if tail_row is None else self._tail[tail_row]
        return rows

    def live(self) -> tuple[Ids, NDArray[np.float32]]:
        """Return all live ids, ascending, and their rows."""
        tail = self._tail_alive[: self._tail_end]
        ids = np.concatenate([self._base_ids[self._base_alive], self._tail_ids[: self._tail_end][tail]])
        rows = np.concatenate([self._base[self._base_alive], self._tail[: self._tail_end][tail]])
        order = np.argsort(ids, kind="stable")
        return ids[order], rows[order]

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return the `k` nearest live rows of each query by inner product, exactly.

        Ties break by the smaller id. Cost: one pass over the live rows, or over the allowed ones.

        Args:
            queries: unit rows, shape (queries, dim).
            k: how many.
            allowed: ascending ids to which the search is limited; None is all.

        Returns:
            Ids and scores, both of shape (queries, k), best first, −1 and −inf where there are fewer rows.
        """
        best_ids = np.full((len(queries), k), -1, dtype=np.int64)
        best_scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for ids, rows in self._blocks(allowed):
            scores = queries @ rows.T
            best_ids, best_scores = _merge_best(best_ids, best_scores, ids, scores, k)
        return best_ids, best_scores

    def _blocks(self, allowed: Ids | None) -> list[tuple[Ids, NDArray[np.float32]]]:
        blocks: list[tuple[Ids, NDArray[np.float32]]] = []
        parts = (
            (self._base_ids, self._base, self._base_alive),
            (self._tail_ids[: self._tail_end], self._tail[: self._tail_end], self._tail_alive[: self._tail_end]),
        )
        for ids, rows, alive in parts:
            wanted = alive if allowed is None else alive & np.isin(ids, allowed)
            if wanted.all():
                blocks += [
                    (ids[start : start + _BLOCK_ROWS], rows[start : start + _BLOCK_ROWS])
                    for start in range(0, len(ids), _BLOCK_ROWS)
                ]
            else:
                positions = np.flatnonzero(wanted)
                blocks += [
                    (ids[chosen], rows[chosen])
                    for start in range(0, len(positions), _BLOCK_ROWS)
                    if len(chosen := positions[start : start + _BLOCK_ROWS])
                ]
        return blocks

    def _base_positions(self, ids: Ids) -> NDArray[np.int64]:
        """Return the base row of each id, −1 where the base does not hold it."""
        positions = np.searchsorted(self._base_ids, ids)
        inside = positions < len(self._base_ids)
        found = np.full(len(ids), -1, dtype=np.int64)
        found[inside] = np.where(self._base_ids[positions[inside]] == ids[inside], positions[inside], -1)
        return found


def nearest(queries: NDArray[np.float32], rows: NDArray[np.float32]) -> Vector:
    """Return each query's highest inner product with any row, −1 where there are no rows."""
    return (queries @ rows.T).max(axis=1) if len(rows) else np.full(len(queries), -1.0, dtype=np.float32)


def _merge_best(ids_a: Ids, scores_a: Scores, ids_b: Ids, scores_b: Scores, k: int) -> tuple[Ids, Scores]:
    if scores_b.shape[1] > 4 * k:
        # Cut to a few first; keep every score equal to the k-th, so that ties still break by id
        cut = np.partition(scores_b, scores_b.shape[1] - k, axis=1)[:, -k]
        keep = np.flatnonzero((scores_b >= cut[:, None]).any(axis=0))
        ids_b, scores_b = ids_b[keep], scores_b[:, keep]
    scores = np.concatenate([scores_a, scores_b], axis=1)
    ids = np.concatenate([ids_a, np.broadcast_to(ids_b, scores_b.shape)], axis=1)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
