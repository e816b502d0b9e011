"""Sharing: several processes may have the same store open, and none loses another's write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.testing.hooks import ContractHooks
from hippo_core.testing.ledger import Ledger
from hippo_core.testing.processes import Nursery


class SharingPromises(ContractHooks):
    """What a store promises about other processes."""

    def test_two_processes_writing_at_once_lose_nothing(self, path: Path, tmp_path: Path) -> None:
        """Both make the store together and write side by side; every receipt of both is there afterwards."""
        self._write_at_once(path, tmp_path, [[], []], turns=25)

    def test_four_processes_at_once_lose_nothing(self, path: Path, tmp_path: Path) -> None:
        """All write; one also deletes, and one recalls what it has just written, while the others go on."""
        self._write_at_once(path, tmp_path, [[], ["single"], ["single", "delete"], ["recall"]], turns=15)

    def _write_at_once(self, path: Path, tmp_path: Path, doings: list[list[str]], *, turns: int) -> None:
        self.needs_files()
        with Nursery(type(self), tmp_path) as nursery:
            children = [
                nursery.start(f"writer{n}", "write", path=str(path), first=n * 1_000_000, turns=turns, doing=doing)
                for n, doing in enumerate(doings)
            ]
            for child in children:
                child.go()
            ledger = Ledger()
            ledger.enter([child.finish() for child in children])
        assert not ledger.batches
        ledger.settle({})
        with self.opened(path) as store:
            self.assert_holds(store, {id: self.make_item(number) for id, number in ledger.live().items()})
            for id in ledger.dead():
                with pytest.raises(UnknownIdError):
                    store.get(id)

    def test_an_open_store_sees_what_another_process_does(self, path: Path, tmp_path: Path) -> None:
        """Writes and deletes of another process show at the next call, without reopening."""
        self.needs_files()
        with Nursery(type(self), tmp_path) as nursery, self.opened(path) as store:
            expected: dict[int, Any] = dict(zip(self.write(store, self.items(3)), self.items(3), strict=True))
            self.assert_holds(store, expected)
            ledger = Ledger()
            ledger.enter([nursery.run("writer", "write", path=str(path), first=500, turns=3, doing=[])])
            ledger.settle({})
            expected |= {id: self.make_item(number) for id, number in ledger.live().items()}
            assert len(expected) > 3
            self.assert_holds(store, expected)
            gone = [min(expected), max(expected)]
            deleted = nursery.run("deleter", "delete", path=str(path), ids=gone)
            assert deleted[-1]["deleted"] == 2
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
