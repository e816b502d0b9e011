"""The caches of an open store: vectors and index, kept in step with the database and with other processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Database
from hippo_core.storage import read_sidecar, write_sidecar

from hippo_episodic.index import VectorIndex, make_index
from hippo_episodic.vectors import Ids, VectorTable

_SAVE_AFTER_CHANGES = 1_000  # fewer are read back from the database in milliseconds at the next opening
_CHECKED_BYTES = 64 << 20  # larger cache files are checked for their length at opening and in full by `verify`


class IndexCache:
    """What a store keeps in memory to answer fast. Thrown away and made anew on any doubt.

    It remembers the generation and the sequence number of the state it mirrors. `catch_up` reads what the journal
    has since; a new generation (after a restore) makes everything anew.

    Args:
        database: the truth.
        dim: width of the vectors.
        index_name: a registered index.
    """

    def __init__(self, database: Database, dim: int, index_name: str) -> None:
        self._database = database
        self._dim = dim
        self._index_name = index_name
        self._saved_sequence = -1
        self._start_empty()
        self._load()
        with database.reading():
            self.catch_up()

    def _start_empty(self) -> None:
        self.generation = ""
        self.sequence = -1
        self.table = VectorTable(self._dim)
        self.index: VectorIndex = make_index(self._index_name, self.table)

    @property
    def vectors_path(self) -> Path | None:
        """The cache file of the vectors; None for a store in memory."""
        return None if self._database.in_memory else Path(self._database.path + ".vectors")

    @property
    def index_path(self) -> Path | None:
        """The cache file of the index; None for a store in memory."""
        return None if self._database.in_memory else Path(f"{self._database.path}.{self._index_name}")

    def catch_up(self) -> None:
        """Take in what was committed since; call inside `Database.reading` or a transaction."""
        if self._database.generation != self.generation:
            self.rebuild()
            return
        sequence = self._database.sequence
        if sequence == self.sequence:
            return
        rows = self._database.query(
            "SELECT DISTINCT row_id FROM changes "
            "WHERE sequence > ? AND in_table = 'episodes' AND action IN ('insert', 'delete')",
            (self.sequence,),
        )
        touched = np.array(sorted(int(row[0]) for row in rows), dtype=np.int64)
        self._remove(touched)
        self._add_from_database(touched)
        self.sequence = sequence

    def rebuild(self) -> None:
        """Make vectors and index anew from the database."""
        self._start_empty()
        with self._database.reading():
            self.generation = self._database.generation
            self.sequence = self._database.sequence
            self._add_from_database(None)

    def save(self) -> None:
        """Write the cache files if enough has changed since they were written. They may always be deleted."""
        vectors_path, index_path = self.vectors_path, self.index_path
        if vectors_path is None or index_path is None:
            return
        if self._saved_sequence >= 0 and self.sequence - self._saved_sequence < _SAVE_AFTER_CHANGES:
            return
        stamp = self._stamp()
        ids, vectors = self.table.live()
        try:
            write_sidecar(vectors_path, stamp, {"ids": ids, "vectors": vectors})
            dump = self.index.dump()
            if dump:
                write_sidecar(index_path, stamp, dump)
        except OSError:
            # A full or read-only disk costs the next opening some time, never a memory: the truth is committed
            return
        self._saved_sequence = self.sequence

    def _load(self) -> None:
        vectors_path, index_path = self.vectors_path, self.index_path
        if vectors_path is None or index_path is None:
            return
        loaded = read_sidecar(vectors_path, check_bytes_up_to=_CHECKED_BYTES)
        if loaded is None or not self._fits(loaded[0]):
            return
        stamp, arrays = loaded
        self.table = VectorTable(self._dim, arrays["ids"], arrays["vectors"])
        self.index = make_index(self._index_name, self.table)
        index_loaded = read_sidecar(index_path, check_bytes_up_to=_CHECKED_BYTES)
        if index_loaded is None or index_loaded[0] != stamp or not self.index.load(index_loaded[1]):
            self.index.add(arrays["ids"], arrays["vectors"])
        self.generation, self.sequence = str(stamp["generation"]), int(stamp["sequence"])
        self._saved_sequence = self.sequence

    def _stamp(self) -> dict[str, Any]:
        return {"generation": self.generation, "sequence": self.sequence, "dim": self._dim}

    def _fits(self, stamp: dict[str, Any]) -> bool:
        return (
            stamp.get("generation") == self._database.generation
            and stamp.get("dim") == self._dim
            and 0 <= stamp.get("sequence", -1) <= self._database.sequence
        )

    def _remove(self, ids: Ids) -> None:
        if len(ids):
            self.index.remove(ids)
            self.table.remove(ids)

    def _add_from_database(self, ids: Ids | None) -> None:
        if ids is None:
            rows = self._database.query("SELECT id, vector FROM episodes ORDER BY id")
        elif len(ids):
            rows = self._database.query(
                "SELECT id, vector FROM episodes WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
                (json.dumps(ids.tolist()),),
            )
        else:
            return
        if not rows:
            return
        found = np.array([row["id"] for row in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f4").reshape(-1, self._dim)
        self.table.add(found, vectors)
        self.index.add(found, vectors)
