"""Chroma's persistent client: SQLite for the rows, hnswlib for the vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import HNSW_BUILD_BREADTH, HNSW_NEIGHBOURS, HNSW_SEARCH_BREADTH, Batch, Peer

_SYNC_THRESHOLD = 10_000
"""Rows between two savings of the graph. The default of 1,000 writes all of it anew with every batch here; rows that
are not in a saved graph are safe in its SQLite and are inserted again at the next opening."""


class Chroma(Peer):
    """One collection, our vectors, telemetry off, the HNSW parameters of all others, the graph saved less often."""

    packages = ("chromadb",)
    durability = "synced to disk"

    def __init__(self) -> None:
        import chromadb

        self._chromadb: Any = chromadb

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Open the collection."""
        settings = self._chromadb.config.Settings(anonymized_telemetry=False)
        self._client = self._chromadb.PersistentClient(str(folder), settings=settings)
        self._collection = self._client.get_or_create_collection(
            "memories",
            embedding_function=None,
            configuration={
                "hnsw": {
                    "space": "cosine",
                    "max_neighbors": HNSW_NEIGHBOURS,
                    "ef_construction": HNSW_BUILD_BREADTH,
                    "ef_search": HNSW_SEARCH_BREADTH,
                    "num_threads": threads,
                    "sync_threshold": _SYNC_THRESHOLD,
                }
            },
        )

    def write(self, batch: Batch) -> None:
        """One `add`."""
        self._collection.add(
            ids=[str(number) for number in batch.numbers],
            embeddings=batch.vectors,
            documents=list(batch.texts),
            metadatas=[{"session": session} for session in batch.sessions],
        )

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """One `query`, with the session as its `where`."""
        found = self._collection.query(
            query_embeddings=[vector],
            n_results=k,
            where=None if session is None else {"session": session},
            include=["documents"],
        )
        return [(int(id), text) for id, text in zip(found["ids"][0], found["documents"][0], strict=True)]

    def close(self) -> None:
        """Stop the client."""
        self._client.close()
