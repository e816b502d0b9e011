"""Search of sparse keys by inverted lists: for each unit the rows in which it won."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from hippo_core import InvalidInputError
from numpy.typing import NDArray

from hippo_episodic.keyer import SparseKeyer
from hippo_episodic.sparse_keys import SparseKeys
from hippo_episodic.vectors import Ids, Scores, Vectors, VectorTable

_DEAD_SHARE = 0.25  # beyond this share of deleted rows the lists are written anew without them
_FIRST_ROOM = 4
_ADDED_ROWS = 65_536  # bounds what sorting new entries by unit takes


class SparseIndex:
    """Ranks rows by the cosine of their sparse keys with the cue's; exact, and touches only rows that share a unit.

    Dense vectors are not kept here: 6 bytes a winner (a row number and a float16), up to twice that while lists grow.
    The cosine of two keys is their inner product, each key being of length 1 up to the rounding of float16. Cost of a
    search: one addition for each entry in the lists of the cue's winners, about active² · rows / dim where units win
    equally often, and a pass over one number a row.

    What the table held before the index was made is taken in at its first use, unless `load` has it.

    Args:
        table: the store's vectors.
        keyer: makes the keys of rows and cues.

    Raises:
        InvalidInputError: the keyer takes vectors of another width.
    """

    def __init__(self, table: VectorTable, keyer: SparseKeyer) -> None:
        if keyer.input_dim != table.dim:
            raise InvalidInputError(
                f"keyer {keyer.name} takes vectors of width {keyer.input_dim}, but the store's have {table.dim}; "
                "make a keyer for this encoder."
            )
        self._table = table
        self._keyer = keyer
        self._lock = threading.RLock()  # a large file is loaded by another thread
        self._begun = False
        self._reset()

    def _reset(self) -> None:
        self._postings: dict[int, _Postings] = {}
        self._ids: Ids = np.zeros(0, dtype=np.int64)  # by row; longer than `_count`, to grow into
        self._alive = np.zeros(0, dtype=bool)
        self._count = 0
        self._rows: dict[int, int] = {}

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Take in rows whose ids are not in the index."""
        with self._lock:
            self._begin()
            fresh = np.array([id not in self._rows for id in ids.tolist()], dtype=bool)
            ids, vectors = ids[fresh], vectors[fresh]
            for start in range(0, len(ids), _ADDED_ROWS):
                block = slice(start, start + _ADDED_ROWS)
                self._add_keys(ids[block], self._keyer.encode(vectors[block]))

    def remove(self, ids: Ids) -> None:
        """Forget rows; ids it does not hold are passed over."""
        with self._lock:
            self._begin()
            for id in ids.tolist():
                row = self._rows.pop(id, None)
                if row is not None:
                    self._alive[row] = False
            if self._count - len(self._rows) > _DEAD_SHARE * self._count:
                self._compact()

    def absorb(self) -> bool:
        """Return False: rows are taken in as they come."""
        return False

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return ids and cosines of shape (queries, k), best first, ties by the smaller id; see `VectorTable.search`.

        Rows that share no unit with the cue score 0 and come last, so that `k` rows are found where there are as many.
        """
        with self._lock:
            self._begin()
            return self._search(queries, k, allowed)

    def similarities(self, query: Vectors, ids: Ids) -> Scores:
        """Return the cosines of one cue, shape (dim,), with rows that the index holds, shape (len(ids),)."""
        with self._lock:
            self._begin()
            return self._similarities(query, ids)

    @property
    def n_absorbed(self) -> int:
        """All rows."""
        return self._table.n_rows

    @property
    def backlog(self) -> int:
        """0: nothing waits."""
        return 0

    @property
    def is_outgrown(self) -> bool:
        """False: it drops deleted rows itself."""
        return False

    def _similarities(self, query: Vectors, ids: Ids) -> Scores:
        rows = np.array([self._rows[id] for id in ids.tolist()], dtype=np.int64)
        return self._scores(self._keyer.encode(query[None, :]), 0)[rows]

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return the lists one after the other, without deleted rows, and the keyer that they belong to."""
        with self._lock:
            self._begin()
            self._compact()
            return self._dumped()

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Take up dumped lists; False if another keyer made them or they do not fit together."""
        try:
            digest = np.asarray(arrays["keyer"]).tobytes().decode("ascii", "replace")
            ids, units, counts = (np.array(arrays[name], dtype=np.int64) for name in ("ids", "units", "counts"))
            rows, values = np.array(arrays["rows"], dtype=np.uint32), np.array(arrays["values"], dtype=np.float16)
        except (KeyError, ValueError, TypeError):
            return False
        n_entries = int(counts.sum())
        fits = (
            digest == self._keyer.digest
            and len(units) == len(counts)
            and n_entries == len(rows) == len(values) == len(ids) * self._keyer.active
            and (n_entries == 0 or int(rows.max()) < len(ids))
        )
        if not fits:
            return False
        with self._lock:
            if self._begun and self._rows:
                return False  # it was needed before the file was read, and has every row by now
            self._reset()
            self._take_rows(ids)
            self._take_lists(units, counts, rows, values)
            self._begin()
        return True

    def _begin(self) -> None:
        """At the first use, make good what the table has and the index has not."""
        if self._begun:
            return
        self._begun = True
        if not self._table.n_rows:
            return
        live = self._table.ids[self._table.alive]
        held = np.array(list(self._rows), dtype=np.int64)
        self.remove(np.setdiff1d(held, live))
        missing = np.setdiff1d(live, held)
        for start in range(0, len(missing), _ADDED_ROWS):
            block = missing[start : start + _ADDED_ROWS]
            self.add(block, self._table.get(block))

    def _search(self, queries: Vectors, k: int, allowed: Ids | None) -> tuple[Ids, Scores]:
        best_ids = np.full((len(queries), k), -1, dtype=np.int64)
        best_scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        usable = self._alive[: self._count]
        if allowed is not None:
            usable = usable & np.isin(self._ids[: self._count], allowed)
        rows = np.flatnonzero(usable)
        if len(queries) == 0 or len(rows) == 0:
            return best_ids, best_scores
        ids = self._ids[rows]
        keys = self._keyer.encode(queries)
        for number in range(len(keys)):
            scores = self._scores(keys, number)[rows]
            places = _best(scores, ids, k)
            best_ids[number, : len(places)] = ids[places]
            best_scores[number, : len(places)] = scores[places]
        return best_ids, best_scores

    def _dumped(self) -> Mapping[str, NDArray[Any]]:
        units = sorted(self._postings)
        lists = [self._postings[unit].content() for unit in units]
        return {
            "keyer": np.frombuffer(self._keyer.digest.encode("ascii"), dtype=np.uint8),
            "ids": self._ids[: self._count],
            "units": np.array(units, dtype=np.int64),
            "counts": np.array([len(rows) for rows, _ in lists], dtype=np.int64),
            "rows": np.concatenate([rows for rows, _ in lists]) if lists else np.zeros(0, dtype=np.uint32),
            "values": np.concatenate([values for _, values in lists]) if lists else np.zeros(0, dtype=np.float16),
        }

    def _add_keys(self, ids: Ids, keys: SparseKeys) -> None:
        first = self._count
        self._take_rows(ids)
        rows = np.repeat(np.arange(first, self._count, dtype=np.uint32), keys.indices.shape[1])
        flat = keys.indices.reshape(-1)
        order = np.argsort(flat, kind="stable")
        units, counts = np.unique(flat, return_counts=True)
        self._take_lists(units, counts, rows[order], keys.values.reshape(-1)[order])

    def _take_rows(self, ids: Ids) -> None:
        """Number new rows from `_count` on."""
        end = self._count + len(ids)
        self._ids = _grown(self._ids, end)
        self._alive = _grown(self._alive, end)
        self._ids[self._count : end] = ids
        self._alive[self._count : end] = True
        self._rows.update(zip(ids.tolist(), range(self._count, end), strict=True))
        self._count = end

    def _take_lists(
        self,
        units: NDArray[Any],
        counts: NDArray[np.int64],
        rows: NDArray[np.uint32],
        values: NDArray[np.float16],
    ) -> None:
        ends = np.cumsum(counts).tolist()
        start = 0
        for unit, end in zip(units.tolist(), ends, strict=True):
            self._postings.setdefault(unit, _Postings()).append(rows[start:end], values[start:end])
            start = end

    def _scores(self, keys: SparseKeys, number: int) -> NDArray[np.float32]:
        """Return the cosine of one key with every row, shape (rows,).

        Products of float16 are multiples of 2**-48 and their sum stays below 2, so float64 adds them without rounding:
        equal keys score equally whatever the order, and ties are real ties.
        """
        scores = np.zeros(self._count, dtype=np.float64)
        values = keys.values[number].astype(np.float64)
        for unit, value in zip(keys.indices[number].tolist(), values.tolist(), strict=True):
            postings = self._postings.get(unit)
            if postings is not None:
                rows, strengths = postings.content()
                scores[rows] += value * strengths.astype(np.float64)
        return scores.astype(np.float32)

    def _compact(self) -> None:
        """Write the lists anew without deleted rows. O(entries)."""
        if self._count == len(self._rows):
            return
        alive = self._alive[: self._count]
        renumbered = np.cumsum(alive, dtype=np.int64) - 1
        ids, postings = self._ids[: self._count][alive], self._postings
        self._reset()
        self._take_rows(ids)
        for unit, old in postings.items():
            rows, values = old.content()
            kept = alive[rows]
            if kept.any():
                fresh = self._postings[unit] = _Postings()
                fresh.append(renumbered[rows[kept]].astype(np.uint32), values[kept])


class _Postings:
    """The rows in which one unit won, and how strongly; grows by doubling."""

    __slots__ = ("_count", "_rows", "_values")

    def __init__(self) -> None:
        self._rows = np.zeros(0, dtype=np.uint32)
        self._values = np.zeros(0, dtype=np.float16)
        self._count = 0

    def append(self, rows: NDArray[np.uint32], values: NDArray[np.float16]) -> None:
        end = self._count + len(rows)
        self._rows, self._values = _grown(self._rows, end), _grown(self._values, end)
        self._rows[self._count : end] = rows
        self._values[self._count : end] = values
        self._count = end

    def content(self) -> tuple[NDArray[np.uint32], NDArray[np.float16]]:
        return self._rows[: self._count], self._values[: self._count]


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the array, or a copy with room for `size` entries and as many again."""
    if size <= len(array):
        return array
    room = np.zeros(max(_FIRST_ROOM, 2 * size), dtype=array.dtype)
    room[: len(array)] = array
    return room


def _best(scores: NDArray[np.float32], ids: Ids, k: int) -> NDArray[np.int64]:
    """Return the places of the `k` highest scores, best first, ties by the smaller id."""
    places = np.arange(len(scores))
    if len(scores) > 4 * k:
        # Every score equal to the k-th stays, so that the ids decide among them
        places = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    return places[np.lexsort((ids[places], -scores[places]))][:k]
