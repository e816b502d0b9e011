"""The caches of an open store: vectors and index, kept in step with the database and with other processes."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Database, Progress
from hippo_core.storage import MappedFile, read_sidecar, write_sidecar

from hippo_episodic.index import VectorIndex, make_index
from hippo_episodic.vectors import Ids, Vectors, VectorTable

AUTO = "auto"
SPARSE = "sparse"
"""What the index of a store with a keyer is called."""
AUTO_ROWS = 20_000
"""Where an automatic index turns from exact to hnsw; below half of it it turns back."""

_SAVE_AFTER_CHANGES = 1_000  # fewer are read back from the database in milliseconds at the next opening
_SAVE_AFTER_SHARE = 0.02
_CHECKED_BYTES = 64 << 20  # a larger file is checked in the background, so that opening does not wait for it
_COMPACT_ROWS = 10_000
_BACKLOG_ROWS = 1_000  # so few are scanned in a fraction of a millisecond: not worth waking a thread for

IndexFactory = Callable[[VectorTable], VectorIndex]


@dataclass(slots=True)
class _Serving:
    """A table, an index of it, and under which name that index was chosen."""

    table: VectorTable
    index: VectorIndex
    name: str


class IndexCache:
    """What a store keeps in memory to answer fast. Thrown away and made anew on any doubt.

    It remembers the generation and the sequence number of the state it mirrors. `catch_up` reads what the journal
    has since; a new generation (after a restore) makes everything anew. Slow work is done by a thread that ends when
    there is none: loading the index, letting it grow, and making a better one that takes its place when it is ready.

    Args:
        database: the truth.
        dim: width of the vectors.
        index_name: a registered index, or "auto".
        check: called before anything is made anew from another generation of the database; may refuse by raising.
        factory: makes the index in place of the registered one; its name then only names the file.
    """

    def __init__(
        self,
        database: Database,
        dim: int,
        index_name: str,
        *,
        check: Callable[[], None],
        factory: IndexFactory | None = None,
    ) -> None:
        self._database = database
        self._dim = dim
        self._wanted = index_name
        self._check = check
        self._factory = factory
        self._saved_sequence = self._saved_rows = -1
        self._damaged = False
        self._mapped: MappedFile | None = None
        self._closing = False
        self._worker: threading.Thread | None = None
        self._unread: list[Path] = []
        self._serving = self._served(VectorTable(dim))
        self._successor: _Serving | None = None
        self.generation = ""
        self.sequence = -1
        self._load()
        with database.reading():
            self.catch_up()

    @property
    def table(self) -> VectorTable:
        """The vectors, as of the latest `catch_up`."""
        return self._serving.table

    @property
    def index(self) -> VectorIndex:
        """The index that answers now."""
        return self._serving.index

    @property
    def index_name(self) -> str:
        """The registered name of the index that answers now."""
        return self._serving.name

    @property
    def vectors_path(self) -> Path | None:
        """The cache file of the vectors; None for a store in memory."""
        return None if self._database.in_memory else Path(self._database.path + ".vectors")

    def index_path(self, name: str) -> Path | None:
        """The cache file of an index; None for a store in memory."""
        return None if self._database.in_memory else Path(f"{self._database.path}.{name}")

    def catch_up(self) -> None:
        """Take in what was committed since; call inside `Database.reading` or a transaction."""
        generation, sequence = self._database.state()
        touched = self._mapped is not None and self._mapped.was_touched()
        if touched or self._damaged or generation != self.generation:
            self.rebuild()
            return
        if sequence != self.sequence:
            rows = self._database.query(
                "SELECT DISTINCT row_id FROM changes "
                "WHERE sequence > ? AND in_table = 'episodes' AND action IN ('insert', 'delete')",
                (self.sequence,),
            )
            changed = np.array(sorted(int(row[0]) for row in rows), dtype=np.int64)
            self._apply(changed, *self._read(changed))
            self.sequence = sequence
        self._improve()

    def note_written(self, ids: Ids, vectors: Vectors, sequence: int) -> None:
        """Take in this process's own write, in the transaction's lock: nobody else wrote since `catch_up`."""
        self._apply(ids[:0], ids, vectors)
        self.sequence = sequence
        self._improve()

    def rebuild(self) -> None:
        """Make vectors and index anew from the database."""
        self._check()
        self.stop()
        self._damaged, self._mapped, self._unread, self._successor = False, None, [], None
        self._saved_sequence = self._saved_rows = -1
        with self._database.reading():
            self.generation, self.sequence = self._database.state()
            self._serving = self._served(VectorTable(self._dim, *self._read(None)))
        self._improve()

    def finish(self, progress: Progress | None = None) -> None:
        """Wait until the index has every row; `progress` is called with rows done and rows in all."""
        while True:
            with self._database.lock:
                self._improve(backlog=1)
                done = not self._is_working() and self._successor is None
                aim = self._successor or self._serving
            if progress is not None:
                progress(aim.index.n_absorbed, aim.table.n_rows)
            if done:
                return
            time.sleep(0.01)

    def close(self) -> None:
        """Stop working and write the cache files if enough has changed. They may always be deleted."""
        self.stop()
        self.save()
        self.stop()

    def save(self) -> None:
        """Write the cache files if enough has changed since they were written."""
        vectors_path, table = self.vectors_path, self.table
        if vectors_path is None:
            return
        enough = max(_SAVE_AFTER_CHANGES, int(_SAVE_AFTER_SHARE * table.n_rows))
        try:
            if self._saved_sequence < 0 or self.sequence - self._saved_sequence >= enough:
                if self._saved_sequence >= 0 and read_sidecar(vectors_path) is None:
                    # It rotted while it was mapped: written again, it would get a checksum that says it is right
                    self.rebuild()
                    table = self.table
                arrays = {"ids": table.ids, "alive": table.alive, "vectors": table.pieces()}
                stamp = {"generation": self.generation, "sequence": self.sequence, "dim": self._dim}
                write_sidecar(vectors_path, stamp, arrays)
                self._saved_sequence = self.sequence
            # An unfinished successor on the same rows is worth more than what it was to replace
            same_rows = self._successor is not None and self._successor.table is table
            one = self._successor if self._successor is not None and same_rows else self._serving
            if self._saved_rows < 0 or one.index.n_absorbed - self._saved_rows >= enough:
                index_path, dump = self.index_path(one.name), one.index.dump()
                if index_path is not None and dump:
                    write_sidecar(index_path, self._index_stamp(table, one.index.n_absorbed), dump)
                    self._saved_rows = one.index.n_absorbed
        except OSError:
            # A full or read-only disk costs the next opening some time, never a memory: the truth is committed
            return

    # ---- reading what was saved

    def _load(self) -> None:
        vectors_path = self.vectors_path
        if vectors_path is None:
            return
        mapped = MappedFile(vectors_path)
        loaded = read_sidecar(vectors_path, check_bytes_up_to=_CHECKED_BYTES)
        if loaded is None or not self._fits(loaded[0]):
            return
        self._mapped = mapped
        stamp, arrays = loaded
        self._serving = self._served(VectorTable(self._dim, arrays["ids"], arrays["vectors"], arrays["alive"]))
        self.generation, self.sequence = str(stamp["generation"]), int(stamp["sequence"])
        self._saved_sequence = self.sequence
        if arrays["vectors"].nbytes > _CHECKED_BYTES:
            self._unread.append(vectors_path)
        index_path = self.index_path(self._serving.name)
        if index_path is None or not index_path.exists():
            return
        if index_path.stat().st_size > _CHECKED_BYTES:
            self._unread.append(index_path)
        else:
            self._read_saved(index_path, self._serving)

    def _fits(self, stamp: dict[str, Any]) -> bool:
        return (
            stamp.get("generation") == self._database.generation
            and stamp.get("dim") == self._dim
            and 0 <= stamp.get("sequence", -1) <= self._database.sequence
        )

    def _index_stamp(self, table: VectorTable, n_rows: int) -> dict[str, Any]:
        """Return what an index of the first `n_rows` rows depends on: within a generation an id keeps its vector."""
        ids = np.ascontiguousarray(table.ids[:n_rows])
        return {"generation": self.generation, "dim": self._dim, "n_rows": n_rows, "ids": zlib.crc32(ids.tobytes())}

    def _read_saved(self, path: Path, serving: _Serving) -> None:
        """Check a large file of vectors, or load the index's file; in the background."""
        loaded = read_sidecar(path)
        if path == self.vectors_path:
            self._damaged = self._damaged or loaded is None
        elif loaded is not None:
            n_rows = int(loaded[0].get("n_rows", 0))
            if loaded[0] == self._index_stamp(serving.table, n_rows) and serving.index.load(loaded[1]):
                self._saved_rows = n_rows

    # ---- following the database

    def _read(self, ids: Ids | None) -> tuple[Ids, Vectors]:
        """Return ids, ascending, and vectors of the live episodes, or of those among `ids`."""
        if ids is None:
            rows = self._database.query("SELECT id, vector FROM episodes ORDER BY id")
        elif len(ids):
            rows = self._database.query(
                "SELECT id, vector FROM episodes WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
                (json.dumps(ids.tolist()),),
            )
        else:
            rows = []
        found = np.array([row["id"] for row in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f4").reshape(-1, self._dim)
        return found, vectors

    def _apply(self, gone: Ids, new: Ids, vectors: Vectors) -> None:
        successor = self._successor
        for serving in (self._serving, successor):
            if serving is not None and len(gone):
                serving.index.remove(gone)
        tables = [self._serving.table]
        if successor is not None and successor.table is not self._serving.table:
            tables.append(successor.table)
        for table in tables:
            table.remove(gone)
            table.add(new, vectors)
        for serving in (self._serving, successor):
            if serving is not None and len(new):
                serving.index.add(new, vectors)

    # ---- getting better

    def _served(self, table: VectorTable, name: str | None = None) -> _Serving:
        name = self._best_name(len(table), "") if name is None else name
        return _Serving(table, make_index(name, table) if self._factory is None else self._factory(table), name)

    def _best_name(self, n_live: int, current: str) -> str:
        if self._wanted != AUTO:
            return self._wanted
        return "hnsw" if n_live > (AUTO_ROWS // 2 if current == "hnsw" else AUTO_ROWS) else "exact"

    def _improve(self, backlog: int | None = None) -> None:
        """Swap in a successor that is ready, begin one that is needed, and see that somebody does the work."""
        backlog = _BACKLOG_ROWS if backlog is None else backlog
        serving, successor = self._serving, self._successor
        if successor is not None and successor.index.backlog < backlog:
            if successor.table is not serving.table:
                self._saved_sequence = -1
            self._serving, self._successor, self._saved_rows = successor, None, -1
        elif successor is None:
            self._successor = self._better()
        if not self._is_working() and (self._unread or self._most_work() >= backlog):
            self._worker = threading.Thread(target=self._work, name="hippo-index", daemon=True)
            self._worker.start()

    def _better(self) -> _Serving | None:
        """Return the beginning of what should take over, if anything should."""
        table = self.table
        name = self._best_name(len(table), self._serving.name)
        wasteful = table.n_rows >= _COMPACT_ROWS and 2 * len(table) < table.n_rows
        if wasteful or self.index.is_outgrown:
            live = np.flatnonzero(table.alive)
            live = live[np.argsort(table.ids[live], kind="stable")]
            table = VectorTable(self._dim, table.ids[live], table.vectors_at(live))
        return None if table is self.table and name == self._serving.name else self._served(table, name)

    def _most_work(self) -> int:
        return max(one.index.backlog for one in (self._serving, self._successor) if one is not None)

    def _is_working(self) -> bool:
        return self._worker is not None and self._worker.is_alive()

    def _work(self) -> None:
        serving, successor = self._serving, self._successor
        while self._unread and not self._closing:
            self._read_saved(self._unread.pop(0), serving)
        for one in (serving, successor):
            while one is not None and not self._closing and one.index.absorb():
                pass

    def stop(self) -> None:
        """Stop working, without saving."""
        self._closing = True
        if self._worker is not None:
            self._worker.join()
        self._worker, self._closing = None, False
