"""Indexes that keep a vector in a few bytes: product quantisation (Jégou et al. 2011) in lists, or under a graph.

The codes only choose candidates. These are ranked by their exact vectors, which stay in the cache file on disk, so that
at 384 dimensions a row takes 96 bytes of memory (and a graph's links) instead of 1,536.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.index.approximate import MOST_TRAINING, ApproximateIndex, Found
from hippo_episodic.index.hnsw import NEIGHBOURS, HnswBackend
from hippo_episodic.vectors import Rows, Vectors, VectorTable

_BITS = 8
_POINTS_A_CENTROID = 39  # what FAISS asks for before it trains without a warning
_CANDIDATES = 20  # times k, at least 200: what the codes rank roughly is ranked again exactly
_OUTGROWN = 8  # rows per row at training: then the lists are too long, and the codes fit an older world


def _subvectors(dim: int) -> int:
    """Return into how many parts of about 4 dimensions a vector is cut; FAISS needs a divisor of its width."""
    return max(parts for parts in range(1, max(2, dim // 4 + 1)) if dim % parts == 0)


class IvfPqBackend:
    """FAISS's inverted lists of product-quantised residuals.

    Args:
        dim: width of the vectors.
    """

    train_size = _POINTS_A_CENTROID * 2**_BITS

    def __init__(self, dim: int) -> None:
        import faiss  # here, since it takes longer to import than all the rest and not every store uses it

        self._faiss: Any = faiss
        self._dim = dim
        self._index: Any = None
        self._trained_on = 0

    def train(self, sample: Vectors) -> None:
        """Learn the lists and the codes."""
        n_lists = max(16, int(len(sample) / _POINTS_A_CENTROID / 4))
        quantizer = self._faiss.IndexFlatIP(self._dim)
        self._index = self._faiss.IndexIVFPQ(
            quantizer, self._dim, n_lists, _subvectors(self._dim), _BITS, self._faiss.METRIC_INNER_PRODUCT
        )
        quantizer.this.disown()
        self._index.own_fields = True
        self._index.train(np.ascontiguousarray(sample))
        self._trained_on = len(sample)

    def add(self, first: int, vectors: Vectors, alive: NDArray[np.bool_]) -> None:
        """Take in rows; the dead ones too, since FAISS counts its labels."""
        self._index.add(np.ascontiguousarray(vectors))

    def remove(self, rows: Rows) -> None:
        """Do nothing: the search is told which rows are usable."""

    def search(self, queries: Vectors, k: int, usable: NDArray[np.bool_] | None, share: float) -> Found:
        """Return candidates; a quarter of the lists is looked at."""
        parameters = self._faiss.SearchParametersIVF(nprobe=max(16, self._index.nlist // 4))
        if usable is not None:
            bitmap = np.packbits(usable, bitorder="little")
            parameters.sel = self._faiss.IDSelectorBitmap(len(usable), self._faiss.swig_ptr(bitmap))
        fetch = max(200, _CANDIDATES * k)
        return self._index.search(np.ascontiguousarray(queries), fetch, params=parameters)[1], None

    def is_outgrown(self, n_rows: int, n_live: int) -> bool:
        """Return whether there are many more rows than it was trained on, and more than it would be trained on anew."""
        return self._trained_on < MOST_TRAINING * self.train_size and n_live > _OUTGROWN * self._trained_on

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return the lists in FAISS's own format."""
        return {"lists": self._faiss.serialize_index(self._index), "trained_on": np.array([self._trained_on])}

    def load(self, arrays: Mapping[str, NDArray[Any]], table: VectorTable, n_rows: int) -> None:
        """Take up dumped lists."""
        index = self._faiss.deserialize_index(np.array(arrays["lists"]))
        if index.d != table.dim or index.ntotal != n_rows:
            raise ValueError(f"the lists hold {index.ntotal} rows of width {index.d}")
        self._index, self._trained_on = index, int(arrays["trained_on"][0])


class HnswPqBackend(HnswBackend):
    """A FAISS graph over product-quantised vectors.

    Args:
        dim: width of the vectors.
    """

    train_size = _POINTS_A_CENTROID * 2**_BITS

    def train(self, sample: Vectors) -> None:
        """Learn the codes."""
        self._graph.train(np.ascontiguousarray(sample))

    def search(self, queries: Vectors, k: int, usable: NDArray[np.bool_] | None, share: float) -> Found:
        """Return candidates, more than are wanted, since the codes rank them roughly."""
        return super().search(queries, max(100, _CANDIDATES * k // 2), usable, share)[0], None

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return graph and codes in FAISS's own format."""
        return {"graph": self._faiss.serialize_index(self._graph)}

    def load(self, arrays: Mapping[str, NDArray[Any]], table: VectorTable, n_rows: int) -> None:
        """Take up a dumped graph with its codes."""
        graph = self._faiss.deserialize_index(np.array(arrays["graph"]))
        if graph.d != table.dim or graph.ntotal != n_rows:
            raise ValueError(f"the graph holds {graph.ntotal} rows of width {graph.d}")
        self._graph = graph

    def _new_graph(self, dim: int) -> Any:
        # Unit rows are ordered the same by both metrics, but FAISS builds this graph from distances between codes
        return self._faiss.IndexHNSWPQ(dim, _subvectors(dim), NEIGHBOURS, _BITS, self._faiss.METRIC_L2)


class IvfPqIndex(ApproximateIndex):
    """Inverted lists of product-quantised vectors: the smallest index. Exact below 9,984 rows, which it needs to learn.

    Args:
        table: the store's vectors.
    """

    def __init__(self, table: VectorTable) -> None:
        super().__init__(table, lambda: IvfPqBackend(table.dim))


class HnswPqIndex(ApproximateIndex):
    """A graph over product-quantised vectors. Exact below 9,984 rows, which it needs to learn.

    Args:
        table: the store's vectors.
    """

    def __init__(self, table: VectorTable) -> None:
        super().__init__(table, lambda: HnswPqBackend(table.dim))
