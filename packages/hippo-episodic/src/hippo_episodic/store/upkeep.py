"""Taking back, copying, checking, mending, and moving to another encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hippo_core import Change, Encoder, ImportReport, InvalidInputError, OnError, Progress, Receipt, Transaction

from hippo_episodic.checkup import find_problems
from hippo_episodic.exchange import HIPPO_LINES, LineFormat, export_episodes, import_episodes
from hippo_episodic.reembedding import encode_all, replace_vectors
from hippo_episodic.store.remembering import Remembering
from hippo_episodic.writing import Draft, write_drafts


class Upkeep(Remembering):
    """The verbs that keep a store in order."""

    def undo(self, count: int = 1) -> int:
        """Take back the latest `count` operations that still stand, other processes' included; return how many.

        One call of `write_many`, `delete`, … is one operation. An undo, a restore and a redaction cannot be undone:
        what came before them is taken back in their place. `history` shows what stands.
        """
        return self._database.undo(count)

    def history(self, id: int | None = None, *, limit: int = 100) -> list[Change]:
        """Return the latest changes, newest first, of one episode or of all: a line for each episode a call touched.

        Raises:
            InvalidInputError: `limit` is not a whole number of at least 1, or `id` no whole number.
        """
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

    def finish_indexing(self, progress: Progress | None = None) -> None:
        """Wait until the index has taken in every episode. Not needed for right answers, only for the quickest ones.

        An approximate index grows in the background; what it does not have yet is found by a scan.

        Args:
            progress: called with the rows that are in and the rows in all, a hundred times a second.
        """
        with self._database.reading():
            self._cache.catch_up()
        self._cache.finish(progress)

    def reembed(self, encoder: Encoder, *, batch_size: int = 256, progress: Progress | None = None) -> None:
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
            self._cache.stop()
            self.encoder = encoder
            self._cache = self._open_cache()

    def export_jsonl(
        self, path: str | Path, *, line_format: LineFormat = HIPPO_LINES, progress: Progress | None = None
    ) -> int:
        """Write one episode a line to a new file, with every provenance and its vector; return how many.

        One state of the store is written, and the file appears whole or not at all. Memory: a thousand episodes.

        Args:
            path: must not exist yet.
            line_format: how a line is written; Hippo's own form unless `export_episodic_v1` says otherwise.
            progress: called after each thousand with the episodes done and their number.

        Raises:
            InvalidInputError: `path` exists.
            StorageError: it cannot be written.
        """
        return export_episodes(self._database, path, encoder=self.encoder, line_format=line_format, progress=progress)

    def import_jsonl(
        self,
        path: str | Path,
        *,
        line_format: LineFormat = HIPPO_LINES,
        on_error: OnError = "stop",
        progress: Progress | None = None,
    ) -> ImportReport:
        """Write every line's episode in one transaction. No gate: these were found worth keeping before.

        Vectors of another encoder are made anew from the texts. Identical text with identical slots merges: the store
        keeps its record and gains the line's origins, those that it has not got. So importing a file twice is harmless.
        The file is read, checked and encoded before anything is locked.

        Args:
            path: what `export_jsonl` wrote, or lines of that form.
            line_format: how a line is read; Hippo's own form unless `import_episodic_v1` says otherwise.
            on_error: "stop" imports nothing if a line is broken, "skip" imports the others and reports these.
            progress: called after each thousand lines with the bytes done and their number, twice the file's size: it
                is read once and written once. All calls come before the commit; what it raises stops the import.

        Raises:
            InvalidInputError: a line is broken; names it. Nothing was imported.
            StorageError: the file cannot be read, or the disk is full. Nothing was imported.
        """
        return import_episodes(
            self._database,
            path,
            encoder=self.encoder,
            line_format=line_format,
            write=self._write_without_gate,
            on_error=on_error,
            progress=progress,
        )

    def _write_without_gate(self, transaction: Transaction, drafts: Sequence[Draft]) -> list[Receipt]:
        return write_drafts(transaction, drafts, gate=None, recent=self._recent).receipts
