"""The same graph through hnswlib, which deletes for good: a dead row's place is used again. Extra `hnsw`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import MissingExtraError
from numpy.typing import NDArray

from hippo_episodic.index.approximate import ApproximateIndex, Found
from hippo_episodic.index.hnsw import BUILD_BREADTH, NEIGHBOURS, SEARCH_BREADTH
from hippo_episodic.vectors import Rows, Vectors, VectorTable

_ROOM = 10_000


class HnswlibBackend:
    """An hnswlib graph with row numbers as labels.

    What hnswlib does not forgive is kept from it: adding at capacity (it grows before), marking a row dead twice (rows
    die once in the table), asking for more rows than are live, and its filter callback, which is slow and loses recall
    (filtered searches fetch more instead).

    Args:
        dim: width of the vectors.

    Raises:
        MissingExtraError: hnswlib is not installed.
    """

    train_size = 0

    def __init__(self, dim: int) -> None:
        try:
            import hnswlib  # pyright: ignore[reportMissingImports]
        except ImportError as exc:
            raise MissingExtraError(
                "The index 'hnswlib' needs hnswlib, which compiles when it is installed: "
                "pip install 'hippo-episodic[hnsw]'. The index 'hnsw' needs nothing more."
            ) from exc
        self._hnswlib: Any = hnswlib
        self._graph: Any = hnswlib.Index(space="ip", dim=dim)
        self._graph.init_index(
            max_elements=_ROOM, M=NEIGHBOURS, ef_construction=BUILD_BREADTH, allow_replace_deleted=True
        )
        self._n_dead = 0

    def train(self, sample: Vectors) -> None:
        """Do nothing: a graph of plain vectors needs no training."""

    def add(self, first: int, vectors: Vectors, alive: NDArray[np.bool_]) -> None:
        """Take in the live rows, in the places of dead ones where there are any."""
        vectors, rows = vectors[alive], first + np.flatnonzero(alive)
        reused = min(self._n_dead, len(rows))
        needed = self._graph.get_current_count() + len(rows) - reused
        if needed > self._graph.get_max_elements():
            self._graph.resize_index(max(needed, 2 * self._graph.get_max_elements()))
        if reused:
            self._graph.add_items(vectors[:reused], rows[:reused], replace_deleted=True)
            self._n_dead -= reused
        if reused < len(rows):
            self._graph.add_items(vectors[reused:], rows[reused:])

    def remove(self, rows: Rows) -> None:
        """Mark rows dead, so that they are not found and their places can be used again."""
        for row in rows.tolist():
            self._graph.mark_deleted(row)
        self._n_dead += len(rows)

    def search(self, queries: Vectors, k: int, usable: NDArray[np.bool_] | None, share: float) -> Found:
        """Return rows and inner products; with a filter as many more as it takes away, twice over."""
        n_live = self._graph.get_current_count() - self._n_dead
        fetch = min(n_live, k if share >= 1 else int(2 * k / share) + k)
        self._graph.set_ef(max(SEARCH_BREADTH, 2 * fetch))
        try:
            rows, distances = self._graph.knn_query(queries, k=fetch)
        except RuntimeError:  # it found fewer than it was asked for; the rows are then scanned
            return np.full((len(queries), 1), -1), None
        rows = rows.astype(np.int64)
        if usable is not None:
            rows[~usable[rows]] = -1
        return rows, 1 - distances

    def is_outgrown(self, n_rows: int, n_live: int) -> bool:
        """Return False: dead rows' places are used again."""
        return False

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return the graph in hnswlib's own format, which only goes to a file."""
        with tempfile.TemporaryDirectory(prefix="hippo-hnswlib-") as folder:
            path = Path(folder) / "graph"
            self._graph.save_index(str(path))
            return {"graph": np.fromfile(path, dtype=np.uint8), "n_dead": np.array([self._n_dead])}

    def load(self, arrays: Mapping[str, NDArray[Any]], table: VectorTable, n_rows: int) -> None:
        """Take up a dumped graph. Whether places may be used again is not in the file and has to be said anew."""
        graph = self._hnswlib.Index(space="ip", dim=table.dim)
        with tempfile.TemporaryDirectory(prefix="hippo-hnswlib-") as folder:
            path = Path(folder) / "graph"
            np.asarray(arrays["graph"]).tofile(path)
            graph.load_index(str(path), allow_replace_deleted=True)
        graph.resize_index(graph.get_current_count() + _ROOM)
        self._graph, self._n_dead = graph, int(arrays["n_dead"][0])


class HnswlibIndex(ApproximateIndex):
    """hnswlib's graph: for stores that forget much, since it gives the places of deleted rows to new ones.

    Args:
        table: the store's vectors.

    Raises:
        MissingExtraError: hnswlib is not installed.
    """

    def __init__(self, table: VectorTable) -> None:
        super().__init__(table, lambda: HnswlibBackend(table.dim))
