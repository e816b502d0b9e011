"""Snapshots: a copy made in use can be put back, and a bad file changes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hippo_core.errors import HippoError, InvalidInputError, StorageError, UnknownIdError
from hippo_core.protocols import SupportsSnapshot, SupportsVerify
from hippo_core.testing.hooks import ContractHooks, Store, needs


class SnapshotPromises(ContractHooks):
    """What `snapshot` and `restore` promise."""

    def test_a_snapshot_never_overwrites(self, store: Store, tmp_path: Path) -> None:
        """A path that exists is refused, and the file there stays as it is."""
        copyable = needs(store, SupportsSnapshot)
        self.write(store, self.items(2))
        taken = tmp_path / "precious.txt"
        taken.write_bytes(b"mine")
        with pytest.raises(InvalidInputError):
            copyable.snapshot(taken)
        assert taken.read_bytes() == b"mine"
        with pytest.raises(HippoError):
            copyable.snapshot(tmp_path)
        with pytest.raises(StorageError):
            copyable.snapshot(tmp_path / "no such folder" / "copy")

    def test_a_restore_puts_back_exactly_what_was(self, store: Store, tmp_path: Path) -> None:
        """Later writes go, later deletes come back, answers are as they were; twice from the same snapshot."""
        copyable = needs(store, SupportsSnapshot)
        items = self.items(10)
        ids = self.write(store, items)
        store.delete(ids[9])
        expected = dict(zip(ids[:9], items[:9], strict=True))
        before = self.answers(store, items)
        copyable.snapshot(tmp_path / "copy")
        for first in (20, 30):
            fresh = self.write(store, self.items(6, first=first))
            store.delete([ids[0], ids[1], fresh[0]])
            copyable.restore(str(tmp_path / "copy"))
            self.assert_holds(store, expected)
            assert self.answers(store, items) == before
            for id in (*fresh, ids[9]):
                with pytest.raises(UnknownIdError):
                    store.get(id)

    def test_a_restore_sets_no_id_free(self, store: Store, tmp_path: Path) -> None:
        """Records written after a restore get ids that nothing before the restore had."""
        copyable = needs(store, SupportsSnapshot)
        used = set(self.write(store, self.items(3)))
        copyable.snapshot(tmp_path / "copy")
        used |= set(self.write(store, self.items(5, first=10)))
        copyable.restore(tmp_path / "copy")
        assert not used & set(self.write(store, self.items(5, first=20)))

    def test_a_snapshot_goes_into_another_store(self, store: Store, tmp_path: Path) -> None:
        """It holds everything that is needed to make an equal store elsewhere."""
        copyable = needs(store, SupportsSnapshot)
        items = self.items(6)
        ids = self.write(store, items)
        copyable.snapshot(tmp_path / "copy")
        with self.opened(tmp_path / "other.db") as other:
            self.write(other, self.items(2, first=50))
            needs(other, SupportsSnapshot).restore(tmp_path / "copy")
            self.assert_holds(other, dict(zip(ids, items, strict=True)))

    def test_a_restore_survives_reopening(self, path: Path, tmp_path: Path) -> None:
        """Caches made before the restore are not believed after it."""
        self.needs_files()
        items = self.items(30)
        with self.opened(path) as store:
            ids = self.write(store, items)
            needs(store, SupportsSnapshot).snapshot(tmp_path / "copy")
        with self.opened(path) as store:
            self.write(store, self.items(30, first=100))
            store.delete(ids[:5])
        with self.opened(path) as store:
            needs(store, SupportsSnapshot).restore(tmp_path / "copy")
        with self.opened(path) as store:
            self.assert_holds(store, dict(zip(ids, items, strict=True)))

    def test_another_open_store_sees_the_restore(self, path: Path, tmp_path: Path) -> None:
        """Without reopening, and it can go on writing."""
        self.needs_files()
        with self.opened(path) as store, self.opened(path) as other:
            items = self.items(6)
            expected = dict(zip(self.write(store, items), items, strict=True))
            needs(store, SupportsSnapshot).snapshot(tmp_path / "copy")
            self.write(store, self.items(6, first=10))
            assert len(other) == 12
            self.first_hits(other, items)  # it has caught up, so that it has something stale to keep
            needs(store, SupportsSnapshot).restore(tmp_path / "copy")
            self.assert_holds(other, expected)
            more = self.items(3, first=30)
            expected |= dict(zip(self.write(other, more), more, strict=True))
            self.assert_holds(store, expected)

    def test_a_bad_snapshot_changes_nothing(self, store: Store, tmp_path: Path) -> None:
        """Missing, empty, garbage, cut short, a folder, or of another program: `StorageError`, all is as before."""
        copyable = needs(store, SupportsSnapshot)
        items = self.items(8)
        expected = dict(zip(self.write(store, items), items, strict=True))
        good = tmp_path / "good"
        copyable.snapshot(good)
        bad = {name: tmp_path / name for name in ("missing", "empty", "garbage", "short", "folder", "foreign")}
        bad["empty"].touch()
        bad["garbage"].write_bytes(bytes(range(256)) * 64)
        content = good.read_bytes()
        bad["short"].write_bytes(content[: len(content) // 2])
        bad["folder"].mkdir()
        with closing(sqlite3.connect(bad["foreign"])) as foreign, foreign:
            foreign.execute("CREATE TABLE recipes(name TEXT)")
        for name, file in bad.items():
            with pytest.raises(StorageError) as caught:
                copyable.restore(file)
            assert str(file) in str(caught.value), f"the message for a snapshot that is {name} does not name the file"
            self.assert_holds(store, expected)
        more = self.items(2, first=20)
        expected |= dict(zip(self.write(store, more), more, strict=True))
        if isinstance(store, SupportsVerify):
            store.rebuild()
        self.assert_holds(store, expected)
