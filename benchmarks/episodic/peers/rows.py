"""A plain SQLite table of texts, which turns a bare index into something that answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers.base import Batch


class RowTable:
    """Texts and sessions by number. Not synced: it is not what is measured.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, text, session)")
        self._connection.execute("CREATE INDEX IF NOT EXISTS rows_by_session ON rows (session)")

    def add(self, batch: Batch) -> None:
        """Insert the batch's rows."""
        self._connection.execute("BEGIN")
        rows = zip(batch.numbers, batch.texts, batch.sessions, strict=True)
        self._connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def texts(self, numbers: Sequence[int]) -> list[tuple[int, str]]:
        """Return numbers with their texts, in the order given."""
        marks = ", ".join("?" * len(numbers))
        found = dict(self._connection.execute(f"SELECT number, text FROM rows WHERE number IN ({marks})", numbers))
        return [(number, found[number]) for number in numbers]

    def of_session(self, session: str) -> NDArray[np.int64]:
        """Return the numbers of one session's rows."""
        rows = self._connection.execute("SELECT number FROM rows WHERE session = ?", (session,))
        return np.array([row[0] for row in rows], dtype=np.int64)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
