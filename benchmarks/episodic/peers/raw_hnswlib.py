"""hnswlib alone: the other limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import HNSW_BUILD_BREADTH, HNSW_NEIGHBOURS, HNSW_SEARCH_BREADTH, Batch, Peer
from peers.rows import RowTable


class RawHnswlib(Peer):
    """The index in memory, saved when closed; texts are read from a plain table.

    A filter is answered by scanning the session's rows exactly: the library calls a Python function for every row it
    meets, which is slow and finds few of the right ones.
    """

    packages = ("hnswlib",)
    durability = "nothing until closed"
    needs_building = "hnswlib==0.8.0"

    def __init__(self) -> None:
        import hnswlib

        self._hnswlib: Any = hnswlib

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Read the index, or make an empty one."""
        self._path = folder / "index.hnswlib"
        self._index = self._hnswlib.Index(space="ip", dim=dim)
        if self._path.exists():
            self._index.load_index(str(self._path))
        else:
            self._index.init_index(1024, M=HNSW_NEIGHBOURS, ef_construction=HNSW_BUILD_BREADTH)
        self._index.set_ef(HNSW_SEARCH_BREADTH)
        self._index.set_num_threads(threads)
        self._rows = RowTable(folder / "rows.db")

    def write(self, batch: Batch) -> None:
        """Insert into the graph, which is doubled when it is full."""
        needed = self._index.get_current_count() + len(batch.numbers)
        if needed > self._index.get_max_elements():
            self._index.resize_index(max(needed, 2 * self._index.get_max_elements()))
        self._index.add_items(batch.vectors, batch.numbers)

    def write_aside(self, batch: Batch) -> None:
        """Keep the texts."""
        self._rows.add(batch)

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """Walk the graph, or scan the session."""
        if session is None:
            found = self._index.knn_query(vector, min(k, self._index.get_current_count()))[0][0]
            return self._rows.texts(found.astype(np.int64).tolist())
        allowed = self._rows.of_session(session)
        scores = self._index.get_items(allowed, return_type="numpy") @ vector
        return self._rows.texts(allowed[np.argsort(-scores)[:k]].tolist())

    def close(self) -> None:
        """Save the index."""
        self._index.save_index(str(self._path))
        self._rows.close()
