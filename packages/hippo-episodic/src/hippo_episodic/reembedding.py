"""Making every vector anew with another encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from hippo_core import Database, Encoder, Progress, Transaction
from hippo_core.checks import checked_count, checked_vector

from hippo_episodic.vectors import Vectors


def encode_all(database: Database, encoder: Encoder, *, batch_size: int, progress: Progress | None) -> dict[int, bytes]:
    """Return the new vector of every live episode, by id, without holding the writer's lock."""
    checked_count(batch_size, name="batch_size")
    ids = [int(row[0]) for row in database.query("SELECT id FROM episodes ORDER BY id")]
    encoded: dict[int, bytes] = {}
    for batch in _batches(ids, batch_size):
        encoded |= _encode(database, encoder, batch)
        if progress is not None:
            progress(len(encoded), len(ids))
    return encoded


def replace_vectors(
    transaction: Transaction, database: Database, encoder: Encoder, encoded: Mapping[int, bytes], *, batch_size: int
) -> None:
    """Put the new vectors in place of the old ones; what was written meanwhile is encoded now."""
    ids = [int(row[0]) for row in database.query("SELECT id FROM episodes ORDER BY id")]
    late = [id for id in ids if id not in encoded]
    vectors = dict(encoded)
    for batch in _batches(late, batch_size):
        vectors |= _encode(database, encoder, batch)
    transaction.connection.executemany("UPDATE episodes SET vector = ? WHERE id = ?", ((vectors[id], id) for id in ids))
    transaction.set_meta("encoder", encoder.name)
    transaction.seal_history()  # its images hold vectors of the old encoder
    transaction.renew_generation()


def _encode(database: Database, encoder: Encoder, ids: Sequence[int]) -> dict[int, bytes]:
    rows = database.query(
        "SELECT id, text FROM episodes WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    vectors: Vectors = encoder.encode([row["text"] for row in rows])
    return {
        int(row["id"]): checked_vector(vector, dim=encoder.dim).astype("<f4").tobytes()
        for row, vector in zip(rows, np.asarray(vectors), strict=True)
    }


def _batches(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
