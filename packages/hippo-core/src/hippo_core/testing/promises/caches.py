"""Caches: an index is never the truth, so nothing that happens to its files may change an answer."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hippo_core.protocols import SupportsSnapshot, SupportsVerify
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy, needs

_SIZE = 100


class CachePromises(ContractHooks):
    """What `verify` and `rebuild` promise, and what damaged cache files may not do."""

    def test_a_used_store_is_healthy(self, store: Store) -> None:
        """`verify` finds nothing wrong after writes and deletes, and changes nothing."""
        checked = needs(store, SupportsVerify)
        assert checked.verify() == []
        ids = self.write(store, self.items(15))
        assert checked.verify() == []
        store.delete(ids[::3])
        assert checked.verify() == []
        assert len(store) == 10

    def test_a_rebuild_changes_no_answer(self, store: Store) -> None:
        """Caches made anew answer as the old ones did, and go on following writes."""
        checked = needs(store, SupportsVerify)
        items = self.items(20)
        ids = self.write(store, items)
        store.delete(ids[5])
        before = self.answers(store, items)
        checked.rebuild()
        assert self.answers(store, items) == before
        assert checked.verify() == []
        more = self.items(3, first=50)
        fresh = self.write(store, more)
        assert self.first_hits(store, more) == fresh
        assert checked.verify() == []

    def test_a_damaged_cache_changes_no_answer(self, path: Path) -> None:
        """Each cache file removed, emptied, cut, with flipped bits, or an older copy: the same answers as before."""
        self.needs_files()
        items = self.items(_SIZE)
        with self.opened(path) as store:
            ids = self.write(store, items[: _SIZE // 2])
        older = {file: file.read_bytes() for file in self._caches(path, must_exist=False)}
        with self.opened(path) as store:
            ids += self.write(store, items[_SIZE // 2 :])
            store.delete(ids[::7])
            asked = items[::9]
            before = self.answers(store, asked)
            length = len(store)
        intact = {file: file.read_bytes() for file in self._caches(path)}
        for file, content in intact.items():
            for name, damaged in self._damages(content, older.get(file)):
                for each, good in intact.items():
                    each.write_bytes(good)
                file.unlink() if damaged is None else file.write_bytes(damaged)
                with self.opened(path) as store:
                    context = f"{file.name}: {name}"
                    assert len(store) == length, context
                    assert self.answers(store, asked) == before, context
                    assert_healthy(store)

    def test_writing_goes_on_after_damage(self, path: Path) -> None:
        """With every cache file gone at once, deletes stay deleted and new records are found."""
        self.needs_files()
        items = self.items(_SIZE)
        with self.opened(path) as store:
            ids = self.write(store, items)
            store.delete(ids[:10])
        for file in self._caches(path):
            file.unlink()
        more = self.items(10, first=1000)
        with self.opened(path) as store:
            fresh = self.write(store, more)
        with self.opened(path) as store:
            self.assert_holds(store, dict(zip(ids[10:] + fresh, items[10:] + more, strict=True)))

    def test_a_cache_from_after_the_truth_is_not_believed(self, path: Path, tmp_path: Path) -> None:
        """A database put back by hand from a snapshot, with newer caches still beside it, answers as the snapshot."""
        self.needs_files()
        items = self.items(_SIZE)
        half = _SIZE // 2
        with self.opened(path) as store:
            ids = self.write(store, items[:half])
            needs(store, SupportsSnapshot).snapshot(tmp_path / "copy")
            store.delete(ids[:5])
            self.write(store, items[half:])
            self.answers(store, items)
        newer = {file: file.read_bytes() for file in self._caches(path)}
        expected = dict(zip(ids, items[:half], strict=True))
        shutil.copyfile(tmp_path / "copy", path)
        with self.opened(path) as store:
            self.assert_holds(store, expected)
        # The same once more, with writes before the first answer, which take the ids of what the cache still knows
        shutil.copyfile(tmp_path / "copy", path)
        for file, content in newer.items():
            file.write_bytes(content)
        more = self.items(half, first=5000)
        with self.opened(path) as store:
            expected |= dict(zip(self.write(store, more), more, strict=True))
            self.assert_holds(store, expected)

    def _caches(self, path: Path, *, must_exist: bool = True) -> list[Path]:
        named = self.cache_files(path)
        if not named:
            pytest.skip("the contract names no cache files")
        files = [file for file in named if file.is_file()]
        if must_exist:
            assert files, f"none of the cache files exists after {_SIZE} writes and `close`: {named}"
        return files

    @staticmethod
    def _damages(content: bytes, older: bytes | None) -> Iterator[tuple[str, bytes | None]]:
        yield "removed", None
        yield "empty", b""
        yield "cut in half", content[: len(content) // 2]
        yield "one byte short", content[:-1]
        yield "overwritten with zeros", b"\0" * len(content)
        yield "garbage after it", content + b"garbage"
        if older is not None and older != content:
            yield "an older copy", older
        rng = random.Random(len(content))
        # The head of a file is where stamps and shapes stand, so it gets more than its share
        places = [0, len(content) // 2, len(content) - 1, *(rng.randrange(min(len(content), 512)) for _ in range(8))]
        places += [rng.randrange(len(content)) for _ in range(4)]
        for place in places:
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.randrange(8)
            yield f"a flipped bit in byte {place}", bytes(flipped)
