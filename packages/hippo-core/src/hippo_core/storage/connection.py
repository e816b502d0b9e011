"""Opening a SQLite file safely, with every failure said in words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hippo_core.errors import NewerSchemaError, NotADatabaseError, StorageError

MEMORY = ":memory:"


def connect(path: str, *, timeout_s: float, shown_as: str | None = None) -> sqlite3.Connection:
    """Open `path` for reading and writing with full synchronisation.

    `synchronous=FULL` makes a commit survive a power cut, not only the death of the process: the log is synced
    before the commit returns. Several threads may use the connection if they take turns (the caller's lock).

    Args:
        path: the file, or ":memory:".
        timeout_s: how long to wait for another writer, in seconds.
        shown_as: what messages call the file, where it stands for another.

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
        connection.execute("PRAGMA synchronous = FULL")
        # SQLite's own 2 MB hold the inner pages of a small file; 64 MB hold those of millions of rows
        connection.execute("PRAGMA cache_size = -65536")
    except BaseException as exc:
        connection.close()
        if isinstance(exc, sqlite3.Error):
            raise explain(exc, shown_as or path) from exc
        raise
    return connection


def use_write_ahead_log(connection: sqlite3.Connection, path: str, *, timeout_s: float) -> None:
    """Switch the file to write-ahead logging. Call it after `migrate`: it writes to the file, so the file must be ours.

    Raises:
        StorageError: the file system does not allow it, or another process kept the file locked.
    """
    if path == MEMORY:
        return
    end = time.monotonic() + timeout_s
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as exc:
            # Two processes that make the file together meet here, and SQLite's own timeout does not cover this pragma
            if "locked" not in str(exc) or time.monotonic() > end:
                raise explain(exc, path) from exc
            time.sleep(0.005)
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
        # An up-to-date file needs no lock, so a long write of another process keeps nobody from opening it
        if _checked_version(connection, path, kind=kind, newest=len(migrations)) == len(migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
    try:
        with explained(path):
            version = _checked_version(connection, path, kind=kind, newest=len(migrations))
            for script in migrations[version:]:
                for statement in split_statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.execute("INSERT OR REPLACE INTO meta(key, value) VALUES ('kind', ?)", (kind,))
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _checked_version(connection: sqlite3.Connection, path: str, *, kind: str, newest: int) -> int:
    """Return how many migrations the database has had; raise if it is not of this kind, or newer than `newest`."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0  # new, or an empty database of somebody else's, whose version says nothing about ours
    found = None
    if "meta" in tables:
        row = connection.execute("SELECT value FROM meta WHERE key = 'kind'").fetchone()
        found = None if row is None else str(row[0])
    if found != kind:
        what = f"a {found} database" if found else "a database of some other program"
        raise NotADatabaseError(f"{path!r} is {what}, not {kind}; choose another path.")
    if version > newest:
        raise NewerSchemaError(
            f"{path!r} has schema version {version}, but this {kind} knows only {newest}; "
            f"upgrade {kind}, or open a snapshot from before. Nothing was changed."
        )
    return version


def split_statements(script: str) -> Iterator[str]:
    """Yield the SQL statements of `script`; `executescript` would commit, and triggers hold semicolons."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
