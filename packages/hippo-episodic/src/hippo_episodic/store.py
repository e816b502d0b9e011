"""The episodic store: a durable memory of experiences, recalled from part of a cue."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from hippo_core import (
    Change,
    Clock,
    Cue,
    Database,
    Encoder,
    EntitySlots,
    Episode,
    EventLog,
    HashingEncoder,
    Hit,
    InvalidInputError,
    Provenance,
    Receipt,
    Salience,
    UnknownIdError,
    utc_now,
)
from hippo_core.checks import checked_k, checked_text, checked_vector
from numpy.typing import ArrayLike, NDArray

from hippo_episodic.cache import IndexCache
from hippo_episodic.checkup import find_problems
from hippo_episodic.errors import EncoderMismatchError
from hippo_episodic.exchange import export_lines, read_lines
from hippo_episodic.gate import WriteGate
from hippo_episodic.rows import load_episodes, load_provenances
from hippo_episodic.schema import KIND, MIGRATIONS, RECORD_COLUMNS
from hippo_episodic.search import RecallFilter, check_lexical_weight, rank
from hippo_episodic.writing import Draft, write_drafts


class EpisodicStore:
    """A durable memory of episodes in one SQLite file; a `MemoryStore[Episode]` that also supports provenance,
    snapshot, undo, verify and export.

    A receipt is returned after the commit: the row is on disk. Several threads and processes may use one file; each
    sees what the others committed before it answers. The files beside the database are caches and may be deleted.

    Args:
        path: a file, made when it is missing, or ":memory:".
        encoder: turns texts and cues into vectors. The file remembers which one made its vectors.
        gate: decides what is worth writing; None writes everything.
        index: "exact" or "hnsw", or another registered name. Choose freely at each opening.
        lexical_weight: share of shared words (BM25) in the ranking of text cues, in [0, 1]; the rest is cosine.
            The default was chosen on HotpotQA training questions, where 0.2 to 0.7 differ by less than two points.
        events: where each gate decision is logged; None logs nothing.
        clock: the present, for provenance given as a word and for the history.

    Raises:
        EncoderMismatchError: the file's vectors were made by another encoder.
        UnknownIndexError: no index of that name.
        NotADatabaseError: the file holds something else.
        NewerSchemaError: a newer version wrote it.
        StorageError: it cannot be opened.

    Example:
        >>> with EpisodicStore(":memory:") as store:
        ...     receipt = store.write("Carol left the copper key at the harbour.", provenance="chat")
        ...     store.recall("where is the copper key?", k=1)[0].item.text
        'Carol left the copper key at the harbour.'
    """

    def __init__(
        self,
        path: str | Path,
        *,
        encoder: Encoder | None = None,
        gate: WriteGate | None = None,
        index: str = "exact",
        lexical_weight: float = 0.4,
        events: EventLog | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.encoder: Encoder = HashingEncoder() if encoder is None else encoder
        self.gate = gate
        self._lexical_weight = check_lexical_weight(lexical_weight)
        self._events = events
        self._clock = clock
        self._database = Database(path, kind=KIND, migrations=MIGRATIONS, record_columns=RECORD_COLUMNS, clock=clock)
        try:
            self._claim_encoder()
            self._cache = IndexCache(self._database, self.encoder.dim, index)
        except BaseException:
            self._database.close()
            raise

    @property
    def path(self) -> str:
        """The database file, or ":memory:"."""
        return self._database.path

    def __len__(self) -> int:
        return int(self._database.query("SELECT count(*) FROM episodes")[0][0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Save the caches and close the file. Closing twice is allowed."""
        with self._database.lock:
            try:
                with self._database.reading():
                    self._cache.catch_up()
                self._cache.save()
            except (RuntimeError, sqlite3.Error, OSError):
                # Closed already, or the disk fails: the truth is committed and the caches can be made anew
                pass
            self._database.close()

    # Writing

    def write(
        self,
        item: Episode | str,
        *,
        provenance: Provenance | str | None = None,
        slots: EntitySlots | None = None,
        key: ArrayLike | None = None,
        reward: bool = False,
        pin: bool = False,
        surprise: float | None = None,
        session: str | None = None,
    ) -> Receipt:
        """Write one experience, if the gate finds it worth it.

        Args:
            item: an episode, or its text (then `provenance` is needed).
            provenance: where it came from; a word is taken as the source, at the clock's present.
            slots: its parts, where known.
            key: a vector to find it by instead of its encoded text, shape (encoder.dim,).
            reward: the task marked it.
            pin: keep it, whatever the gate says.
            surprise: the model's mean surprise per token over the text, at least 0.
            session: the conversation it belongs to.

        Raises:
            InvalidInputError: anything about the item is not acceptable. Nothing was written.
            StorageError: the disk is full or the file locked for too long. Nothing was written.
        """
        episode = self._episode(item, provenance)
        salience = replace(
            episode.salience,
            surprise=episode.salience.surprise if surprise is None else surprise,
            reward=episode.salience.reward or reward,
            pin=episode.salience.pin or pin,
        )
        episode = replace(
            episode,
            salience=salience,
            slots=episode.slots if slots is None else slots,
            session=episode.session if session is None else session,
        )
        return self.write_many([episode], keys=None if key is None else [key])[0]

    def write_many(self, items: Sequence[Episode], *, keys: Sequence[ArrayLike] | None = None) -> list[Receipt]:
        """Write episodes in one transaction: all that the gate lets through, or on an error none.

        Surprise, reward and pin are read from each item's `salience`; novelty is measured against the live store and
        the items before it in the batch.

        Args:
            items: the episodes, in the order in which they happened.
            keys: one vector each to find it by, shape (encoder.dim,); None encodes the texts.

        Raises:
            InvalidInputError: an item or key is not acceptable. Nothing was written.
            StorageError: the disk is full or the file locked for too long. Nothing was written.
        """
        for item in items:
            if not isinstance(item, Episode):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidInputError(f"write_many takes Episodes, not {type(item).__name__}: {item!r:.80}.")
        if not items:
            return []
        vectors = self._keys(items, keys)
        drafts = [Draft.of(item, vector) for item, vector in zip(items, vectors, strict=True)]
        return self._write(drafts, kind="write", gate=self.gate)

    # Recall

    def recall(
        self,
        cue: Cue,
        k: int = 8,
        *,
        session: str | None = None,
        where: Mapping[str, str] | None = None,
        as_of: datetime | None = None,
    ) -> list[Hit[Episode]]:
        """Return up to `k` episodes for one cue, best first; see `recall_many`."""
        return self.recall_many([cue], k, session=session, where=where, as_of=as_of)[0]

    def recall_many(
        self,
        cues: Sequence[Cue],
        k: int = 8,
        *,
        session: str | None = None,
        where: Mapping[str, str] | None = None,
        as_of: datetime | None = None,
    ) -> list[list[Hit[Episode]]]:
        """Return up to `k` episodes for each cue, best first; ties by id. Filters apply before the nearest are sought.

        Args:
            cues: texts, or vectors of shape (encoder.dim,). Texts are ranked by cosine and shared words together.
            k: at least 1; more than the store holds returns all it holds.
            session: only episodes of this session.
            where: only episodes whose slots, `source` or `doc_id` have these values.
            as_of: only what had been said by then; aware.

        Raises:
            InvalidInputError: a blank cue, a bad vector, k below 1, or a naive `as_of`.
        """
        k = checked_k(k)
        recall_filter = RecallFilter(session=session, where=where, as_of=as_of)
        vectors = self._cue_vectors(cues)
        condition, values = recall_filter.occurrence_condition()
        with self._database.reading():
            self._cache.catch_up()
            ranked = [
                rank(
                    self._database,
                    self._cache.index,
                    self._cache.table,
                    words=cue if isinstance(cue, str) else None,
                    vector=vector,
                    k=k,
                    recall_filter=recall_filter,
                    lexical_weight=self._lexical_weight,
                )
                for cue, vector in zip(cues, vectors, strict=True)
            ]
            wanted = sorted({entry.id for entries in ranked for entry in entries})
            episodes = load_episodes(self._database, wanted, condition=condition, parameters=values)
        return [
            [Hit(id=entry.id, item=episodes[entry.id], score=entry.score, why=entry.why) for entry in entries]
            for entries in ranked
        ]

    def get(self, id: int) -> Episode:
        """Return one episode with its earliest provenance.

        Raises:
            UnknownIdError: the store does not hold it.
        """
        episodes = load_episodes(self._database, [id]) if _may_be_held(id) else {}
        if id not in episodes:
            raise UnknownIdError(f"No episode {id!r} in {self.path!r}: it was never written, or was deleted.")
        return episodes[id]

    def provenances(self, id: int) -> tuple[Provenance, ...]:
        """Return every origin of one episode, earliest first.

        Raises:
            UnknownIdError: the store does not hold it.
        """
        self.get(id)
        return load_provenances(self._database, id)

    # Forgetting, and taking back

    def delete(self, ids: int | Sequence[int]) -> int:
        """Delete episodes and return how many there were; ids that are not held are passed over."""
        wanted = [int(id) for id in np.atleast_1d(np.asarray(ids)).tolist() if _may_be_held(id)]
        with self._database.transaction("delete") as transaction:
            occurrences = [
                int(row[0])
                for id in wanted
                for row in transaction.connection.execute("SELECT id FROM occurrences WHERE episode = ?", (id,))
            ]
            transaction.delete("occurrences", occurrences)
            return transaction.delete("episodes", wanted)

    def delete_by_provenance(self, *, source: str, doc_id: str | None = None) -> int:
        """Take back what `source` said; return the number of episodes deleted.

        An episode that another source said too stays, without this origin.

        Args:
            source: the provenance's source.
            doc_id: only this document of the source; None is all of it.
        """
        checked_text(source, name="source")
        with self._database.transaction("delete_by_provenance") as transaction:
            rows = transaction.connection.execute(
                "SELECT id, episode FROM occurrences WHERE source = ? AND (? IS NULL OR doc_id = ?)",
                (source, doc_id, doc_id),
            ).fetchall()
            transaction.delete("occurrences", [int(row["id"]) for row in rows])
            orphans = [
                episode
                for episode in sorted({int(row["episode"]) for row in rows})
                if transaction.connection.execute(
                    "SELECT NOT EXISTS (SELECT 1 FROM occurrences WHERE episode = ?)", (episode,)
                ).fetchone()[0]
            ]
            return transaction.delete("episodes", orphans)

    def undo(self, count: int = 1) -> int:
        """Take back the latest `count` operations that still stand, other processes' included; return how many.

        One call of `write_many`, `delete`, … is one operation. An undo and a restore cannot be undone.
        """
        return self._database.undo(count)

    def history(self, id: int | None = None, *, limit: int = 100) -> list[Change]:
        """Return the latest changes, newest first, of one episode or of all."""
        return self._database.history(id, limit=limit)

    def snapshot(self, path: str | Path) -> None:
        """Copy the database to `path`, which must not exist yet, while the store is in use."""
        self._database.snapshot(path)

    def restore(self, path: str | Path) -> None:
        """Make the store hold exactly what the snapshot holds. A bad file changes nothing.

        Raises:
            EncoderMismatchError: another encoder made the snapshot's vectors.
            StorageError: the snapshot is missing, damaged, of another kind or from a newer version.
        """
        self._database.restore(path, check=self._check_encoder)

    # Health, and exchange

    def verify(self) -> list[str]:
        """Return what is wrong with the truth or with the caches, a sentence each; changes nothing.

        Cost: reads the whole file.
        """
        with self._database.reading():
            self._cache.catch_up()
            return find_problems(self._database, self._cache.table, self.encoder.dim)

    def rebuild(self) -> None:
        """Make the lexical index, the vectors' cache and the index anew from the truth."""
        with self._database.transaction("rebuild") as transaction:
            transaction.connection.execute("INSERT INTO episode_words(episode_words) VALUES ('rebuild')")
        with self._database.lock:
            self._cache.rebuild()
            self._cache.save()

    def export_jsonl(self, path: str | Path) -> int:
        """Write one episode a line, with every provenance and its vector; return how many.

        Raises:
            InvalidInputError: `path` exists.
        """
        count = 0
        with self._database.reading():
            try:
                with Path(path).open("x", encoding="utf-8") as file:
                    for line in export_lines(self._database, self.encoder.name):
                        file.write(line + "\n")
                        count += 1
            except FileExistsError as exc:
                raise InvalidInputError(f"{str(path)!r} exists; an export never overwrites. Choose another.") from exc
        return count

    def import_jsonl(self, path: str | Path) -> list[Receipt]:
        """Write every line's episode, or none if a line is broken. No gate: these were found worth keeping before.

        Vectors of another encoder are made anew.

        Raises:
            InvalidInputError: a line is broken; names it.
        """
        drafts: list[Draft] = []
        for entry in read_lines(path, dim=self.encoder.dim):
            vector = entry.vector
            if entry.encoder != self.encoder.name:
                vector = self.encoder.encode([entry.episode.text])[0]
            drafts.append(
                Draft(
                    episode=entry.episode,
                    vector=checked_vector(vector, dim=self.encoder.dim),
                    occurrences=tuple((one.provenance, one.session) for one in entry.occurrences),
                )
            )
        return self._write(drafts, kind="import", gate=None)

    # Inside

    def _write(self, drafts: Sequence[Draft], *, kind: str, gate: WriteGate | None) -> list[Receipt]:
        with self._database.transaction(kind) as transaction:
            self._cache.catch_up()
            receipts = write_drafts(transaction, drafts, gate=gate, index=self._cache.index)
        if self._events is not None and gate is not None:
            for draft, receipt in zip(drafts, receipts, strict=True):
                self._events.log("gate", "hippo_episodic", text=draft.episode.text, receipt=receipt)
        return receipts

    def _episode(self, item: Episode | str, provenance: Provenance | str | None) -> Episode:
        if isinstance(provenance, str):
            provenance = Provenance(source=provenance, time=self._clock())
        if isinstance(item, Episode):
            return item if provenance is None else replace(item, provenance=provenance)
        checked_text(item)
        if provenance is None:
            raise InvalidInputError(
                'Every memory says where it came from: write(text, provenance="chat"), or pass a Provenance.'
            )
        return Episode(text=item, provenance=provenance, salience=Salience())

    def _keys(self, items: Sequence[Episode], keys: Sequence[ArrayLike] | None) -> list[NDArray[np.float32]]:
        if keys is None:
            return list(self.encoder.encode([item.text for item in items]))
        if len(keys) != len(items):
            raise InvalidInputError(f"{len(items)} items but {len(keys)} keys; give one key each, or none at all.")
        return [checked_vector(key, dim=self.encoder.dim, name=f"keys[{i}]") for i, key in enumerate(keys)]

    def _cue_vectors(self, cues: Sequence[Cue]) -> list[NDArray[np.float32]]:
        texts = [checked_text(cue, name="cue") for cue in cues if isinstance(cue, str)]
        encoded = iter(self.encoder.encode(texts) if texts else ())
        return [
            next(encoded) if isinstance(cue, str) else checked_vector(cue, dim=self.encoder.dim, name="cue")
            for cue in cues
        ]

    def _claim_encoder(self) -> None:
        name = self._database.meta("encoder")
        if name is None:
            with self._database.transaction("create") as transaction:
                transaction.set_meta("encoder", self.encoder.name)
        else:
            self._check_encoder({"encoder": name})

    def _check_encoder(self, meta: Mapping[str, str]) -> None:
        name = meta.get("encoder")
        if name is not None and name != self.encoder.name:
            raise EncoderMismatchError(
                f"The vectors were made by encoder {name!r}, not by {self.encoder.name!r}; open with that encoder, "
                "or export_jsonl and import_jsonl into a new store, which encodes the texts anew."
            )


def _may_be_held(id: int) -> bool:
    """Return whether SQLite can count that far: a larger id was never given out."""
    return 0 < id < 2**63
