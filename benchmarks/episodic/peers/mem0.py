"""mem0 without a language model: what it adds, stores and searches when nothing is inferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from data import row_of
from numpy.typing import NDArray

from peers.base import Batch, Peer

_USER = "one"


class Mem0(Peer):
    """`add(infer=False)` and `search` over its default vector store, Qdrant's local mode; our vectors, no telemetry.

    One call of `add` takes the rows of one session, since a session is a property of the call.
    """

    packages = ("mem0ai", "qdrant-client")
    durability = "synced to disk, row by row"
    most_rows = 10_000
    why_most_rows = "every row is several commits of its own, and its local store warns above 20,000 rows"

    def __init__(self) -> None:
        import mem0

        self._mem0: Any = mem0

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Open the memory; its threads are those of the environment."""
        unused = {"provider": "openai", "config": {"api_key": "unused"}}  # made offline, never called
        self._memory = self._mem0.Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"path": str(folder / "qdrant"), "embedding_model_dims": dim, "on_disk": True},
                },
                "history_db_path": str(folder / "history.db"),
                "llm": unused,
                "embedder": unused,
            }
        )
        self._vectors = _GivenVectors()
        self._memory.embedding_model = self._vectors

    def write(self, batch: Batch) -> None:
        """One `add` a session of the batch."""
        self._vectors.known = dict(zip(batch.texts, batch.vectors.tolist(), strict=True))
        by_session: dict[str, list[int]] = {}
        for place, session in enumerate(batch.sessions):
            by_session.setdefault(session, []).append(place)
        for session, places in by_session.items():
            messages = [{"role": "user", "content": batch.texts[place]} for place in places]
            self._memory.add(messages, user_id=_USER, run_id=session, infer=False)

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """One `search`, with the session as its run."""
        self._vectors.known = {"cue": vector.tolist()}
        filters = {"user_id": _USER} if session is None else {"user_id": _USER, "run_id": session}
        found = self._memory.search("cue", filters=filters, top_k=k, threshold=0.0)
        return [(row_of(hit["memory"]), hit["memory"]) for hit in found["results"]]

    def close(self) -> None:
        """Close its two stores."""
        self._memory.close()
        self._memory.vector_store.client.close()


class _GivenVectors:
    """An embedder that knows the texts it will be asked for."""

    def __init__(self) -> None:
        self.known: dict[str, list[float]] = {}

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """Return the vector that was given for `text`."""
        return self.known[text]
