"""Indexes that find near vectors. Each is a file here and one registration line; a store picks one by name."""

from hippo_episodic.index.base import VectorIndex, index_names, make_index, register_index
from hippo_episodic.index.exact import ExactIndex
from hippo_episodic.index.hnsw import HnswIndex

register_index("exact", ExactIndex)
register_index("hnsw", HnswIndex)

__all__ = ["ExactIndex", "HnswIndex", "VectorIndex", "index_names", "make_index", "register_index"]
