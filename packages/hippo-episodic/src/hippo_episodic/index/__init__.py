"""Indexes that find near vectors. Each is a file here and one registration line; a store picks one by name."""

from hippo_episodic.index.base import VectorIndex, check_index_name, index_names, make_index, register_index
from hippo_episodic.index.exact import ExactIndex
from hippo_episodic.index.hnsw import HnswIndex
from hippo_episodic.index.hnswlib_graph import HnswlibIndex
from hippo_episodic.index.product_quantised import HnswPqIndex, IvfPqIndex
from hippo_episodic.index.sparse import SparseIndex

register_index("exact", ExactIndex)
register_index("hnsw", HnswIndex)
register_index("hnsw_pq", HnswPqIndex)
register_index("hnswlib", HnswlibIndex)
register_index("ivf_pq", IvfPqIndex)

__all__ = [
    "ExactIndex",
    "HnswIndex",
    "HnswPqIndex",
    "HnswlibIndex",
    "IvfPqIndex",
    "SparseIndex",
    "VectorIndex",
    "check_index_name",
    "index_names",
    "make_index",
    "register_index",
]
