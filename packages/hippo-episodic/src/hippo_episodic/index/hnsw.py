"""Hierarchical navigable small worlds through FAISS (Malkov and Yashunin 2016, arXiv:1603.09320)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.index.approximate import ApproximateIndex, Found
from hippo_episodic.vectors import Rows, Vectors, VectorTable

NEIGHBOURS = 32
BUILD_BREADTH = 120
SEARCH_BREADTH = 128
_DEAD_SHARE = 0.25  # beyond this share of deleted rows a graph made anew is smaller and faster


class HnswBackend:
    """A FAISS graph. It cannot delete: dead rows are passed over until a new graph replaces it.

    Args:
        dim: width of the vectors.
    """

    train_size = 0

    def __init__(self, dim: int) -> None:
        import faiss  # here, since it takes longer to import than all the rest and not every store uses it

        self._faiss: Any = faiss
        self._graph: Any = self._new_graph(dim)
        self._graph.hnsw.efConstruction = BUILD_BREADTH

    def train(self, sample: Vectors) -> None:
        """Do nothing: a graph of plain vectors needs no training."""

    def add(self, first: int, vectors: Vectors, alive: NDArray[np.bool_]) -> None:
        """Take in rows; the dead ones too, since FAISS counts its labels."""
        self._graph.add(np.ascontiguousarray(vectors))

    def remove(self, rows: Rows) -> None:
        """Do nothing: the search is told which rows are usable."""

    def search(self, queries: Vectors, k: int, usable: NDArray[np.bool_] | None, share: float) -> Found:
        """Return rows and inner products; the narrower the filter, the wider the walk."""
        breadth = int(max(SEARCH_BREADTH, 2 * k) / min(1.0, share))
        if usable is None:
            self._graph.hnsw.efSearch = breadth
            scores, rows = self._graph.search(np.ascontiguousarray(queries), k)
            return rows, scores
        parameters = self._faiss.SearchParametersHNSW()
        parameters.efSearch = breadth
        bitmap = np.packbits(usable, bitorder="little")
        parameters.sel = self._faiss.IDSelectorBitmap(len(usable), self._faiss.swig_ptr(bitmap))
        scores, rows = self._graph.search(np.ascontiguousarray(queries), k, params=parameters)
        return rows, scores

    def is_outgrown(self, n_rows: int, n_live: int) -> bool:
        """Return whether a quarter of the rows is dead."""
        return n_rows - n_live > _DEAD_SHARE * n_rows

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return the graph in FAISS's own format, without the vectors, which the table has."""
        return {"graph": self._faiss.serialize_index(self._graph, self._faiss.IO_FLAG_SKIP_STORAGE)}

    def load(self, arrays: Mapping[str, NDArray[Any]], table: VectorTable, n_rows: int) -> None:
        """Take up a graph and give it its vectors back."""
        graph = self._faiss.deserialize_index(np.array(arrays["graph"]))
        if graph.d != table.dim or graph.ntotal != n_rows:
            raise ValueError(f"the graph holds {graph.ntotal} rows of width {graph.d}")
        storage = self._faiss.IndexFlatIP(table.dim)
        for _, vectors in table.chunks(0, n_rows):
            storage.add(np.ascontiguousarray(vectors))
        graph.storage, graph.own_fields = storage, True
        storage.this.disown()
        self._graph = graph

    def _new_graph(self, dim: int) -> Any:
        return self._faiss.IndexHNSWFlat(dim, NEIGHBOURS, self._faiss.METRIC_INNER_PRODUCT)


class HnswIndex(ApproximateIndex):
    """An approximate index: recall above 0.95 at 384 dimensions, a fraction of the cost of looking at all rows.

    Args:
        table: the store's vectors.
    """

    def __init__(self, table: VectorTable) -> None:
        super().__init__(table, lambda: HnswBackend(table.dim))
