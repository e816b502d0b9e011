"""Crashes: `kill -9` at any moment, with two writers, loses nothing that a receipt acknowledged."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy
from hippo_core.testing.processes import Nursery

_ROUNDS = 25
_ROUNDS_A_DATABASE = 50  # so that five hundred rounds do not spend their time on an ever larger store


class CrashPromises(ContractHooks):
    """What a receipt is worth when the process dies, or when the disk is full."""

    def test_kill_9_loses_no_receipt(self, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        """Two writers are killed at a random moment, again and again (`--crash-rounds`, 25 by default).

        After each kill: every acknowledged write is there and recallable, no acknowledged delete came back, the batch
        that was being written is there whole or not at all, and `verify` finds nothing wrong.
        """
        self.needs_files()
        rounds: Any = request.config.getoption("--crash-rounds", default=_ROUNDS)
        rng = random.Random()
        with Nursery(type(self), tmp_path) as nursery:
            for first in range(0, int(rounds), _ROUNDS_A_DATABASE):
                book, path = _Book(), tmp_path / f"crash{first}.db"
                for number in range(first, min(first + _ROUNDS_A_DATABASE, int(rounds))):
                    fresh = book.enter(self._write_and_kill(nursery, path, number, rng))
                    with self.opened(path) as store:
                        self._check(store, book, fresh, rng)

    def _write_and_kill(
        self, nursery: Nursery, path: Path, number: int, rng: random.Random
    ) -> list[list[dict[str, Any]]]:
        children = [
            nursery.start(
                f"round{number}writer{n}",
                "write",
                path=str(path),
                first=(2 * number + n + 1) * 1_000_000,
                batches=100_000,
                deletes=True,
            )
            for n in range(2)
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

    def _check(self, store: Store, book: _Book, fresh: list[int], rng: random.Random) -> None:
        items = {id: self.make_item(number) for id, number in book.alive.items()}
        earlier = rng.sample(sorted(items), k=min(100, len(items)))
        for id in {*earlier, *(id for id in fresh if id in items)}:
            assert self.signature(store.get(id)) == self.signature(items[id]), "an acknowledged write was lost"
        recalled = rng.sample(sorted(items), k=min(20, len(items)))
        assert self.first_hits(store, [items[id] for id in recalled]) == recalled
        for id in book.deleted:
            with pytest.raises(KeyError):
                store.get(id)
        for numbers in book.pending:
            batch = [self.make_item(number) for number in numbers]
            found = [hits[0] if hits else None for hits in store.recall_many([self.cue_for(i) for i in batch], k=1)]
            there = [
                hit is not None and self.signature(hit.item) == self.signature(item)
                for hit, item in zip(found, batch, strict=True)
            ]
            assert len(set(there)) == 1, f"a part of the batch that was being written is there: {there}"
        assert_healthy(store)


class _Book:
    """What the writers acknowledged, over all rounds on one database."""

    def __init__(self) -> None:
        self.alive: dict[int, int] = {}
        """Id to item number, of what must be there."""
        self.deleted: set[int] = set()
        """Ids whose delete was acknowledged."""
        self.pending: list[list[int]] = []
        """Numbers of the batches that were being written at the latest kill."""

    def enter(self, notes: list[list[dict[str, Any]]]) -> list[int]:
        """Take one round's notes in and return the ids it wrote."""
        fresh: list[int] = []
        self.pending = []
        for lines in notes:
            pending: list[int] = []
            for note in lines:
                if "writing" in note:
                    pending = note["writing"]
                elif "wrote" in note:
                    pending = []
                    for id, number in note["wrote"]:
                        assert id not in self.alive, f"id {id} was given out twice"
                        assert id not in self.deleted, f"id {id} was given out again after a delete"
                        self.alive[id] = number
                        fresh.append(id)
                elif "deleting" in note:  # until it is acknowledged, either outcome is right
                    for id in note["deleting"]:
                        del self.alive[id]
                elif "deleted" in note:
                    self.deleted |= set(note["deleted"])
            if pending:
                self.pending.append(pending)
        return fresh
