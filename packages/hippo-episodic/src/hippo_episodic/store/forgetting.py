"""Forgetting: deleting, taking back what a source said, and erasing it for good."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hippo_core.checks import checked_text

from hippo_episodic.redaction import Redaction, erase_source, remove_cache_files
from hippo_episodic.store.base import StoreBase
from hippo_episodic.store.remembering import may_be_held


class Forgetting(StoreBase):
    """The verbs that take memories away."""

    def delete(self, ids: int | Sequence[int]) -> int:
        """Delete episodes and return how many there were; ids that are not held are passed over."""
        wanted = [int(id) for id in np.atleast_1d(np.asarray(ids)).tolist() if may_be_held(id)]
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

    def redact(self, *, source: str, doc_id: str | None = None) -> Redaction:
        """Erase what `source` said, so that no byte of it is left in any file of the store. It cannot be undone.

        Text, slots, key, index entries, journal, history and blobs go, those of episodes that were deleted before
        included; the file is rewritten without free pages, the write-ahead log emptied, the caches made anew. An
        episode that another source said too stays, without this origin. Snapshots and exports elsewhere are not
        reached, nor what a file system or a drive keeps of overwritten blocks. Calling it again is harmless, and
        finishes what another process had held up.

        Args:
            source: the provenance's source.
            doc_id: only this document of the source; None is all of it.

        Raises:
            StorageError: another process reads just now, or there is no room. What was said is erased from the tables;
                traces of it may be left in the file until a further call succeeds.
        """
        checked_text(source, name="source")
        with self._database.lock:
            with self._database.transaction("redact") as transaction:
                redaction = erase_source(transaction, source=source, doc_id=doc_id)
                transaction.renew_generation()
            remove_cache_files(self.path)
            self._database.scrub()
            self._cache.rebuild()
            self._cache.save()
        return redaction
