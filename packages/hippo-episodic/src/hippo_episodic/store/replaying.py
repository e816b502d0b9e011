"""Handing memories out for training, and knowing to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hippo_episodic.ledger import ReplayLedger
from hippo_episodic.replay import ReplayScheduler
from hippo_episodic.store.base import StoreBase
from hippo_episodic.vectors import Ids, Vectors


class Replaying(StoreBase):
    """The verbs of rest: replay and its ledger."""

    def replay_batches(self, batch_size: int, *, seed: int = 0, adapter: str | None = None) -> ReplayScheduler:
        """Return an iterator over one epoch of batches; see `ReplayScheduler`.

        Args:
            batch_size: most episodes in a batch.
            seed: any whole number; the same one gives the same batches from the same content.
            adapter: whose replays and knowledge count; None counts every adapter's.
        """
        return ReplayScheduler(
            self._database, self._vectors_of, batch_size=batch_size, seed=seed, config=self.replay, adapter=adapter
        )

    def resume_replay(self, state: Mapping[str, Any]) -> ReplayScheduler:
        """Return an iterator over the batches that would have followed `ReplayScheduler.state`."""
        return ReplayScheduler.resume(self._database, self._vectors_of, state)

    @property
    def ledger(self) -> ReplayLedger:
        """What was replayed to which adapter, and which adapters learnt what was to be forgotten."""
        return ReplayLedger(self._database, clock=self._clock)

    def _vectors_of(self, ids: Ids) -> Vectors:
        self._cache.catch_up()
        return self._cache.table.get(ids)
