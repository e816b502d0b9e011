"""Replay: batches for training, the same for the same seed."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from hippo_core.errors import InvalidInputError
from hippo_core.protocols import SupportsReplay
from hippo_core.testing.hooks import ContractHooks, Store, needs

_BATCHES = 6  # enough to see a pattern; a store may go on for ever


class ReplayPromises(ContractHooks):
    """What `replay_batches` promises."""

    def test_the_same_seed_replays_the_same(self, store: Store) -> None:
        """The order is decided by the content and the seed alone."""
        needs(store, SupportsReplay)
        self.write(store, self.items(20))
        for seed in (0, 1):
            assert self._replayed(store, seed=seed) == self._replayed(store, seed=seed)

    def test_batches_hold_live_records(self, store: Store) -> None:
        """At most `batch_size` in each, none empty, no record twice in one, none that was deleted."""
        replay = needs(store, SupportsReplay)
        ids = self.write(store, self.items(20))
        store.delete(ids[:4])
        batches = list(islice(replay.replay_batches(5, seed=3), _BATCHES))
        assert batches
        for batch in batches:
            assert 1 <= len(batch) <= 5
            assert len({hit.id for hit in batch}) == len(batch)
            for hit in batch:
                assert hit.id in ids[4:]
                assert math.isfinite(hit.score)
                assert self.signature(hit.item) == self.signature(store.get(hit.id))

    def test_an_empty_store_has_nothing_to_replay(self, store: Store) -> None:
        """No batches at all, and no error."""
        assert self._replayed(needs(store, SupportsReplay)) == []

    @pytest.mark.parametrize("size", [0, -1, 1.5])
    def test_a_batch_has_a_size(self, store: Store, size: Any) -> None:
        """Less than one, or no whole number, is `InvalidInputError`."""
        replay = needs(store, SupportsReplay)
        self.write(store, self.items(3))
        with pytest.raises(InvalidInputError):
            next(replay.replay_batches(size))

    def test_replay_is_the_same_after_reopening(self, path: Path) -> None:
        """And in another process, since nothing but content and seed decides."""
        self.needs_files()
        with self.opened(path) as store:
            needs(store, SupportsReplay)
            self.write(store, self.items(20))
            before = self._replayed(store, seed=5)
        with self.opened(path) as store:
            assert self._replayed(store, seed=5) == before

    @staticmethod
    def _replayed(store: Any, *, seed: int = 0) -> list[list[int]]:
        return [[hit.id for hit in batch] for batch in islice(store.replay_batches(4, seed=seed), _BATCHES)]
