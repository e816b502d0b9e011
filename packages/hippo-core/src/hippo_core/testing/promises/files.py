"""Files that cannot be a store, and disks that are full: an error in words, and nothing is lost."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hippo_core.errors import NewerSchemaError, StorageError
from hippo_core.testing.hooks import ContractHooks, assert_healthy
from hippo_core.testing.processes import Nursery


class FilePromises(ContractHooks):
    """What opening promises about files that are no store, and writing about a full disk."""

    def test_a_file_that_is_no_database_is_refused(self, path: Path) -> None:
        """`StorageError`, and the file stays as it is."""
        self.needs_files()
        for content in (b"Dear diary, " * 500, bytes(range(256)) * 100, b"short"):
            path.write_bytes(content)
            with pytest.raises(StorageError):
                self.open_store(path)
            assert path.read_bytes() == content

    def test_a_database_of_another_program_is_refused(self, path: Path) -> None:
        """`StorageError`, and not a byte of it is changed."""
        self.needs_files()
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TABLE recipes(name TEXT)")
            other.execute("INSERT INTO recipes VALUES ('soup')")
        content = path.read_bytes()
        with pytest.raises(StorageError):
            self.open_store(path)
        assert path.read_bytes() == content

    def test_a_path_in_a_missing_folder_is_refused(self, tmp_path: Path) -> None:
        """`StorageError`, and no folder is made."""
        self.needs_files()
        with pytest.raises(StorageError):
            self.open_store(tmp_path / "missing" / "kit.db")
        assert not (tmp_path / "missing").exists()

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        """`StorageError`, and the folder stays empty."""
        self.needs_files()
        folder = tmp_path / "folder.db"
        folder.mkdir()
        with pytest.raises(StorageError):
            self.open_store(folder)
        assert list(folder.iterdir()) == []

    def test_a_store_from_the_future_is_refused(self, path: Path) -> None:
        """`NewerSchemaError`, and the newer version finds its store as it left it."""
        self.needs_files()
        items = self.items(3)
        with self.opened(path) as store:
            ids = self.write(store, items)
        if path.read_bytes()[:16] != b"SQLite format 3\0":
            pytest.skip("the store is no SQLite file, so the kit cannot make it a newer one")
        with closing(sqlite3.connect(path)) as raw:
            (version,) = raw.execute("PRAGMA user_version").fetchone()
            raw.execute("PRAGMA user_version = 9999")
        with pytest.raises(NewerSchemaError, match="9999"):
            self.open_store(path)
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA user_version").fetchone() == (9999,)
            raw.execute(f"PRAGMA user_version = {version}")
        with self.opened(path) as store:
            self.assert_holds(store, dict(zip(ids, items, strict=True)))

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
    def test_a_full_disk_loses_nothing(self, path: Path, tmp_path: Path) -> None:
        """A write that finds no room raises `StorageError`; what was stored before is there, and writing goes on."""
        self.needs_files()
        items = self.items(5)
        with self.opened(path) as store:
            expected = dict(zip(self.write(store, items), items, strict=True))
        with Nursery(type(self), tmp_path) as nursery:
            notes = nursery.run("filler", "fill", path=str(path), first=10_000, room=40_000)
        assert any("refused" in note for note in notes), "the disk never got full"
        wrote = {id: self.make_item(number) for note in notes for id, number in note.get("wrote", [])}
        assert [note["length"] for note in notes if "length" in note] == [5 + len(wrote)]
        with self.opened(path) as store:
            self.assert_holds(store, expected | wrote)
            more = self.items(3, first=50_000)
            fresh = dict(zip(self.write(store, more), more, strict=True))
            self.assert_holds(store, expected | wrote | fresh)
            assert_healthy(store)
