"""Forgetting: deleting, taking back what a source said, and erasing it for good."""

from __future__ import annotations

from collections.abc import Sequence

from hippo_core import InvalidInputError, StorageError
from hippo_core.checks import checked_ids, checked_kind, checked_text

from hippo_episodic.eviction import EvictionPlan, EvictionPolicy
from hippo_episodic.leaving import delete_episodes, set_pins
from hippo_episodic.ledger import ReplayLedger
from hippo_episodic.redaction import Redaction, erase_source, remove_cache_files
from hippo_episodic.store.base import StoreBase


class Forgetting(StoreBase):
    """The verbs that take memories away."""

    def delete(self, ids: int | Sequence[int]) -> int:
        """Delete episodes and return how many there were; ids that are not held are passed over.

        Raises:
            InvalidInputError: something among them is no whole number. Nothing was deleted.
        """
        wanted = [id for id in checked_ids(ids) if may_be_held(id)]
        with self._accesses.transaction(self._database, "delete") as transaction:
            return delete_episodes(transaction, wanted)

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

        Text, slots, key, index entries, journal and blobs go, those of episodes that were deleted before included; the
        file is rewritten without free pages, the write-ahead log emptied, the caches made anew. The history keeps the
        ids and that they were redacted. An episode that another source said too stays, without this origin. Snapshots
        and exports elsewhere are not reached, nor what a file system or a drive keeps of overwritten blocks. Calling it
        again is harmless, and finishes what another process had held up.

        Weights cannot be redacted: the adapters that learnt an erased episode, by the `ledger`, are named and are not
        clean from then on.

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
                redaction = erase_source(
                    transaction, ReplayLedger(self._database, clock=self._clock), source=source, doc_id=doc_id
                )
                transaction.renew_generation()
            remove_cache_files(self.path)
            self._database.scrub()
            self._cache.rebuild()
            self._cache.save()
        return redaction

    def evict(self, policy: EvictionPolicy | None = None, *, dry_run: bool = False) -> EvictionPlan:
        """Let go of what a policy finds expired or too much, as one operation "evict"; return what went, and why.

        An undo brings it back, and the next write that finds the store above its capacity evicts again. Deleted rows
        stay in the journal, so the file does not shrink.

        Args:
            policy: None takes the store's own.
            dry_run: only return what would go; changes nothing.

        Raises:
            InvalidInputError: neither a policy nor one of the store's own.
            StorageError: the disk is full or the file locked for too long. Nothing went.
        """
        checked_kind(policy, EvictionPolicy, name="policy", hint="an EvictionPolicy")
        chosen = self.eviction if policy is None else policy
        if chosen is None:
            raise InvalidInputError("this store has no eviction policy; pass one: evict(EvictionPolicy(…)).")
        return self._evict(chosen, dry_run=dry_run, capacity_only=False)

    def pin(self, ids: int | Sequence[int]) -> int:
        """Keep episodes from ever being evicted; return how many were not pinned before.

        Raises:
            UnknownIdError: the store does not hold one of them. Nothing was changed.
        """
        wanted = checked_ids(ids)
        with self._accesses.transaction(self._database, "pin") as transaction:
            return set_pins(transaction, wanted, pin=True)

    def unpin(self, ids: int | Sequence[int]) -> int:
        """Let episodes be evicted again; return how many were pinned.

        Raises:
            UnknownIdError: the store does not hold one of them. Nothing was changed.
        """
        wanted = checked_ids(ids)
        with self._accesses.transaction(self._database, "unpin") as transaction:
            return set_pins(transaction, wanted, pin=False)

    # Inside

    def _keep_capacity(self) -> None:
        if self.eviction is None:
            return
        try:
            with self._database.reading():
                exceeded = self.eviction.exceeded(*self._meter.read())
            if exceeded:
                self._evict(self.eviction, dry_run=False, capacity_only=True)
        except StorageError:
            # The write is committed and its receipts are due; the next one tries again
            pass

    def _evict(self, policy: EvictionPolicy, *, dry_run: bool, capacity_only: bool) -> EvictionPlan:
        if dry_run:
            with self._database.reading():
                return self._eviction_plan(policy, capacity_only=capacity_only)
        with self._accesses.transaction(self._database, "evict") as transaction:
            plan = self._eviction_plan(policy, capacity_only=capacity_only)
            delete_episodes(transaction, plan.ids)
        return plan

    def _eviction_plan(self, policy: EvictionPolicy, *, capacity_only: bool) -> EvictionPlan:
        self._cache.catch_up()
        return policy.plan(
            self._database,
            self._cache.table,
            self._clock(),
            pending=self._accesses.pending(),
            capacity_only=capacity_only,
        )


def may_be_held(id: int) -> bool:
    """Return whether SQLite can count that far: a larger id was never given out.

    Raises:
        InvalidInputError: it is no whole number.
    """
    return 0 < checked_ids(id)[0] < 2**63
