"""FAISS's HNSW alone: the limit for whatever is built on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import HNSW_BUILD_BREADTH, HNSW_NEIGHBOURS, HNSW_SEARCH_BREADTH, Batch, Peer
from peers.rows import RowTable


class RawFaiss(Peer):
    """The index in memory, saved when closed; texts are read from a plain table.

    A filter is answered by scanning the session's rows exactly, which is faster and better than a filtered walk.
    """

    packages = ("faiss-cpu",)
    durability = "nothing until closed"

    def __init__(self) -> None:
        import faiss

        self._faiss: Any = faiss

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Read the index, or make an empty one."""
        self._faiss.omp_set_num_threads(threads)
        self._path = folder / "index.faiss"
        if self._path.exists():
            self._index = self._faiss.read_index(str(self._path))
        else:
            self._index = self._faiss.IndexHNSWFlat(dim, HNSW_NEIGHBOURS, self._faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = HNSW_BUILD_BREADTH
        self._index.hnsw.efSearch = HNSW_SEARCH_BREADTH
        self._rows = RowTable(folder / "rows.db")

    def write(self, batch: Batch) -> None:
        """Insert into the graph."""
        self._index.add(batch.vectors)

    def write_aside(self, batch: Batch) -> None:
        """Keep the texts."""
        self._rows.add(batch)

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """Walk the graph, or scan the session."""
        if session is None:
            found = self._index.search(vector[None, :], k)[1][0]
            return self._rows.texts(found[found >= 0].tolist())
        allowed = self._rows.of_session(session)
        scores = self._index.reconstruct_batch(allowed) @ vector
        return self._rows.texts(allowed[np.argsort(-scores)[:k]].tolist())

    def close(self) -> None:
        """Save the index."""
        self._faiss.write_index(self._index, str(self._path))
        self._rows.close()
