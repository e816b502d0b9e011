"""Opening a SQLite file safely, with every failure said in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hippo_core.errors import NewerSchemaError, NotADatabaseError, StorageError

MEMORY = ":memory:"


def connect(path: str, *, timeout_s: float) -> sqlite3.Connection:
    """Open `path` for reading and writing with write-ahead logging and full synchronisation.

    `synchronous=FULL` makes a commit survive a power cut, not only the death of the process: the log is synced
    before the commit returns. Several threads may use the connection if they take turns (the caller's lock).

    Raises:
        NotADatabaseError: the file holds something else.
        StorageError: the path is a folder, does not exist, or may not be written.
    """
    if path != MEMORY:
        file = Path(path)
        if file.is_dir():
            raise StorageError(f"{path!r} is a folder; give the path of a file inside it.")
        if not file.parent.is_dir():
            raise StorageError(f"The folder of {path!r} does not exist; make it first: {str(file.parent)!r}.")
        if file.exists() and not os.access(file, os.W_OK):
            raise StorageError(f"{path!r} may not be written by this user; change its permissions or copy it.")
    try:
        connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as exc:
        raise StorageError(f"{path!r} cannot be opened: {exc}. Check that the folder may be written.") from exc
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        if path != MEMORY:
            _use_write_ahead_log(connection, path)
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException as exc:
        connection.close()
        if isinstance(exc, sqlite3.Error):
            raise explain(exc, path) from exc
        raise
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection, path: str) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StorageError(
            f"{path!r} does not allow write-ahead logging (it stays in mode {mode!r}), so two processes could not "
            "share it safely; use a local disk, not a network share."
        )


def explain(error: sqlite3.Error, path: str) -> StorageError:
    """Return a `StorageError` that says what `error` means for the file at `path`."""
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return NotADatabaseError(
            f"{path!r} is not a SQLite database, or is damaged ({text}). "
            "Nothing was changed; restore a snapshot or choose another path."
        )
    if "full" in text:
        return StorageError(f"No room left to write {path!r} ({text}). Free some space; what was stored is intact.")
    if "readonly" in text or "unable to open" in text:
        return StorageError(f"{path!r} cannot be written ({text}). Check the permissions of the file and its folder.")
    if "locked" in text or "busy" in text:
        return StorageError(
            f"{path!r} was locked by another writer for too long ({text}). Try again, or write in smaller batches."
        )
    return StorageError(f"{path!r}: {text}. What was committed before is intact.")


@contextmanager
def explained(path: str) -> Generator[None, None, None]:
    """Turn SQLite's errors inside the block into `StorageError`."""
    try:
        yield
    except sqlite3.Error as exc:
        raise explain(exc, path) from exc


def migrate(connection: sqlite3.Connection, path: str, *, kind: str, migrations: Sequence[str]) -> None:
    """Bring the open database to the newest schema, in one transaction, under the writer's lock.

    Args:
        connection: from `connect`.
        path: for messages.
        kind: what the file must be, written into it when it is new.
        migrations: SQL scripts; the database's `user_version` says how many it has had.

    Raises:
        NotADatabaseError: the file is a database of another kind.
        NewerSchemaError: it has had more migrations than this code knows.
    """
    with explained(path):
        connection.execute("BEGIN IMMEDIATE")
    try:
        with explained(path):
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            found = None
            if "meta" in tables:
                row = connection.execute("SELECT value FROM meta WHERE key = 'kind'").fetchone()
                found = None if row is None else str(row[0])
            if tables and found != kind:
                what = f"a {found} database" if found else "a database of some other program"
                raise NotADatabaseError(f"{path!r} is {what}, not {kind}; choose another path.")
            if version > len(migrations):
                raise NewerSchemaError(
                    f"{path!r} has schema version {version}, but this {kind} knows only {len(migrations)}; "
                    f"upgrade {kind}, or open a snapshot from before. Nothing was changed."
                )
            for script in migrations[version:]:
                for statement in split_statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            if not tables:
                connection.execute("INSERT INTO meta(key, value) VALUES ('kind', ?)", (kind,))
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def split_statements(script: str) -> Iterator[str]:
    """Yield the SQL statements of `script`; `executescript` would commit, and triggers hold semicolons."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
