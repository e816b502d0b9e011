"""What is measured: a file each, and a line each in `PEERS`."""

from __future__ import annotations

from importlib import import_module

from peers.base import Peer

PEERS = {
    "raw_hnswlib": "raw_hnswlib:RawHnswlib",
    "raw_faiss": "raw_faiss:RawFaiss",
    "hippo_exact": "hippo:HippoExact",
    "hippo_hnsw": "hippo:HippoHnsw",
    "sqlite_vec": "sqlite_vec:SqliteVec",
    "chromadb": "chroma:Chroma",
    "lancedb": "lance:Lance",
    "mem0": "mem0:Mem0",
}


def peer_class(name: str) -> type[Peer]:
    """Return the class of a peer; its own library is imported when it is made, not here."""
    module, _, attribute = PEERS[name].partition(":")
    return getattr(import_module(f"peers.{module}"), attribute)


__all__ = ["PEERS", "Peer", "peer_class"]
