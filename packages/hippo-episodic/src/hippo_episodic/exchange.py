"""Episodes to JSON lines and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hippo_core import Database, Episode, InvalidInputError, Provenance, Vector, from_jsonable, to_jsonable
from hippo_core.errors import StorageError

from hippo_episodic.rows import load_episodes, vector_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One line of an export: an episode, everywhere it was said, and its vector."""

    episode: Episode
    occurrences: tuple[Occurrence, ...]
    encoder: str
    """Name of the encoder whose vectors the store holds."""
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time that an episode was said."""

    provenance: Provenance
    session: str | None = None


def export_lines(database: Database, encoder: str) -> Iterator[str]:
    """Yield one JSON line an episode, in the order in which they were written."""
    ids = [int(row[0]) for row in database.query("SELECT id FROM episodes ORDER BY id")]
    for start in range(0, len(ids), 1_000):
        chunk = ids[start : start + 1_000]
        episodes = load_episodes(database, chunk)
        for id in chunk:
            rows = database.query(
                "SELECT provenance, session FROM occurrences WHERE episode = ? ORDER BY moment, id", (id,)
            )
            vector = database.query("SELECT vector FROM episodes WHERE id = ?", (id,))[0][0]
            line = Exported(
                episode=episodes[id],
                occurrences=tuple(
                    Occurrence(
                        provenance=from_jsonable(Provenance, json.loads(row["provenance"])), session=row["session"]
                    )
                    for row in rows
                ),
                encoder=encoder,
                vector=vector_of(vector),
            )
            yield json.dumps(to_jsonable(line), ensure_ascii=False)


def read_lines(path: str | Path, *, dim: int) -> list[Exported]:
    """Return what an exported file holds.

    Raises:
        StorageError: the file cannot be read.
        InvalidInputError: a line is broken; names the line and what is wrong with it.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as exc:
        raise StorageError(f"{str(path)!r} cannot be read: {exc.strerror}.") from exc
    exported: list[Exported] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = from_jsonable(Exported, json.loads(line))
            if entry.vector.shape != (dim,) or not np.isfinite(entry.vector).all():
                raise InvalidInputError(f"its vector has shape {entry.vector.shape}, or is not finite")
        except (ValueError, KeyError, TypeError) as exc:
            raise InvalidInputError(
                f"{str(path)!r}, line {number}: {exc} Nothing was imported; mend or remove the line."
            ) from exc
        exported.append(entry)
    return exported
