"""Taking back, copying, checking, mending, and moving to another encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hippo_core import Change, Encoder, InvalidInputError, Receipt
from hippo_core.checks import checked_vector

from hippo_episodic.checkup import find_problems
from hippo_episodic.exchange import export_lines, read_lines
from hippo_episodic.reembedding import encode_all, replace_vectors
from hippo_episodic.store.remembering import Remembering
from hippo_episodic.writing import Draft


class Upkeep(Remembering):
    """The verbs that keep a store in order."""

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

    def prune_history(self, keep: int = 1_000) -> int:
        """Drop what is needed to undo all but the latest `keep` operations; return how many became final.

        A deleted episode lives on in the journal, for `undo`, until this lets it go; its room is then used again.
        The history still lists every operation.
        """
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInputError(f"`keep` must be a whole number of at least 0, not {keep!r}.")
        return self._database.prune_history(keep)

    # Health

    def verify(self) -> list[str]:
        """Return what is wrong with the truth or with the caches, a sentence each; changes nothing.

        Cost: reads the whole file.
        """
        with self._database.reading():
            self._cache.catch_up()
            return find_problems(self._database, self._cache.table, self._cache.index, self.encoder.dim)

    def rebuild(self) -> None:
        """Make the lexical index, the vectors' cache and the index anew from the truth."""
        with self._database.transaction("rebuild") as transaction:
            transaction.connection.execute("INSERT INTO episode_words(episode_words) VALUES ('rebuild')")
        with self._database.lock:
            self._cache.rebuild()
            self._cache.save()

    def finish_indexing(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Wait until the index has taken in every episode. Not needed for right answers, only for the quickest ones.

        An approximate index grows in the background; what it does not have yet is found by a scan.

        Args:
            progress: called with the rows that are in and the rows in all, a hundred times a second.
        """
        with self._database.reading():
            self._cache.catch_up()
        self._cache.finish(progress)

    def reembed(
        self, encoder: Encoder, *, batch_size: int = 256, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Make every vector anew with another encoder, which the file and this store use from then on.

        Others may go on reading and writing while the texts are encoded; they must be opened anew with the new encoder
        afterwards. Episodes that were written with a key of their own get their text's vector. What was done before
        cannot be undone afterwards. If it is interrupted, nothing has changed.

        Args:
            encoder: makes the new vectors.
            batch_size: texts encoded at a time.
            progress: called with the episodes encoded and the episodes in all, after each batch.
        """
        encoded = encode_all(self._database, encoder, batch_size=batch_size, progress=progress)
        with self._database.lock:
            with self._database.transaction("reembed") as transaction:
                replace_vectors(transaction, self._database, encoder, encoded, batch_size=batch_size)
            self._cache.abandon()
            self.encoder = encoder
            self._cache = self._open_cache()

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
