"""sqlite-vec: vectors in a virtual table of SQLite, searched by looking at all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import Batch, Peer


class SqliteVec(Peer):
    """One vec0 table: the session as a metadata column, which filters inside the scan, the text as an auxiliary one.

    Write-ahead log and full synchronisation, as Hippo sets them. Through apsw, which brings a SQLite of its own: many
    builds of Python cannot load extensions into theirs.
    """

    packages = ("sqlite-vec", "apsw")
    durability = "synced to disk"

    def __init__(self) -> None:
        import apsw
        import sqlite_vec

        self._apsw: Any = apsw
        self._extension: str = sqlite_vec.loadable_path()

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Open the table; the library has no threads of its own."""
        self._connection = self._apsw.Connection(str(folder / "memory.db"))
        self._connection.enable_load_extension(True)
        self._connection.load_extension(self._extension)
        self._connection.enable_load_extension(False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS memories USING vec0("
            f"number INTEGER PRIMARY KEY, vector FLOAT[{dim}] distance_metric=cosine, session TEXT, +text TEXT)"
        )

    def write(self, batch: Batch) -> None:
        """One transaction."""
        rows = zip(batch.numbers, (row.tobytes() for row in batch.vectors), batch.sessions, batch.texts, strict=True)
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO memories(number, vector, session, text) VALUES (?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """Look at every vector of the table, or of the session."""
        condition = "" if session is None else " AND session = :session"
        return self._connection.execute(
            f"SELECT number, text FROM memories WHERE vector MATCH :vector AND k = :k{condition} ORDER BY distance",
            {"vector": vector.tobytes(), "k": k, "session": session},
        ).fetchall()

    def close(self) -> None:
        """Close the file, which folds the log into it."""
        self._connection.close()
