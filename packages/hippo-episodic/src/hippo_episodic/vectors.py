"""Every vector of a store, in memory or mapped from its cache file, with exact search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Vectors = NDArray[np.float32]

_BLOCK_ROWS = 65_536  # bounds the score matrix of a block to 256 kB a query
_TAIL_ROWS = 4_096  # a block of the tail never moves, so that another thread may read it while rows are added


class VectorTable:
    """Vectors in the order in which they came: a possibly memory-mapped base, and blocks of newer rows after it.

    A row keeps its number for the table's life; removing it only marks it dead. So an index may use row numbers as
    its labels, and one thread may read rows while another adds some.

    Args:
        dim: width of the vectors.
        ids: ids of the base rows.
        vectors: unit rows of the base, shape (len(ids), dim); may be a read-only memory map.
        alive: which base rows are live; None for all.
    """

    def __init__(
        self, dim: int, ids: Ids | None = None, vectors: Vectors | None = None, alive: NDArray[np.bool_] | None = None
    ) -> None:
        self.dim = dim
        self._base: Vectors = np.zeros((0, dim), dtype=np.float32) if vectors is None else vectors
        self._blocks: list[Vectors] = []
        self._ids: Ids = np.zeros(0, dtype=np.int64) if ids is None else np.array(ids)
        self._alive = np.ones(len(self._ids), dtype=bool) if alive is None else np.array(alive)
        # Ids ascend, but for those that an undo brought back: their running maximum can be searched in any case
        self._keys: Ids = np.maximum.accumulate(self._ids)
        returned = 1 + np.flatnonzero(self._ids[1:] <= self._keys[:-1])
        self._returned = {int(self._ids[row]): int(row) for row in returned}
        self.n_rows = len(self._ids)
        """Rows so far, the dead ones included."""
        self._n_live = int(self._alive.sum())

    def __len__(self) -> int:
        return self._n_live

    @property
    def ids(self) -> Ids:
        """The id of each row, dead ones included, shape (n_rows,); a view."""
        return self._ids[: self.n_rows]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which rows are live, shape (n_rows,); a view that goes on changing."""
        return self._alive[: self.n_rows]

    def rows_of(self, ids: Ids) -> Rows:
        """Return the row of each live id, −1 where it is not live. O(log rows) each."""
        if not self.n_rows:
            return np.full(len(ids), -1, dtype=np.int64)
        rows = np.minimum(np.searchsorted(self._keys[: self.n_rows], ids), self.n_rows - 1)
        rows[self._ids[rows] != ids] = -1
        if self._returned:
            for place, id in enumerate(ids.tolist()):
                rows[place] = self._returned.get(id, rows[place])
        return np.where((rows >= 0) & self._alive[rows], rows, -1)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add rows; the ids must not be live. O(rows), amortised."""
        if not len(ids):
            return
        first, end = self.n_rows, self.n_rows + len(ids)
        self._write(first - len(self._base), vectors)
        if end > len(self._ids):
            room = np.zeros(end - first + max(1024, end // 2), dtype=np.int64)
            self._ids = np.concatenate([self._ids[:first], room])
            self._keys = np.concatenate([self._keys[:first], room])
            self._alive = np.concatenate([self._alive[:first], room.astype(bool)])
        last = self._keys[first - 1] if first else np.int64(0)
        keys = np.maximum(np.maximum.accumulate(ids), last)
        before = np.concatenate([[last], keys[:-1]])
        self._returned.update({int(ids[place]): first + place for place in np.flatnonzero(ids <= before).tolist()})
        self._ids[first:end], self._keys[first:end], self._alive[first:end] = ids, keys, True
        self._n_live += len(ids)
        self.n_rows = end  # last, so that another thread never sees a row that is not written yet

    def remove(self, ids: Ids) -> None:
        """Remove rows; ids that are not live are passed over."""
        rows = np.unique(self.rows_of(ids))
        rows = rows[rows >= 0]
        self._alive[rows] = False
        self._n_live -= len(rows)

    def get(self, ids: Ids) -> Vectors:
        """Return the vectors of live ids, shape (len(ids), dim)."""
        return self.vectors_at(self.rows_of(ids))

    def vectors_at(self, rows: Rows) -> Vectors:
        """Return the vectors of rows, shape (len(rows), dim)."""
        n_base = len(self._base)
        if not self._blocks or (len(rows) and int(rows.max()) < n_base):
            return self._base[rows]
        vectors = np.empty((len(rows), self.dim), dtype=np.float32)
        in_base = rows < n_base
        vectors[in_base] = self._base[rows[in_base]]
        blocks = np.where(in_base, -1, (rows - n_base) // _TAIL_ROWS)
        for block in np.unique(blocks[~in_base]).tolist():
            here = blocks == block
            vectors[here] = self._blocks[block][(rows[here] - n_base) % _TAIL_ROWS]
        return vectors

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Vectors]]:
        """Yield views of the rows from `start` to `stop`, each with its first row's number."""
        stop = self.n_rows if stop is None else stop
        n_base = len(self._base)
        while start < stop:
            if start < n_base:
                end = min(start + _BLOCK_ROWS, n_base, stop)
                yield start, self._base[start:end]
            else:
                block, offset = divmod(start - n_base, _TAIL_ROWS)
                end = min(start + _TAIL_ROWS - offset, stop)
                yield start, self._blocks[block][offset : offset + end - start]
            start = end

    def pieces(self) -> list[Vectors]:
        """Return views of all rows, at least one."""
        return [vectors for _, vectors in self.chunks()] or [self._base[:0]]

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None, first_row: int = 0) -> tuple[Ids, Scores]:
        """Return the `k` nearest live rows of each query by inner product, exactly.

        Ties break by the smaller id. Cost: one pass over the rows, or over the allowed ones.

        Args:
            queries: unit rows, shape (queries, dim).
            k: how many.
            allowed: ids to which the search is limited; None is all.
            first_row: rows before this one are left out.

        Returns:
            Ids and scores, both of shape (queries, k), best first, −1 and −inf where there are fewer rows.
        """
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        if allowed is not None:
            rows = self.rows_of(allowed)
            rows = np.sort(rows[rows >= first_row])
            for start in range(0, len(rows), _BLOCK_ROWS):
                chosen = rows[start : start + _BLOCK_ROWS]
                ids, scores = merge_best(
                    ids, scores, self._ids[chosen], inner_products(queries, self.vectors_at(chosen)), k
                )
            return ids, scores
        for start, block in self.chunks(first_row):
            here = inner_products(queries, block)
            alive = self._alive[start : start + len(block)]
            if not alive.all():
                here[:, ~alive] = -np.inf
            ids, scores = merge_best(ids, scores, self._ids[start : start + len(block)], here, k)
        return np.where(np.isneginf(scores), -1, ids), scores

    def _write(self, offset: int, vectors: Vectors) -> None:
        written = 0
        while written < len(vectors):
            block, place = divmod(offset + written, _TAIL_ROWS)
            if block == len(self._blocks):
                self._blocks.append(np.empty((_TAIL_ROWS, self.dim), dtype=np.float32))
            n = min(_TAIL_ROWS - place, len(vectors) - written)
            self._blocks[block][place : place + n] = vectors[written : written + n]
            written += n


