"""Writing, recalling, reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from hippo_core import (
    Cue,
    EntitySlots,
    Episode,
    Hit,
    InvalidInputError,
    Provenance,
    Receipt,
    Salience,
    UnknownIdError,
)
from hippo_core.checks import checked_k, checked_kind, checked_text, checked_vector, checked_vectors
from numpy.typing import ArrayLike, NDArray

from hippo_episodic.gate import WriteGate
from hippo_episodic.rows import load_episodes, load_provenances
from hippo_episodic.search import RecallFilter, rank
from hippo_episodic.store.forgetting import Forgetting, may_be_held
from hippo_episodic.writing import Draft, write_drafts


class Remembering(Forgetting):
    """The verbs of a memory: write, recall, get."""

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

        What is given beside an episode replaces what the episode says itself; `reward` and `pin` add to it.

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

        Surprise, reward and pin are read from each item's `salience`; novelty is measured against the newest live
        memories, the items before it in the batch among them (see `WriteGate`).

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
                    completion=self.completion,
                )
                for cue, vector in zip(cues, vectors, strict=True)
            ]
            wanted = sorted({entry.id for entries in ranked for entry in entries})
            episodes = load_episodes(self._database, wanted, condition=condition, parameters=values)
        # The others were returned because k asks for them, not because they fit
        self._accesses.note([entries[0].id for entries in ranked if entries], self._clock())
        return [
            [Hit(id=entry.id, item=episodes[entry.id], score=entry.score, why=entry.why) for entry in entries]
            for entries in ranked
        ]

    def get(self, id: int) -> Episode:
        """Return one episode with its earliest provenance.

        Raises:
            UnknownIdError: the store does not hold it.
        """
        episodes = load_episodes(self._database, [id]) if may_be_held(id) else {}
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

    # Model states beside an episode

    def put_blob(self, id: int, kind: str, model_digest: str, data: bytes) -> None:
        """Keep `data` for an episode, replacing an earlier blob of this kind and model.

        Blobs are what a model made of the text and can make again: they go with their episode, and an undo of its
        deletion does not bring them back.

        Args:
            id: the episode.
            kind: what it is, for instance "kv".
            model_digest: identifies the model that made it.
            data: any bytes, up to SQLite's limit of about 1 GB.

        Raises:
            UnknownIdError: the store does not hold `id`.
        """
        checked_text(kind, name="kind")
        checked_text(model_digest, name="model_digest")
        if not isinstance(data, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInputError(f"A blob is bytes, not {type(data).__name__}.")
        with self._database.transaction("put_blob") as transaction:
            if not self._is_held(id):
                raise UnknownIdError(f"No episode {id!r} in {self.path!r}: it was never written, or was deleted.")
            transaction.connection.execute(
                "INSERT OR REPLACE INTO blobs(episode, kind, model_digest, data) VALUES (?, ?, ?, ?)",
                (id, kind, model_digest, bytes(data)),
            )

    def get_blob(self, id: int, kind: str, model_digest: str) -> bytes | None:
        """Return what was kept, or None. A deleted episode has no blobs."""
        if not may_be_held(id):
            return None
        rows = self._database.query(
            "SELECT data FROM blobs WHERE episode = ? AND kind = ? AND model_digest = ?", (id, kind, model_digest)
        )
        return bytes(rows[0][0]) if rows else None

    # Inside

    def _is_held(self, id: int) -> bool:
        return may_be_held(id) and bool(self._database.query("SELECT 1 FROM episodes WHERE id = ?", (id,)))

    def _write(self, drafts: Sequence[Draft], *, kind: str, gate: WriteGate | None) -> list[Receipt]:
        with self._database.lock:  # nobody may catch up between the commit and the note
            with self._accesses.transaction(self._database, kind) as transaction:
                self._cache.catch_up()
                if gate is not None:
                    self._recent.catch_up(self._database, (self._cache.generation, self._cache.sequence))
                written = write_drafts(transaction, drafts, gate=gate, recent=self._recent)
                sequence = self._database.sequence
            if len(written.ids):
                self._cache.note_written(written.ids, np.stack(written.vectors), sequence)
            if gate is not None:
                self._recent.note_written(written.ids.tolist(), written.words, sequence)
        if self._events is not None and gate is not None:
            for receipt in written.receipts:
                # Not the text: what a log holds no redaction could take back
                self._events.log("gate", "hippo_episodic", receipt=receipt)
        self._keep_capacity()
        return written.receipts

    def _episode(self, item: Episode | str, provenance: Provenance | str | None) -> Episode:
        if isinstance(provenance, str):
            provenance = Provenance(source=provenance, time=self._clock())
        checked_kind(provenance, Provenance, name="provenance", hint="a Provenance or the name of a source")
        if isinstance(item, Episode):
            return item if provenance is None else replace(item, provenance=provenance)
        checked_text(item)
        if provenance is None:
            raise InvalidInputError(
                'Every memory says where it came from: write(text, provenance="chat"), or pass a Provenance.'
            )
        return Episode(text=item, provenance=provenance, salience=Salience())

    def _keys(self, items: Sequence[Episode], keys: Sequence[ArrayLike] | None) -> NDArray[np.float32]:
        if keys is None:
            encoded = self.encoder.encode([item.text for item in items])
            return checked_vectors(encoded, dim=self.encoder.dim, name="encoder's vectors")  # pyright: ignore[reportArgumentType]
        if len(keys) != len(items):
            raise InvalidInputError(f"{len(items)} items but {len(keys)} keys; give one key each, or none at all.")
        return checked_vectors(keys, dim=self.encoder.dim, name="keys")

    def _cue_vectors(self, cues: Sequence[Cue]) -> list[NDArray[np.float32]]:
        if isinstance(cues, str):  # a sequence of letters
            raise InvalidInputError(f"`cues` must be a list of cues, not the text {cues!r:.60}; use recall for one.")
        for cue in cues:
            if cue is None or isinstance(cue, (int, float)):  # pyright: ignore[reportUnnecessaryComparison]
                raise InvalidInputError(f"A cue is a text, or a vector of shape ({self.encoder.dim},), not {cue!r}.")
        texts = [checked_text(cue, name="cue") for cue in cues if isinstance(cue, str)]
        encoded = iter(self.encoder.encode(texts) if texts else ())
        return [
            next(encoded) if isinstance(cue, str) else checked_vector(cue, dim=self.encoder.dim, name="cue")
            for cue in cues
        ]
