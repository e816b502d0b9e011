"""Hierarchical navigable small worlds through FAISS (Malkov and Yashunin 2016, arXiv:1603.09320)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.vectors import Ids, Scores, VectorTable

_NEIGHBOURS = 32
_BUILD_BREADTH = 120
_SEARCH_BREADTH = 128
_DEAD_SHARE = 0.25  # beyond this share of deleted rows the graph is built anew
_EXACT_SHARE = 0.05  # a filter that keeps less is scanned exactly: a graph walk would mostly meet rows it may not use


class HnswIndex:
    """An approximate index: recall above 0.95 at 384 dimensions, a fraction of the cost of looking at all rows.

    FAISS cannot delete from the graph: deleted rows are passed over in the search and dropped when the graph is
    built anew, which happens by itself when they are a quarter of it.

    Args:
        table: the store's vectors.
    """

    def __init__(self, table: VectorTable) -> None:
        import faiss  # here, since it takes longer to import than all the rest and not every store uses it

        self._faiss: Any = faiss
        self._table = table
        self._reset()

    def _reset(self) -> None:
        self._graph: Any = self._faiss.IndexHNSWFlat(self._table.dim, _NEIGHBOURS, self._faiss.METRIC_INNER_PRODUCT)
        self._graph.hnsw.efConstruction = _BUILD_BREADTH
        self._ids: Ids = np.zeros(0, dtype=np.int64)  # by label: the graph numbers its rows from 0
        self._alive = np.zeros(0, dtype=bool)
        self._labels: dict[int, int] = {}

    def add(self, ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Take in rows whose ids are not in the index."""
        first = len(self._ids)
        self._graph.add(np.ascontiguousarray(vectors, dtype=np.float32))
        self._ids = np.concatenate([self._ids, ids])
        self._alive = np.concatenate([self._alive, np.ones(len(ids), dtype=bool)])
        self._labels.update(zip(ids.tolist(), range(first, first + len(ids)), strict=True))

    def remove(self, ids: Ids) -> None:
        """Forget rows; ids it does not hold are passed over."""
        for id in ids.tolist():
            label = self._labels.pop(id, None)
            if label is not None:
                self._alive[label] = False

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return ids and inner products of shape (queries, k), best first; see `VectorTable.search`."""
        if len(self._alive) - len(self._labels) > _DEAD_SHARE * len(self._alive):
            ids, vectors = self._table.live()
            self._reset()
            self.add(ids, vectors)
        usable = self._alive if allowed is None else self._alive & np.isin(self._ids, allowed)
        n_usable = int(usable.sum())
        # A search as wide as the graph would walk all of it anyway
        if n_usable <= max(_EXACT_SHARE * len(self._alive), 4 * k, 1_000):
            return self._table.search(queries, k, allowed=allowed)
        parameters = self._faiss.SearchParametersHNSW()
        parameters.efSearch = max(_SEARCH_BREADTH, 2 * k)
        if n_usable < len(usable):
            bitmap = np.packbits(usable, bitorder="little")
            parameters.sel = self._faiss.IDSelectorBitmap(len(usable), self._faiss.swig_ptr(bitmap))
        scores, labels = self._graph.search(np.ascontiguousarray(queries), k, params=parameters)
        found = np.where(labels >= 0, self._ids[labels], -1)
        scores = np.where(labels >= 0, scores, -np.inf).astype(np.float32)
        order = np.lexsort((found, -scores), axis=1)  # FAISS's order of ties is its own
        return np.take_along_axis(found, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return the graph in FAISS's own format, and the ids of its rows."""
        return {"graph": self._faiss.serialize_index(self._graph), "ids": self._ids, "alive": self._alive}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Take up a dumped graph; False if it does not fit this table."""
        try:
            graph = self._faiss.deserialize_index(np.array(arrays["graph"]))
        except (KeyError, RuntimeError):  # FAISS raises RuntimeError for bytes that are no index
            return False
        ids = np.array(arrays["ids"])
        if graph.d != self._table.dim or graph.ntotal != len(ids):
            return False
        self._graph, self._ids, self._alive = graph, ids, np.array(arrays["alive"])
        self._labels = {int(ids[label]): int(label) for label in np.flatnonzero(self._alive)}
        return True
