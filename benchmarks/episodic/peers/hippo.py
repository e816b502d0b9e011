"""Our own store, through its public names alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peers.base import Batch, Peer

_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class HippoExact(Peer):
    """The store with the index that looks at every row. Vectors are given, so that no encoding is timed."""

    packages = ("hippo-episodic", "faiss-cpu")
    durability = "synced to disk"
    index: ClassVar[str] = "exact"

    def __init__(self) -> None:
        import hippo_core
        import hippo_episodic

        self._core = hippo_core
        self._episodic = hippo_episodic

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Open the store; its threads are those of the environment."""
        encoder = self._core.HashingEncoder(dim)
        self._store = self._episodic.EpisodicStore(folder / "memory.db", encoder=encoder, index=self.index)

    def write(self, batch: Batch) -> None:
        """One transaction."""
        episodes = [
            self._core.Episode(
                text=text,
                session=session,
                provenance=self._core.Provenance(source="benchmark", doc_id=str(number), time=_TIME),
            )
            for number, text, session in zip(batch.numbers, batch.texts, batch.sessions, strict=True)
        ]
        self._store.write_many(episodes, keys=batch.vectors)

    def settle(self) -> None:
        """Wait until the index has every row; they are found by a scan before."""
        self._store.finish_indexing()

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """A vector cue is ranked by cosine alone."""
        hits = self._store.recall(vector, k, session=session)
        return [(int(hit.item.provenance.doc_id or -1), hit.item.text) for hit in hits]

    def close(self) -> None:
        """Close the store."""
        self._store.close()


class HippoHnsw(HippoExact):
    """The store with FAISS's HNSW."""

    index: ClassVar[str] = "hnsw"
