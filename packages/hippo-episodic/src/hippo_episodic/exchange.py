"""Episodes to JSON lines and back, a batch at a time."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from hippo_core import (
    Database,
    Encoder,
    Episode,
    ImportReport,
    InvalidInputError,
    OnError,
    Progress,
    Provenance,
    Receipt,
    StorageError,
    Transaction,
    Vector,
    from_jsonable,
    to_jsonable,
)
from hippo_core.checks import checked_text, checked_vector
from hippo_core.jsonlines import JsonLineReader, write_json_lines

from hippo_episodic.rows import (
    digest,
    load_episodes,
    load_provenance,
    occurrence_row,
    rows_with_digest,
    vector_of,
)
from hippo_episodic.writing import Draft

T = TypeVar("T")
Write = Callable[[Transaction, Sequence[Draft]], list[Receipt]]

_BATCH = 1_000  # episodes held in memory at a time
_SPOOL_BYTES = 32 << 20  # of checked episodes held in memory; more wait on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time that an episode was said."""

    provenance: Provenance
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeLine:
    """One line of an export: an episode, everywhere it was said, and its vector."""

    episode: Episode
    occurrences: tuple[Occurrence, ...] = ()
    """Every origin, earliest first. The episode's own is added where it is not among them."""
    encoder: str | None = None
    """Name of the encoder in whose space `vector` is."""
    vector: Vector | None = None
    """What the episode is found by, shape (dim,); without it, or in another encoder's space, the text is encoded."""

    def __post_init__(self) -> None:
        if self.encoder is not None:
            checked_text(self.encoder, name="encoder")
        if self.vector is not None and self.encoder is None:
            raise InvalidInputError("`vector` says nothing without `encoder`, the name of what made it; give both.")
        own = Occurrence(provenance=self.episode.provenance, session=self.episode.session)
        if own not in self.occurrences:
            object.__setattr__(self, "occurrences", (own, *self.occurrences))


class LineFormat(Protocol):
    """How an episode is written as a line, and read."""

    def dump(self, id: int, line: EpisodeLine) -> dict[str, Any]:
        """Return episode `id` of the store as plain JSON types."""
        ...

    def parse(self, data: Any, encoder: Encoder) -> EpisodeLine:
        """Return what a line's parsed JSON says; a vector is unit and in the space of `encoder`, or None.

        Raises:
            ValueError: the line is not of this format.
        """
        ...


class HippoLines:
    """Hippo's own format: nothing but the id is lost. `docs/reference/trace-format.md` describes it."""

    def dump(self, id: int, line: EpisodeLine) -> dict[str, Any]:
        """Return the line's fields; those that hold their default are left out."""
        return to_jsonable(line)

    def parse(self, data: Any, encoder: Encoder) -> EpisodeLine:
        """Return the line; a vector of another encoder is dropped."""
        line = from_jsonable(EpisodeLine, data)
        if line.vector is None:
            return line
        if line.encoder != encoder.name:
            return replace(line, vector=None)
        vector = checked_vector(line.vector, dim=encoder.dim)
        return line if vector is line.vector else replace(line, vector=vector)


HIPPO_LINES = HippoLines()
"""The format of `EpisodicStore.export_jsonl` and `import_jsonl`."""


def export_episodes(
    database: Database,
    path: str | Path,
    *,
    encoder: Encoder,
    line_format: LineFormat,
    progress: Progress | None = None,
) -> int:
    """Write every live episode to a new file, in the order in which they were written; return how many.

    One state of the database is written, and the file appears whole or not at all. Memory: one batch.

    Args:
        database: an open episodic database.
        path: must not exist yet.
        encoder: the one that the store was opened with.
        line_format: how a line is written.
        progress: called after each batch with the episodes done and their number.

    Raises:
        InvalidInputError: `path` exists.
        StorageError: it cannot be written.
    """

    def lines() -> Iterator[dict[str, Any]]:
        total = int(database.query("SELECT count(*) FROM episodes")[0][0])
        done = 0
        for batch in _stored(database, encoder.name):
            for id, line in batch:
                yield line_format.dump(id, line)
            done += len(batch)
            if progress is not None:
                progress(done, total)

    with database.reading():
        return write_json_lines(path, lines())


