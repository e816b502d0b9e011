"""Clocks: a clock that jumps back moves no record, no id and no place in the history."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.protocols import SupportsUndo
from hippo_core.provenance import Clock
from hippo_core.testing.hooks import ContractHooks, Store, needs

_LATEST = datetime(3000, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)


class ClockPromises(ContractHooks):
    """What holds when the computer's clock is set back by years, again and again."""

    def test_a_clock_that_jumps_back_changes_no_answer(self, path: Path) -> None:
        """Records, scores and their order are those of a store whose clock runs as it should."""
        items = self.items(12)
        found: list[list[list[tuple[int, float]]]] = []
        for name, clock in (("forward.db", _running(timedelta(seconds=1))), ("backward.db", _backwards())):
            with self._opened_at(path.with_name(name), clock) as store:
                ids = self.write(store, items[:6])
                store.delete(ids[1])
                ids += self.write(store, items[6:])
                expected = {id: item for id, item in zip(ids, items, strict=True) if id != ids[1]}
                self.assert_holds(store, expected)
                found.append(self.answers(store, items))
        assert found[0] == found[1]

    def test_ids_keep_growing_when_the_clock_jumps_back(self, path: Path) -> None:
        """A later record has a greater id, also after a delete and, where the store outlives it, a reopening."""
        clock = _backwards()
        ids: list[int] = []
        for turn in range(2 if self.durable else 1):
            with self._opened_at(path, clock) as store:
                for first in (0, 3, 6):
                    ids += self.write(store, self.items(3, first=100 * turn + first))
                store.delete(ids[-1])
        assert all(earlier < later for earlier, later in pairwise(ids)), f"ids went back with the clock: {ids}"

    def test_the_history_follows_the_calls_and_not_the_clock(self, path: Path) -> None:
        """Newest first is by sequence, however early the time of the latest change is."""
        with self._opened_at(path, _backwards()) as store:
            undoable = needs(store, SupportsUndo)
            first, second = self.write(store, self.items(2))
            (third,) = self.write(store, self.items(1, first=5))
            store.delete(first)
            changes = undoable.history()
            assert all(newer.sequence > older.sequence for newer, older in pairwise(changes))
            operations = list(dict.fromkeys(change.operation for change in changes))
            touched = [{change.id for change in changes if change.operation == each} for each in operations]
            assert touched == [{first}, {third}, {first, second}]
            assert changes[0].time < changes[-1].time, "the history does not tell what the clock said"
            assert undoable.history(limit=1) == changes[:1]

    def test_undo_takes_the_latest_call_back_and_not_the_latest_time(self, path: Path) -> None:
        """One after the other, across a reopening where the store outlives it."""
        clock = _backwards()
        items = self.items(6)
        with self._opened_at(path, clock) as store:
            undoable = needs(store, SupportsUndo)
            old = self.write(store, items[:3])
            new = self.write(store, items[3:])
            store.delete(old[0])
            assert undoable.undo() == 1
            self.assert_holds(store, dict(zip(old + new, items, strict=True)))
            if not self.durable:
                self._undo_the_second_write(store, old, new)
        if self.durable:
            with self._opened_at(path, clock) as store:
                self._undo_the_second_write(store, old, new)

    def _undo_the_second_write(self, store: Store, old: list[int], new: list[int]) -> None:
        assert needs(store, SupportsUndo).undo() == 1
        self.assert_holds(store, dict(zip(old, self.items(3), strict=True)))
        for id in new:
            with pytest.raises(UnknownIdError):
                store.get(id)

    @contextmanager
    def _opened_at(self, path: Path, clock: Clock) -> Generator[Store, None, None]:
        store = self.open_store_at(path, clock)
        if store is None:
            pytest.skip("the contract has no `open_store_at`: the store takes no clock")
        try:
            yield store
        finally:
            store.close()


def _running(step: timedelta) -> Clock:
    """Return a clock that goes on by `step` at each look."""
    now = [_LATEST]

    def look() -> datetime:
        now[0] = max(now[0] + step, _EARLIEST)
        return now[0]

    return look


def _backwards() -> Clock:
    """Return a clock that jumps back by two years at each look, for the first thousand looks."""
    return _running(timedelta(days=-731))
