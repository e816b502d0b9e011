"""What all approximate indexes share: rows that wait, filters, deleted rows, exact ranking of what was found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.vectors import Ids, Rows, Scores, Vectors, VectorTable, inner_products, merge_best

_CHUNK_ROWS = 128  # taken in at once while somebody searches, who waits for them
_QUIET_CHUNK_ROWS = 2_048  # taken in at once while nobody does: a graph's fixed cost a call grows with its size
_QUIET_S = 1.0
MOST_TRAINING = 4
"""A backend is trained on at most so many times its `train_size`."""
_EXACT_ROWS = 20_000  # so few are scanned faster than a graph is walked around everything that is filtered out
_EXACT_SHARE = 0.02  # below it a filtered walk would have to be so wide that a scan is cheaper


Found = tuple[Rows, Scores | None]
"""Rows and their inner products; None where the backend knows these only roughly."""


class Backend(Protocol):
    """A library's index, with row numbers of the table as labels. Called under a lock, never by two threads at once."""

    train_size: int
    """Live rows needed before `train`; 0 if it needs no training."""

    def train(self, sample: Vectors) -> None:
        """Fit to a sample of rows, shape (train_size or more, dim); called once, before the first `add`."""
        ...

    def add(self, first: int, vectors: Vectors, alive: NDArray[np.bool_]) -> None:
        """Take in the rows `first`, `first` + 1, …, of which some may be dead by now."""
        ...

    def remove(self, rows: Rows) -> None:
        """Learn that rows it took in are dead; it may go on finding them."""
        ...

    def search(self, queries: Vectors, k: int, usable: NDArray[np.bool_] | None, share: float) -> Found:
        """Return rows of shape (queries, at least k where it has so many), −1 where there are fewer.

        Args:
            queries: unit rows.
            k: how many are wanted.
            usable: limits the search, shape (rows taken in,); None for all.
            share: how much of the rows is usable, in (0, 1].
        """
        ...

    def is_outgrown(self, n_rows: int, n_live: int) -> bool:
        """Return whether a new one made from the live rows would be clearly better."""
        ...

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return its state; the vectors need not be in it, `load` is given them."""
        ...

    def load(self, arrays: Mapping[str, NDArray[Any]], table: VectorTable, n_rows: int) -> None:
        """Take up what `dump` returned when it held the first `n_rows` rows of `table`; raise if it does not fit."""
        ...


class ApproximateIndex:
    """A backend behind the `VectorIndex` protocol.

    New rows wait in the table, where they are found by a scan, until `absorb` hands them to the backend. So writing
    never waits for a graph to grow, and a store answers before its index is loaded or trained. What the backend finds
    is ranked again by exact inner products.

    Args:
        table: the store's vectors.
        make_backend: returns an empty one.
    """

    def __init__(self, table: VectorTable, make_backend: Callable[[], Backend]) -> None:
        self._table = table
        self._make_backend = make_backend
        self._backend = backend = make_backend()
        self._lock = threading.Lock()
        self._absorbed = 0
        self._trained = backend.train_size == 0
        self._searched = -_QUIET_S
        self._waiting: tuple[Mapping[str, NDArray[Any]], int] | None = None

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Do nothing: the rows wait in the table."""

    def remove(self, ids: Ids) -> None:
        """Tell the backend that rows are dead."""
        rows = self._table.rows_of(ids)
        rows = rows[(rows >= 0) & (rows < self._absorbed)]
        if len(rows):
            with self._lock:
                self._backend.remove(rows)

    def absorb(self) -> bool:
        """Load, train or take in some rows; return whether more is left."""
        if self._waiting is not None:
            self._load_waiting()
        elif not self._trained:
            if len(self._table) < self._backend.train_size:
                return False
            self._train()
        elif self._absorbed < self._table.n_rows:
            quiet = time.monotonic() - self._searched > _QUIET_S
            stop = min(self._absorbed + (_QUIET_CHUNK_ROWS if quiet else _CHUNK_ROWS), self._table.n_rows)
            with self._lock:
                for first, vectors in self._table.chunks(self._absorbed, stop):
                    self._backend.add(first, vectors, np.array(self._table.alive[first : first + len(vectors)]))
                self._absorbed = stop
            time.sleep(0)  # let a search that waits for the lock have it
        return self._absorbed < self._table.n_rows

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return ids and inner products of shape (queries, k), best first; see `VectorTable.search`."""
        table = self._table
        n_usable = len(table) if allowed is None else len(allowed)
        if allowed is not None and (n_usable <= _EXACT_ROWS or n_usable < _EXACT_SHARE * table.n_rows):
            return table.search(queries, k, allowed=allowed)
        self._searched = time.monotonic()
        if self._absorbed < 4 * k:
            return table.search(queries, k, allowed=allowed)
        with self._lock:
            n_rows = self._absorbed
            usable = None
            if allowed is not None:
                rows = table.rows_of(allowed)
                usable = np.zeros(n_rows, dtype=bool)
                usable[rows[(rows >= 0) & (rows < n_rows)]] = True
            elif len(table) < table.n_rows:
                usable = table.alive[:n_rows]
            found = self._backend.search(queries, k, usable, n_usable / table.n_rows)
        ids, scores = self._ranked(queries, *found, k)
        if (ids[:, min(k, n_usable) - 1] < 0).any():  # fewer than there are: a filter that the graph cannot get past
            return table.search(queries, k, allowed=allowed)
        if n_rows < table.n_rows:
            ids, scores = merge_best(ids, scores, *table.search(queries, k, allowed=allowed, first_row=n_rows), k)
        return ids, scores

    @property
    def backlog(self) -> int:
        """How many rows `absorb` could take in now: none before there are enough to train on."""
        if not self._trained and self._waiting is None and len(self._table) < self._backend.train_size:
            return 0
        return self._table.n_rows - self._absorbed

    @property
    def is_outgrown(self) -> bool:
        """Whether a new index of the same rows would be clearly better."""
        return self._trained and self._backend.is_outgrown(self._table.n_rows, len(self._table))

    def similarities(self, query: Vectors, ids: Ids) -> Scores:
        """Return the inner products of one query with live rows."""
        return inner_products(query[None, :], self._table.get(ids))[0]

    @property
    def n_absorbed(self) -> int:
        """How many rows the backend has; the others are found by a scan."""
        return self._absorbed

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return the backend's state and how many rows it holds."""
        with self._lock:
            if not self._trained or not self._absorbed:
                return {}
            return {**self._backend.dump(), "n_rows": np.array([self._absorbed])}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Take up a dump at the next `absorb`; False if it is not one of this table."""
        n_rows = int(arrays["n_rows"][0]) if "n_rows" in arrays else 0
        if not 0 < n_rows <= self._table.n_rows:
            return False
        self._waiting = (arrays, n_rows)
        return True

    def _load_waiting(self) -> None:
        # Without the lock: a search meanwhile sees an index that has taken in nothing, and scans
        assert self._waiting is not None
        (arrays, n_rows), self._waiting = self._waiting, None
        backend = self._make_backend()
        try:
            backend.load(arrays, self._table, n_rows)
        except Exception:  # whatever a library says of a damaged cache, the answer is to make it anew
            return
        self._backend, self._trained, self._absorbed = backend, True, n_rows

    def _train(self) -> None:
        live = np.flatnonzero(self._table.alive)
        size = min(len(live), MOST_TRAINING * self._backend.train_size)
        # Evenly spaced, not drawn: the same rows give the same index
        self._backend.train(self._table.vectors_at(live[np.linspace(0, len(live) - 1, size).astype(np.int64)]))
        self._trained = True

    def _ranked(self, queries: Vectors, rows: Rows, given: Scores | None, k: int) -> tuple[Ids, Scores]:
        """Return the best `k` of the rows found, by inner product, ties by id; dead rows are left out."""
        table = self._table
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for place, query in enumerate(queries):
            places = np.flatnonzero((rows[place] >= 0) & table.alive[rows[place]])
            found = rows[place, places]
            if given is None:
                exact = inner_products(query[None, :], table.vectors_at(found))[0]
            else:
                exact = np.round(given[place, places], 6)
            found_ids = table.ids[found]
            order = np.lexsort((found_ids, -exact))[:k]
            ids[place, : len(order)] = found_ids[order]
            scores[place, : len(order)] = exact[order]
        return ids, scores
