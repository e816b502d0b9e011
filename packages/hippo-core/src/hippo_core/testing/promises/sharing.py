"""Sharing: several processes may have the same store open, and none loses another's write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.testing.hooks import ContractHooks
from hippo_core.testing.processes import Nursery


class SharingPromises(ContractHooks):
    """What a store promises about other processes."""

    def test_two_processes_writing_at_once_lose_nothing(self, path: Path, tmp_path: Path) -> None:
        """Both make the store together and write side by side; every receipt of both is there afterwards."""
        self.needs_files()
        with Nursery(type(self), tmp_path) as nursery:
            children = [
                nursery.start(f"writer{n}", "write", path=str(path), first=n * 1_000_000, batches=25, deletes=False)
                for n in range(2)
            ]
            for child in children:
                child.go()
            wrote = [pair for child in children for note in child.finish() for pair in note.get("wrote", [])]
        assert len({id for id, _ in wrote}) == len(wrote), "two records have the same id"
        with self.opened(path) as store:
            self.assert_holds(store, {id: self.make_item(number) for id, number in wrote})

    def test_an_open_store_sees_what_another_process_does(self, path: Path, tmp_path: Path) -> None:
        """Writes and deletes of another process show at the next call, without reopening."""
        self.needs_files()
        with Nursery(type(self), tmp_path) as nursery, self.opened(path) as store:
            expected: dict[int, Any] = dict(zip(self.write(store, self.items(3)), self.items(3), strict=True))
            self.assert_holds(store, expected)
            notes = nursery.run("writer", "write", path=str(path), first=500, batches=3, deletes=False)
            expected |= {id: self.make_item(number) for note in notes for id, number in note.get("wrote", [])}
            assert len(expected) > 3
            self.assert_holds(store, expected)
            gone = [min(expected), max(expected)]
            deleted = nursery.run("deleter", "delete", path=str(path), ids=gone)
            assert deleted[-1] == {"deleted": 2}
            items = [expected.pop(id) for id in gone]
            self.assert_holds(store, expected)
            for id in gone:
                with pytest.raises(UnknownIdError):
                    store.get(id)
            assert not set(gone) & set(self.first_hits(store, items))

    def test_two_open_stores_take_turns(self, path: Path) -> None:
        """Two stores of one process at the same path see each other's writes and deletes."""
        self.needs_files()
        expected: dict[int, Any] = {}
        with self.opened(path) as one, self.opened(path) as two:
            for turn, (writer, reader) in enumerate([(one, two), (two, one), (one, two)]):
                items = self.items(4, first=turn * 4)
                expected |= dict(zip(self.write(writer, items), items, strict=True))
                self.assert_holds(reader, expected)
                gone = next(iter(expected))
                assert reader.delete(gone) == 1
                del expected[gone]
                assert writer.delete(gone) == 0
                self.assert_holds(writer, expected)
