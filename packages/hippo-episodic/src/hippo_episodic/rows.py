"""Episodes to rows and back."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from hippo_core import Database, EntitySlots, Episode, Provenance, Salience, Vector, from_jsonable, to_jsonable

_encode = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes a new encoder at each call
_PARAMETERS = 500  # SQLite's oldest limit on the marks of a statement is 999
_PLAIN_FIELDS = {"source", "doc_id", "time"}
_NO_SLOTS = EntitySlots()
_NO_SALIENCE = Salience()


def normalised(text: str) -> str:
    """Return `text` in Unicode form NFC with single spaces: what makes two texts identical. Case counts."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest(episode: Episode) -> bytes:
    """Return what two episodes share exactly when they are one memory: their normalised text and their slots."""
    parts = [normalised(episode.text), sorted(episode.slots.filled().items())]
    return hashlib.sha256(_encode(parts).encode("utf-8")).digest()


def episode_row(episode: Episode, text_digest: bytes, salience: Salience, vector: Vector) -> dict[str, Any]:
    """Return the columns of table `episodes`, but for the id."""
    return {
        "digest": text_digest,
        "text": episode.text,
        "slots": "{}" if episode.slots == _NO_SLOTS else _dump(episode.slots),
        "salience": "{}" if salience == _NO_SALIENCE else _dump(salience),
        "sketch": None if episode.sketch is None else episode.sketch.astype("<f4").tobytes(),
        "vector": vector.astype("<f4", copy=False).tobytes(),
    }


def occurrence_row(id: int, provenance: Provenance, session: str | None) -> dict[str, Any]:
    """Return the columns of table `occurrences`, but for the id."""
    return {
        "episode": id,
        "source": provenance.source,
        "doc_id": provenance.doc_id,
        "session": session,
        "moment": provenance.time.timestamp(),
        "provenance": _dump_provenance(provenance),
    }


def rows_with_digest(connection: sqlite3.Connection, sql: str, digests: Sequence[bytes]) -> Iterator[sqlite3.Row]:
    """Yield the rows of a statement that ends in the column that is to be one of `digests`."""
    for start in range(0, len(digests), _PARAMETERS):
        some = digests[start : start + _PARAMETERS]
        yield from connection.execute(f"{sql} IN ({', '.join('?' * len(some))})", some)


def load_episodes(
    database: Database, ids: Sequence[int], *, condition: str = "1", parameters: Mapping[str, Any] | None = None
) -> dict[int, Episode]:
    """Return the live episodes among `ids`, each with its earliest occurrence that fits the condition.

    Args:
        database: an open episodic database.
        ids: episode ids; those that are not held are left out.
        condition: SQL over the columns of `occurrences`.
        parameters: values for the condition's named marks.
    """
    rows = database.query(
        "SELECT e.id, e.text, e.slots, e.salience, e.sketch, o.session, o.provenance "
        "FROM episodes AS e JOIN occurrences AS o ON o.id = ("
        f"  SELECT id FROM occurrences WHERE episode = e.id AND {condition} ORDER BY moment, id LIMIT 1) "
        "WHERE e.id IN (SELECT value FROM json_each(:ids))",
        {"ids": json.dumps([int(id) for id in ids]), **(parameters or {})},
    )
    return {int(row["id"]): _episode(row) for row in rows}


def load_provenances(database: Database, id: int) -> tuple[Provenance, ...]:
    """Return all origins of one episode, earliest first."""
    rows = database.query("SELECT provenance FROM occurrences WHERE episode = ? ORDER BY moment, id", (id,))
    return tuple(load_provenance(row["provenance"]) for row in rows)


def vector_of(blob: bytes) -> Vector:
    """Return the vector that a row holds."""
    return np.frombuffer(blob, dtype="<f4")


def _episode(row: sqlite3.Row) -> Episode:
    return Episode(
        text=row["text"],
        slots=EntitySlots() if row["slots"] == "{}" else from_jsonable(EntitySlots, json.loads(row["slots"])),
        provenance=load_provenance(row["provenance"]),
        salience=Salience() if row["salience"] == "{}" else from_jsonable(Salience, json.loads(row["salience"])),
        session=row["session"],
        sketch=None if row["sketch"] is None else vector_of(row["sketch"]),
    )


def _dump(record: object) -> str:
    return _encode(to_jsonable(record))


@lru_cache(maxsize=256)
def _dump_provenance(provenance: Provenance) -> str:
    return _dump(provenance)  # a batch often has one origin


@lru_cache(maxsize=1024)
def load_provenance(text: str) -> Provenance:
    """Return the provenance that a row of `occurrences` holds."""
    fields = json.loads(text)
    if fields.keys() <= _PLAIN_FIELDS and "time" in fields:  # the usual ones, without looking up types
        return Provenance(
            source=fields["source"], doc_id=fields.get("doc_id"), time=datetime.fromisoformat(fields["time"])
        )
    return from_jsonable(Provenance, fields)
