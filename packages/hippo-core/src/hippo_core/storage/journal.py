"""The operation journal: what was done, by which call, and the row images that can undo it."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

JOURNAL_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE operations(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    undone_by INTEGER,
    sealed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE changes(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    operation INTEGER NOT NULL,
    in_table TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    record INTEGER NOT NULL,
    action TEXT NOT NULL,
    before TEXT
);
CREATE INDEX changes_by_operation ON changes(operation);
CREATE INDEX changes_by_record ON changes(record);
"""
"""The tables that every Hippo database has; the first part of a store's first migration."""

Action = Literal["insert", "update", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a store's history: what one operation did to one record."""

    sequence: int
    """Position of its last part in the journal; grows by every change, across processes."""
    operation: int
    """The call that made it; one `write_many` is one operation."""
    kind: str
    """The call's name, for instance "write", "delete" or "undo"."""
    time: datetime
    """When, by the store's clock; aware."""
    id: int
    """The record it touched."""
    action: Action
    """What it did to the record: made it, took it away, or changed it or a part of it."""
    undone: bool
    """Whether a later undo took it back."""


def row_image(row: sqlite3.Row) -> str:
    """Return a row as JSON, blobs in base64."""
    image: dict[str, Any] = {}
    for name in row.keys():  # noqa: SIM118 - sqlite3.Row iterates over values
        value = row[name]
        image[name] = {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value
    return json.dumps(image, ensure_ascii=False)


def row_from_image(image: str) -> dict[str, Any]:
    """Return the columns that `row_image` saw."""
    return {
        name: base64.b64decode(value["base64"]) if isinstance(value, dict) else value
        for name, value in json.loads(image).items()
    }


def standing_operations(connection: sqlite3.Connection, count: int) -> list[int]:
    """Return the latest `count` operations that changed something and can still be undone, newest first."""
    rows = connection.execute(
        "SELECT id FROM operations WHERE undone_by IS NULL AND NOT sealed AND kind NOT IN ('undo', 'restore') "
        "AND EXISTS (SELECT 1 FROM changes WHERE operation = operations.id) ORDER BY id DESC LIMIT ?",
        (count,),
    )
    return [int(row[0]) for row in rows]


def changes_of(connection: sqlite3.Connection, operation: int) -> Sequence[sqlite3.Row]:
    """Return the changes of one operation, newest first."""
    return connection.execute(
        "SELECT in_table, row_id, record, action, before FROM changes WHERE operation = ? ORDER BY sequence DESC",
        (operation,),
    ).fetchall()


def seal(connection: sqlite3.Connection, *, keep: int) -> int:
    """Drop the row images of all but the latest `keep` operations, which can then not be undone; return how many."""
    row = connection.execute("SELECT id FROM operations ORDER BY id DESC LIMIT 1 OFFSET ?", (keep,)).fetchone()
    if row is None:
        return 0
    sealed = connection.execute("UPDATE operations SET sealed = 1 WHERE id <= ? AND NOT sealed", (row[0],)).rowcount
    connection.execute("UPDATE changes SET before = NULL WHERE operation <= ? AND before IS NOT NULL", (row[0],))
    return sealed


def read_history(
    connection: sqlite3.Connection, records: Sequence[int] | None, limit: int, *, main_tables: Sequence[str]
) -> list[Change]:
    """Return the latest changes, newest first, of some records or of all; one for each record an operation touched.

    Args:
        connection: one that sees an unchanging state.
        records: their ids; None is all.
        limit: how many changes.
        main_tables: those whose rows are the records; a change of any other table's row updates its record.
    """
    values = {"limit": limit, "records": json.dumps(records), "main": json.dumps(main_tables)}
    within = "" if records is None else "AND record IN (SELECT value FROM json_each(:records)) "
    operations = connection.execute(
        "SELECT id, kind, time, undone_by FROM operations "
        f"WHERE EXISTS (SELECT 1 FROM changes WHERE operation = operations.id {within}) ORDER BY id DESC LIMIT :limit",
        values,
    )
    found: list[Change] = []
    for operation in operations:
        rows = connection.execute(
            "SELECT touched.sequence, touched.record, decisive.action FROM ("
            "  SELECT record, max(sequence) AS sequence, max(CASE WHEN action != 'update' "
            "    AND in_table IN (SELECT value FROM json_each(:main)) THEN sequence END) AS decisive "
            f"  FROM changes WHERE operation = :operation {within} GROUP BY record"
            ") AS touched LEFT JOIN changes AS decisive ON decisive.sequence = touched.decisive "
            "ORDER BY touched.sequence DESC LIMIT :limit",
            {**values, "operation": operation["id"], "limit": limit - len(found)},
        )
        found += [
            Change(
                sequence=row["sequence"],
                operation=operation["id"],
                kind=operation["kind"],
                time=datetime.fromisoformat(operation["time"]).astimezone(UTC),
                id=row["record"],
                action=row["action"] or "update",
                undone=operation["undone_by"] is not None,
            )
            for row in rows
        ]
        if len(found) >= limit:
            break
    return found