def import_episodes(
    database: Database,
    path: str | Path,
    *,
    encoder: Encoder,
    line_format: LineFormat,
    write: Write,
    on_error: OnError = "stop",
    progress: Progress | None = None,
) -> ImportReport:
    """Write the episodes of a file in one transaction.

    The whole file is read, checked and encoded before the writer's lock is taken, so that a slow encoder keeps no
    other process waiting and a broken file never touches the database; what has passed waits in a temporary file.
    An origin that the store holds already is not added again. Memory: one batch, and a receipt a line.

    Args:
        database: an open episodic database.
        path: the file.
        encoder: the one that the store was opened with.
        line_format: how a line is read.
        write: puts drafts into the open transaction, one receipt each.
        on_error: "stop" imports nothing if a line is broken, "skip" imports the others.
        progress: called after each batch with the bytes done and their number, twice the file's size: it is read
            once and written once. Always before the commit.

    Raises:
        InvalidInputError: a line is broken; names it.
        StorageError: the file cannot be read, or the disk is full. Nothing was imported.
    """
    reader = JsonLineReader(path, lambda data: line_format.parse(data, encoder), on_error=on_error)

    def report(done: int) -> None:
        if progress is not None:
            progress(min(done, 2 * reader.size), 2 * reader.size)

    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        batches = 0
        try:
            for lines in _batches(reader, _BATCH):
                pickle.dump((reader.position, _drafts(lines, encoder)), spool, protocol=pickle.HIGHEST_PROTOCOL)
                batches += 1
                report(reader.position)
            spool.seek(0)
        except OSError as exc:
            if isinstance(exc, StorageError):
                raise
            raise StorageError(f"No room for the import's temporary file ({exc.strerror}). Free some space.") from exc
        receipts: list[Receipt] = []
        with database.transaction("import") as transaction:
            for _ in range(batches):
                position, drafts = pickle.load(spool)
                receipts += _write_new(transaction, drafts, write)
                report(reader.size + position)
            report(2 * reader.size)
    return ImportReport(receipts=tuple(receipts), skipped=tuple(reader.skipped))


def _stored(database: Database, encoder: str) -> Iterator[list[tuple[int, EpisodeLine]]]:
    """Yield the live episodes with their ids, in the order of these, a batch at a time."""
    last = 0
    while rows := database.query("SELECT id, vector FROM episodes WHERE id > ? ORDER BY id LIMIT ?", (last, _BATCH)):
        vectors = {int(row["id"]): vector_of(row["vector"]) for row in rows}
        episodes = load_episodes(database, list(vectors))
        occurrences = _load_occurrences(database, list(vectors))
        yield [
            (id, EpisodeLine(episode=episodes[id], occurrences=occurrences[id], encoder=encoder, vector=vector))
            for id, vector in vectors.items()
        ]
        last = max(vectors)


def _load_occurrences(database: Database, ids: Sequence[int]) -> dict[int, tuple[Occurrence, ...]]:
    found: dict[int, list[Occurrence]] = {id: [] for id in ids}
    for row in database.query(
        "SELECT episode, provenance, session FROM occurrences "
        "WHERE episode IN (SELECT value FROM json_each(?)) ORDER BY moment, id",
        (json.dumps(ids),),
    ):
        provenance = load_provenance(row["provenance"])
        found[int(row["episode"])].append(Occurrence(provenance=provenance, session=row["session"]))
    return {id: tuple(occurrences) for id, occurrences in found.items()}


def _drafts(lines: Sequence[EpisodeLine], encoder: Encoder) -> list[Draft]:
    """Return the drafts of a batch, the texts that need it encoded in one call."""
    texts = [line.episode.text for line in lines if line.vector is None]
    encoded = iter(encoder.encode(texts) if texts else np.zeros((0, encoder.dim), dtype=np.float32))
    return [
        Draft(
            episode=line.episode,
            vector=checked_vector(next(encoded), dim=encoder.dim) if line.vector is None else line.vector,
            occurrences=tuple((one.provenance, one.session) for one in line.occurrences),
        )
        for line in lines
    ]


def _write_new(transaction: Transaction, drafts: Sequence[Draft], write: Write) -> list[Receipt]:
    """Write a batch without the origins that the store holds already, or that an earlier line had."""
    digests = [digest(draft.episode) for draft in drafts]
    held = {
        (bytes(row["digest"]), str(row["provenance"]), row["session"])
        for row in rows_with_digest(
            transaction.connection,
            "SELECT e.digest, o.provenance, o.session FROM episodes AS e JOIN occurrences AS o ON o.episode = e.id "
            "WHERE e.digest",
            digests,
        )
    }
    repeated = {text_digest for text_digest, *_ in held}
    repeated |= {text_digest for text_digest, times in Counter(digests).items() if times > 1}
    fresh: list[Draft] = []
    for draft, text_digest in zip(drafts, digests, strict=True):
        if text_digest not in repeated:
            fresh.append(draft)
            continue
        keys = [
            (text_digest, str(occurrence_row(0, provenance, session)["provenance"]), session)
            for provenance, session in draft.occurrences
        ]
        # One line may say the same twice, because it was said twice; two lines that do are one line repeated
        new = tuple(one for one, key in zip(draft.occurrences, keys, strict=True) if key not in held)
        held.update(keys)
        fresh.append(replace(draft, occurrences=new))
    return [
        receipt if draft.occurrences else replace(receipt, reason="here already, with every origin of this line")
        for draft, receipt in zip(fresh, write(transaction, fresh), strict=True)
    ]


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
