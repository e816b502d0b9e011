"""What `verify` looks for."""

from __future__ import annotations

import sqlite3

import numpy as np
from hippo_core import Database

from hippo_episodic.vectors import VectorTable


def find_problems(database: Database, table: VectorTable, dim: int) -> list[str]:
    """Return what is wrong with the database or with the vectors mirrored from it, a sentence each.

    Args:
        database: inside `reading`.
        table: caught up with the database.
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
    problems += _lexical_problems(database)
    ids, vectors = table.live()
    truth = database.query("SELECT id, vector FROM episodes ORDER BY id")
    if [int(row["id"]) for row in truth] != ids.tolist():
        problems.append("the vectors' cache holds other episodes than the database; call rebuild()")
    elif truth:
        stored = np.frombuffer(b"".join(row["vector"] for row in truth), dtype="<f4").reshape(-1, dim)
        wrong = np.flatnonzero((stored != vectors).any(axis=1))
        problems += [f"the cached vector of episode {ids[row]} is not the stored one; call rebuild()" for row in wrong]
    return problems


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
