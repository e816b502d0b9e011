"""A store's database: transactions that journal every row, undo, snapshots, and news of other processes."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hippo_core.checks import checked_count, checked_ids, checked_path
from hippo_core.errors import InvalidInputError, NotADatabaseError, StorageError, StoreClosedError
from hippo_core.provenance import Clock, utc_now
from hippo_core.storage import journal
from hippo_core.storage.connection import MEMORY, connect, explained, migrate, use_write_ahead_log
from hippo_core.storage.journal import JOURNAL_SCHEMA, Change

_PLAIN_TABLES = (
    "SELECT name FROM {schema}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
    "AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT IN ("
    "  SELECT v.name || s.suffix FROM {schema}.sqlite_master AS v, (SELECT '_data' AS suffix UNION SELECT '_idx' "
    "  UNION SELECT '_content' UNION SELECT '_docsize' UNION SELECT '_config') AS s "
    "  WHERE v.sql LIKE 'CREATE VIRTUAL%')"
)


class Database:
    """One SQLite file opened right: write-ahead log, full sync, one writer at a time, ordered migrations, a journal.

    Tables that are named in `record_columns` must have `id INTEGER PRIMARY KEY AUTOINCREMENT`; ids are never used
    again. All writes go through `transaction`, which journals them.

    Every connection has `synchronous=FULL`, which the promise of a receipt needs. In write-ahead mode FULL syncs the
    log at each commit, before it returns, so a commit survives a power cut. NORMAL would sync at checkpoints only: the
    file stays sound and `kill -9` costs nothing, since the operating system has the pages, but a power cut may take the
    last commits back. OFF may leave a damaged file behind (https://www.sqlite.org/pragma.html#pragma_synchronous).

    Args:
        path: a file, made when it is missing, or ":memory:".
        kind: what the file is, for instance "hippo-episodic"; a file of another kind is refused.
        migrations: SQL scripts, oldest first. The journal's own tables come before the first one.
        record_columns: for each journaled table the column that holds the id of the record it belongs to.
        clock: gives operations their time.
        timeout_s: how long to wait for another writer, in seconds.

    Raises:
        InvalidInputError: `path` is no path, or an empty one.
        NotADatabaseError: the file holds something else.
        NewerSchemaError: a newer version of the package wrote it.
        StorageError: it cannot be opened or written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        kind: str,
        migrations: Sequence[str],
        record_columns: Mapping[str, str],
        clock: Clock = utc_now,
        timeout_s: float = 30.0,
    ) -> None:
        if not migrations:
            raise InvalidInputError("`migrations` is empty; a store has at least the script that makes its tables.")
        self.path = checked_path(path)
        self.kind = kind
        self.lock = threading.RLock()
        self._migrations = [JOURNAL_SCHEMA + migrations[0], *migrations[1:]]
        self._record_columns = dict(record_columns)
        self._clock = clock
        self._timeout_s = timeout_s
        self._connection: sqlite3.Connection | None = connect(self.path, timeout_s=timeout_s)
        try:
            migrate(self._connection, self.path, kind=kind, migrations=self._migrations)
            use_write_ahead_log(self._connection, self.path, timeout_s=timeout_s)
            if self.meta("generation") is None:
                with self.transaction("create") as transaction:
                    if self.meta("generation") is None:  # another process may have been first
                        transaction.set_meta("generation", secrets.token_hex(8))
        except BaseException:
            self.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection.

        Raises:
            StoreClosedError: `close` was called.
        """
        if self._connection is None:
            raise StoreClosedError(f"The store at {self.path!r} is closed; open it again.")
        return self._connection

    @property
    def in_memory(self) -> bool:
        """Whether nothing outlives the process."""
        return self.path == MEMORY

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        with self.lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Run one reading statement and return its rows."""
        with self.lock, explained(self.path):
            return self.connection.execute(sql, parameters).fetchall()

    def meta(self, key: str) -> str | None:
        """Return a value that travels with the database, or None."""
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return None if not rows else str(rows[0][0])

    @property
    def generation(self) -> str:
        """A token that changes when the whole content was replaced: caches of an older one are worthless."""
        return self.meta("generation") or ""

    @property
    def sequence(self) -> int:
        """The number of the latest change."""
        row = self.query("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
        return 0 if not row else int(row[0][0])

    def state(self) -> tuple[str, int]:
        """Return `generation` and `sequence` at the cost of one query."""
        row = self.query(
            "SELECT (SELECT value FROM meta WHERE key = 'generation'), "
            "(SELECT seq FROM sqlite_sequence WHERE name = 'changes')"
        )[0]
        return str(row[0]), int(row[1] or 0)

    @contextmanager
    def reading(self) -> Generator[None, None, None]:
        """See one unchanging state of the database in all queries of the block."""
        with self.lock:
            if self.connection.in_transaction:
                yield
                return
            with explained(self.path):
                self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("COMMIT")

    @contextmanager
    def transaction(self, kind: str) -> Generator[Transaction, None, None]:
        """Hold the writer's lock for the block, and commit at its end; an exception takes everything back.

        Args:
            kind: the operation's name in the history.

        Raises:
            StorageError: the lock could not be had in time, or the disk is full. Nothing was written.
        """
        with self.lock:
            with explained(self.path):
                self.connection.execute("BEGIN IMMEDIATE")
            try:
                with explained(self.path):
                    yield Transaction(self.connection, kind, self._record_columns, self._clock)
                    self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def undo(self, count: int = 1) -> int:
        """Take back the latest `count` operations that still stand; return how many there were.

        The undo is an operation itself, so other processes and caches follow it; it cannot be undone.

        Raises:
            InvalidInputError: `count` is not a whole number of at least 1.
        """
        count = checked_count(count, name="count")
        with self.transaction("undo") as transaction:
            transaction.defer_foreign_keys()
            operations = journal.standing_operations(self.connection, count)
            for operation in operations:
                for change in journal.changes_of(self.connection, operation):
                    transaction.reverse(change)
                transaction.mark_undone(operation)
            return len(operations)

    def history(self, id: int | None = None, *, limit: int = 100) -> list[Change]:
        """Return the latest changes, newest first, of one record or of all: one for each record an operation touched.

        Raises:
            InvalidInputError: `limit` is not a whole number of at least 1, or `id` no whole number.
        """
        limit = checked_count(limit, name="limit")
        records = None if id is None else checked_ids(id)
        with self.reading():
            main_tables = [table for table, column in self._record_columns.items() if column == "id"]
            return journal.read_history(self.connection, records, limit, main_tables=main_tables)

    def prune_history(self, keep: int) -> int:
        """Drop the row images of all but the latest `keep` operations; return how many can no longer be undone.

        The history still lists them. The room that the images took is used for new rows.
        """
        with self.transaction("prune_history") as transaction:
            return transaction.seal_history(keep=keep)

    def scrub(self) -> None:
        """Rewrite the file without free pages and empty the write-ahead log: no byte of what was deleted stays in it.

        Cost: writes the whole file; needs as much room again meanwhile.

        Raises:
            StorageError: another process reads just now, or there is no room. Nothing is lost; call it again.
        """
        with self.lock, explained(self.path):
            self.connection.execute("PRAGMA secure_delete = ON")
            self.connection.execute("VACUUM")
            if self.in_memory:
                return
            # Waits for readers as long as for another writer
            if self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise StorageError(
                    f"{self.path!r}: another process reads it just now, so its write-ahead log still holds what "
                    "was deleted. Close the other process and do this again."
                )

    def snapshot(self, path: str | Path) -> None:
        """Copy the database to `path` while it is in use. The copy appears whole or not at all.

        Raises:
            InvalidInputError: `path` exists.
            StorageError: it cannot be written.
        """
        target = Path(path)
        if target.exists():
            raise InvalidInputError(f"{str(target)!r} exists; a snapshot never overwrites. Choose another path.")
        if not target.parent.is_dir():
            raise StorageError(f"The folder of {str(target)!r} does not exist; make it first.")
        partial = target.with_name(target.name + f".partial-{secrets.token_hex(4)}")
        try:
            with self.lock, explained(str(target)):
                copy = sqlite3.connect(partial)
                try:
                    self.connection.backup(copy)
                    copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
                finally:
                    copy.close()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def restore(self, path: str | Path, *, check: Callable[[Mapping[str, str]], None] | None = None) -> None:
        """Replace the content by a snapshot's, in one transaction. Ids and sequence numbers never go back.

        A snapshot from an older version is brought up to date in a copy first.

        Args:
            path: what `snapshot` wrote.
            check: called with the snapshot's meta values before anything is changed; may refuse by raising.

        Raises:
            StorageError: the file is missing, damaged, of another kind or from a newer version. Nothing was changed.
        """
        source = Path(path)
        if not source.is_file():
            raise StorageError(f"There is no snapshot at {str(source)!r}; check the path.")
        if source.stat().st_size == 0:  # to SQLite an empty file is a database without tables
            raise NotADatabaseError(f"The snapshot {str(source)!r} is an empty file. Nothing was changed.")
        with tempfile.TemporaryDirectory(prefix="hippo-restore-") as folder:
            # A copy, so that the check and the migration leave the snapshot as it is
            copy_path = Path(folder) / "snapshot.db"
            shutil.copyfile(source, copy_path)
            copy = connect(str(copy_path), timeout_s=self._timeout_s, shown_as=str(source))
            try:
                migrate(copy, str(source), kind=self.kind, migrations=self._migrations)
                with explained(str(source)):
                    meta = {str(key): str(value) for key, value in copy.execute("SELECT key, value FROM meta")}
                    problems = [row[0] for row in copy.execute("PRAGMA quick_check") if row[0] != "ok"]
                    copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()
            if problems:
                raise NotADatabaseError(f"The snapshot {str(source)!r} is damaged: {problems[0]}. Nothing was changed.")
            if check is not None:
                check(meta)
            self._replace_content(copy_path)

    def _replace_content(self, source: Path) -> None:
        with self.lock:
            with explained(self.path):
                self.connection.execute("ATTACH DATABASE ? AS restored", (str(source),))
            try:
                with self.transaction("restore") as transaction:
                    transaction.defer_foreign_keys()
                    connection = self.connection
                    ends = connection.execute(
                        "SELECT name, max(seq) FROM (SELECT name, seq FROM main.sqlite_sequence "
                        "UNION ALL SELECT name, seq FROM restored.sqlite_sequence) GROUP BY name"
                    ).fetchall()
                    ours = {row[0] for row in connection.execute(_PLAIN_TABLES.format(schema="main"))}
                    theirs = {row[0] for row in connection.execute(_PLAIN_TABLES.format(schema="restored"))}
                    for table in ours:
                        connection.execute(f"DELETE FROM main.{table}")
                    for table in sorted(ours & theirs):
                        # Without the WHERE, SQLite copies pages where it can, past the count of rows that wait for the
                        # row they refer to: the commit would fail where such a table comes before the other
                        connection.execute(f"INSERT INTO main.{table} SELECT * FROM restored.{table} WHERE true")
                    connection.execute("DELETE FROM main.sqlite_sequence")
                    connection.executemany("INSERT INTO main.sqlite_sequence(name, seq) VALUES (?, ?)", ends)
                    transaction.renew_generation()
                    transaction.open_operation()
            finally:
                self.connection.execute("DETACH DATABASE restored")

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the file, a sentence each."""
        rows = [*self.query("PRAGMA integrity_check"), *self.query("PRAGMA foreign_key_check")]
        return [f"{self.path}: {row[0]}" for row in rows if row[0] != "ok"]


class Transaction:
    """Journaled writes inside `Database.transaction`. Made by it alone."""

    def __init__(
        self, connection: sqlite3.Connection, kind: str, record_columns: Mapping[str, str], clock: Clock
    ) -> None:
        self.connection = connection
        self._kind = kind
        self._record_columns = record_columns
        self._clock = clock
        self._operation: int | None = None

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Insert rows with fresh ids and return these. All rows have the same columns, none of them `id`."""
        if not rows:
            return []
        end = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        first = 1 if end is None else int(end[0]) + 1
        ids = list(range(first, first + len(rows)))
        self._insert_with_ids(table, [{"id": id, **row} for id, row in zip(ids, rows, strict=True)])
        return ids

    def update(self, table: str, id: int, columns: Mapping[str, Any]) -> None:
        """Change some columns of one row."""
        before = self.connection.execute(f"SELECT * FROM {table} WHERE id = ?", (id,)).fetchone()
        assignments = ", ".join(f'"{name}" = :{name}' for name in columns)
        self.connection.execute(f"UPDATE {table} SET {assignments} WHERE id = :id", {**columns, "id": id})
        self._log(table, [(id, self._record_of(table, before), "update", journal.row_image(before))])

    def delete(self, table: str, ids: Iterable[int]) -> int:
        """Delete rows, keeping their images in the journal; return how many there were."""
        entries: list[tuple[int, int, str, str | None]] = []
        for id in ids:
            row = self.connection.execute(f"SELECT * FROM {table} WHERE id = ?", (id,)).fetchone()
            if row is not None:
                entries.append((id, self._record_of(table, row), "delete", journal.row_image(row)))
                self.connection.execute(f"DELETE FROM {table} WHERE id = ?", (id,))
        self._log(table, entries)
        return len(entries)

    def set_meta(self, key: str, value: str) -> None:
        """Keep a value that travels with the database; not journaled."""
        self.connection.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", (key, value))

    def renew_generation(self) -> None:
        """Make every cache of the content worthless, in all processes."""
        self.set_meta("generation", secrets.token_hex(8))

    def seal_history(self, *, keep: int = 0) -> int:
        """Make all but the latest `keep` operations final: their row images are dropped; return how many there were."""
        return journal.seal(self.connection, keep=keep)

    def erase(self, table: str, rows: Iterable[tuple[int, int]]) -> int:
        """Delete rows without keeping an image, and take what the journal says of them out of it; return how many.

        What this leaves in free pages goes with `Database.scrub`. What the history said of a row gives way to one line:
        this operation deleted it, for good.

        Args:
            table: a journaled table.
            rows: each row's id and the id of the record it belongs to; also of rows that were deleted before.
        """
        self.connection.execute("PRAGMA secure_delete = ON")
        erased = 0
        entries: list[tuple[int, int, str, str | None]] = []
        for id, record in rows:
            erased += self.connection.execute(f"DELETE FROM {table} WHERE id = ?", (id,)).rowcount
            self.connection.execute(
                "DELETE FROM changes WHERE record = ? AND in_table = ? AND row_id = ?", (record, table, id)
            )
            entries.append((id, record, "delete", None))
        if entries:
            self._log(table, entries)
            self.connection.execute("UPDATE operations SET sealed = 1 WHERE id = ?", (self.open_operation(),))
        return erased

    def defer_foreign_keys(self) -> None:
        """Check references at the commit rather than row by row."""
        self.connection.execute("PRAGMA defer_foreign_keys = ON")

    def reverse(self, change: sqlite3.Row) -> None:
        """Put one row back to what it was before `change`."""
        table, id = str(change["in_table"]), int(change["row_id"])
        if change["action"] == "insert":
            self.delete(table, [id])
            return
        columns = journal.row_from_image(change["before"])
        if change["action"] == "delete":
            self._insert_with_ids(table, [columns])
        else:
            columns.pop("id")
            self.update(table, id, columns)

    def mark_undone(self, operation: int) -> None:
        """Note in the journal that this operation took `operation` back."""
        self.connection.execute("UPDATE operations SET undone_by = ? WHERE id = ?", (self.open_operation(), operation))

    def open_operation(self) -> int:
        """Return this operation's number, entering it into the journal on first use."""
        if self._operation is None:
            cursor = self.connection.execute(
                "INSERT INTO operations(time, kind) VALUES (?, ?)", (self._clock().isoformat(), self._kind)
            )
            self._operation = int(cursor.lastrowid or 0)
        return self._operation

    def _insert_with_ids(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" for _ in names)
        self.connection.executemany(
            f"INSERT INTO {table}({columns}) VALUES ({marks})", [[row[name] for name in names] for row in rows]
        )
        self._log(table, [(int(row["id"]), self._record_of(table, row), "insert", None) for row in rows])

    def _record_of(self, table: str, row: Mapping[str, Any] | sqlite3.Row) -> int:
        return int(row[self._record_columns[table]])

    def _log(self, table: str, entries: Sequence[tuple[int, int, str, str | None]]) -> None:
        if not entries:
            return
        operation = self.open_operation()
        self.connection.executemany(
            "INSERT INTO changes(operation, in_table, row_id, record, action, before) VALUES (?, ?, ?, ?, ?, ?)",
            [(operation, table, *entry) for entry in entries],
        )
