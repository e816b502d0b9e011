"""Crashes: `kill -9` at any moment, whatever was being done, loses nothing that was acknowledged."""

from __future__ import annotations

import math
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.protocols import SupportsBlobs, SupportsSnapshot, SupportsUndo
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy
from hippo_core.testing.ledger import Copy, Key, Ledger, Value
from hippo_core.testing.processes import Nursery
from hippo_core.testing.writer import BLOB, blob_of

_ROUNDS = 25
_ROUNDS_A_DATABASE = 50  # so that five hundred rounds do not spend their time on an ever larger store
_WRITERS = (1, 2, 4)  # of the rounds in turn
_ALONE = ["single", "delete", "undo", "blob", "snapshot", "evict"]
_TOGETHER = ["single", "delete", "blob", "snapshot", "evict"]  # an undo would take back what another process did


class CrashPromises(ContractHooks):
    """What an acknowledgement is worth when the process dies."""

    def test_kill_9_loses_no_receipt(self, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        """One, two and four writers are killed at a random moment, again and again (`--crash-rounds`, 25 by default).

        They write batches and single items and delete; where the store can, they keep blobs, take snapshots and evict,
        and one alone also undoes. After each kill: every acknowledged write is there and recallable, no acknowledged
        delete, eviction or undone write came back, what was being done is done whole or not at all, a snapshot holds
        what the store held at some moment while it was taken (one that was not acknowledged: that, or there is none),
        and `verify` finds nothing wrong.
        """
        self.needs_files()
        rounds: Any = request.config.getoption("--crash-rounds", default=_ROUNDS)
        rng = random.Random()
        with Nursery(type(self), tmp_path) as nursery:
            for first in range(0, int(rounds), _ROUNDS_A_DATABASE):
                ledger, path = Ledger(), tmp_path / f"crash{first}.db"
                for number in range(first, min(first + _ROUNDS_A_DATABASE, int(rounds))):
                    ledger.enter(self._write_and_kill(nursery, path, number, rng))
                    with self.opened(path) as store:
                        seen = self._look_at_all(store, ledger, rng)
                        for copy in ledger.copies:
                            self._check_copy(copy, ledger, tmp_path / "restored", rng)
                        ledger.settle(seen)
                        self._check_answers(store, ledger, rng)

    def _write_and_kill(
        self, nursery: Nursery, path: Path, number: int, rng: random.Random
    ) -> list[list[dict[str, Any]]]:
        writers = _WRITERS[number % len(_WRITERS)]
        children = [
            nursery.start(
                f"round{number}writer{n}",
                "write",
                path=str(path),
                first=(max(_WRITERS) * number + n + 1) * 1_000_000,
                turns=1_000_000,
                doing=_ALONE if writers == 1 else _TOGETHER,
                copies=str(path.with_name(f"round{number}writer{n}")),
            )
            for n in range(writers)
        ]
        for child in children:
            child.go()
        # Not after a fixed time: on a slow machine that would be before the first write
        enough = rng.randint(4, 40)
        children[0].wait_for(lambda: sum(child.count() for child in children) >= enough)
        time.sleep(rng.random() * 0.01)
        for child in children:
            child.kill()
        return [child.notes() for child in children]

    def _look_at_all(self, store: Store, ledger: Ledger, rng: random.Random) -> dict[Key, Value]:
        """Check what this round touched, what was deleted before, and some of the rest; return what was seen."""
        keys = ledger.touched | {("record", id) for id in ledger.dead()}
        if ledger.unknown_evictions():
            keys |= set(ledger.settled)
        else:
            earlier = sorted(ledger.settled, key=str)
            keys |= set(rng.sample(earlier, k=min(100, len(earlier))))
        seen = {key: self._look(store, ledger, key) for key in sorted(keys)}
        _compare(seen, ledger, begin=math.inf, end=math.inf, where="the store")
        if isinstance(store, SupportsUndo) and (evictions := ledger.unknown_evictions()):
            lost = [id for (what, id), value in seen.items() if what == "record" and value is None]
            lost = [id for id in lost if id in ledger.numbers and not ledger.is_gone(id)]
            latest = [store.history(id, limit=1)[0] for id in lost]
            assert {change.action for change in latest} <= {"delete"}, "what nobody deleted is gone"
            assert len({change.operation for change in latest}) <= len(evictions), "an eviction is several operations"
        return seen | self._batches(store, ledger)

    def _check_copy(self, copy: Copy, ledger: Ledger, folder: Path, rng: random.Random) -> None:
        """Check that a snapshot holds what the store held at some moment while it was taken."""
        path = Path(copy.path)
        if not path.exists():
            assert copy.end == math.inf, f"the snapshot {path.name} was acknowledged and is not there"
            return
        folder.mkdir()
        with self.opened(folder / "kit.db") as store:
            assert isinstance(store, SupportsSnapshot)
            store.restore(path)
            earlier = sorted(ledger.settled, key=str)
            keys = ledger.touched | set(rng.sample(earlier, k=min(30, len(earlier))))
            seen = {key: self._look(store, ledger, key) for key in keys if key[1] in ledger.numbers}
            _compare(seen, ledger, begin=copy.begin, end=copy.end, where=f"the snapshot {path.name}")
            least, most = ledger.records(copy.begin, copy.end)
            assert least <= len(store) <= most, f"the snapshot {path.name} holds {len(store)}, not {least} to {most}"
            self._batches(store, ledger)
            assert_healthy(store)
        shutil.rmtree(folder)
        path.unlink()

    def _check_answers(self, store: Store, ledger: Ledger, rng: random.Random) -> None:
        """Check the number of records, and that the living are recalled and the dead are not."""
        live, dead = ledger.live(), ledger.dead()
        assert len(store) == len(live), f"{len(store)} records are there, {len(live)} were left"
        recalled = rng.sample(sorted(live), k=min(20, len(live)))
        assert self.first_hits(store, [self.make_item(live[id]) for id in recalled]) == recalled
        gone = [id for id in rng.sample(dead, k=min(20, len(dead))) if id in ledger.numbers]
        found = store.recall_many([self.cue_for(self.make_item(ledger.numbers[id])) for id in gone], k=3)
        assert {hit.id for hits in found for hit in hits} <= live.keys(), "an acknowledged delete came back in recall"
        assert_healthy(store)

    def _look(self, store: Store, ledger: Ledger, key: Key) -> Value:
        """Return what the store holds; a number or text that nobody wrote for content that nobody wrote."""
        what, id = key
        if what == "blob":
            data = store.get_blob(id, *BLOB) if isinstance(store, SupportsBlobs) else None
            if data is None:
                return None
            text = data.partition(b" ")[0].decode("ascii", "replace")
            return text if blob_of(text) == data else "a blob that nobody wrote"
        try:
            item = store.get(id)
        except UnknownIdError:
            return None
        number = ledger.numbers.get(id, -1)
        return number if number >= 0 and self.signature(item) == self.signature(self.make_item(number)) else -1

    def _batches(self, store: Store, ledger: Ledger) -> dict[Key, Value]:
        """Check that each batch that was being written is there whole or not at all; return what is there."""
        there: dict[Key, Value] = {}
        for numbers in ledger.batches:
            batch = [self.make_item(number) for number in numbers]
            hits = [found[0] if found else None for found in store.recall_many([self.cue_for(i) for i in batch], k=1)]
            ids = [
                hit.id if hit is not None and self.signature(hit.item) == self.signature(item) else None
                for hit, item in zip(hits, batch, strict=True)
            ]
            if not ledger.evicts_strangers():
                assert None not in ids or set(ids) == {None}, f"a part of the batch being written is there: {ids}"
            there |= {("record", id): number for id, number in zip(ids, numbers, strict=True) if id is not None}
        return there


def _compare(seen: dict[Key, Value], ledger: Ledger, *, begin: float, end: float, where: str) -> None:
    """Check values seen at one moment from `begin` to `end` against the ledger."""
    for key, value in seen.items():
        possible = ledger.possible(key, begin, end)
        if value not in possible:
            fault = "content was changed"
            if value is None:
                fault = "an acknowledged write was lost"
            elif possible == {None}:
                fault = "an acknowledged delete came back, or what was not written yet is there"
            pytest.fail(f"{where}: {fault}: {key[0]} {key[1]} is {value!r} and can only be one of {possible}")
    for group in ledger.undivided(begin, end):
        done = {seen[key] == new for key, (old, new) in group.items() if old != new and key in seen}
        assert len(done) < 2, f"{where}: a part of what one call did is there: {group}"
