"""What `verify` looks for."""

from __future__ import annotations

import sqlite3

import numpy as np
from hippo_core import Database

from hippo_episodic.index import VectorIndex
from hippo_episodic.vectors import VectorTable

_BATCH = 10_000
_PROBES = 100
_FOUND = 0.8  # an approximate index may miss some of its own rows; a damaged one misses most


def find_problems(database: Database, table: VectorTable, index: VectorIndex, dim: int) -> list[str]:
    """Return what is wrong with the database or with the caches mirrored from it, a sentence each.

    Args:
        database: inside `reading`.
        table: caught up with the database.
        index: the table's.
        dim: the width every vector must have.
    """
    problems = database.check()
    problems += [
        f"episode {row[0]} has no provenance"
        for row in database.query(
            "SELECT id FROM episodes WHERE NOT EXISTS (SELECT 1 FROM occurrences WHERE episode = episodes.id)"
        )
    ]
    problems += [
        f"episode {row[0]} has a vector of {row[1]} bytes instead of {4 * dim}"
        for row in database.query("SELECT id, length(vector) FROM episodes WHERE length(vector) <> ?", (4 * dim,))
    ]
    if problems:
        return problems
    return [*_lexical_problems(database), *(_vector_problems(database, table) or _index_problems(table, index))]


def _vector_problems(database: Database, table: VectorTable) -> list[str]:
    ids = [int(row[0]) for row in database.query("SELECT id FROM episodes ORDER BY id")]
    if ids != np.sort(table.ids[table.alive]).tolist():
        return ["the vectors' cache holds other episodes than the database; call rebuild()"]
    problems: list[str] = []
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        rows = database.query("SELECT vector FROM episodes WHERE id BETWEEN ? AND ? ORDER BY id", (some[0], some[-1]))
        stored = np.frombuffer(b"".join(row[0] for row in rows), dtype="<f4").reshape(len(some), -1)
        wrong = np.flatnonzero((stored != table.get(np.array(some))).any(axis=1))
        problems += [f"the cached vector of episode {some[row]} is not the stored one; call rebuild()" for row in wrong]
    return problems


def _index_problems(table: VectorTable, index: VectorIndex) -> list[str]:
    live = np.flatnonzero(table.alive)
    if not len(live):
        return []
    probes = table.vectors_at(live[np.unique(np.linspace(0, len(live) - 1, _PROBES).astype(np.int64))])
    scores = index.search(probes, 1)[1][:, 0]
    found = float((scores > 1 - 1e-3).mean())
    if found >= _FOUND:
        return []
    return [f"the index finds only {found:.0%} of the vectors that it was asked for; call rebuild()"]


def _lexical_problems(database: Database) -> list[str]:
    """Ask FTS5 to compare its index with the texts; a reading statement cannot, so a savepoint takes it back."""
    connection = database.connection
    connection.execute("SAVEPOINT lexical_check")
    try:
        connection.execute("INSERT INTO episode_words(episode_words, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as exc:
        return [f"the lexical index does not match the texts ({exc}); call rebuild()"]
    finally:
        connection.execute("ROLLBACK TO lexical_check")
        connection.execute("RELEASE lexical_check")
    return []