def inner_products(queries: Vectors, rows: Vectors) -> Scores:
    """Return the inner products, shape (queries, rows), to six decimals.

    The last digits depend on how a BLAS blocks its sums. Without them equal vectors score equally wherever they lie,
    and the smaller id decides.
    """
    return np.round(queries @ rows.T, 6)


def merge_best(ids_a: Ids, scores_a: Scores, ids_b: Ids, scores_b: Scores, k: int) -> tuple[Ids, Scores]:
    """Return the best `k` of two sets of candidates for each query, best first, ties by the smaller id.

    Args:
        ids_a: shape (queries, a).
        scores_a: shape (queries, a).
        ids_b: shape (b,) or (queries, b).
        scores_b: shape (queries, b).
        k: how many; at most a + b.
    """
    if ids_b.ndim == 1 and scores_b.shape[1] > 4 * k:
        # Cut to a few first; keep every score equal to the k-th, so that ties still break by id
        cut = np.partition(scores_b, scores_b.shape[1] - k, axis=1)[:, -k]
        keep = np.flatnonzero((scores_b >= cut[:, None]).any(axis=0))
        ids_b, scores_b = ids_b[keep], scores_b[:, keep]
    scores = np.concatenate([scores_a, scores_b], axis=1)
    ids = np.concatenate([ids_a, np.broadcast_to(ids_b, scores_b.shape)], axis=1)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
