"""Caches: an index is never the truth, so nothing that happens to its files may change an answer."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hippo_core.protocols import SupportsSnapshot, SupportsVerify
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy, needs
from hippo_core.testing.processes import Nursery

_SIZE = 100
_IN_PLACE = ("cut in half", "overwritten with zeros", "flipped bit 3 in the head", "flipped bit 3 in the middle")
_REPLACED = ("removed", "another store's", "cut in half", "flipped bit 3 in the head", "flipped bit 3 in the middle")


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
        """Each file removed, cut, with flipped bits, an older one or another store's: the same answers as before."""
        self.needs_files()
        items = self.items(_SIZE)
        other = self._caches_of_another(path.with_name("other.db"))
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
            replaced = {
                "an older copy": older.get(file),
                "another store's": other.get(self.cache_files(path).index(file)),
            }
            for name, damaged in _damages(content, replaced):
                for each, good in intact.items():
                    each.write_bytes(good)
                file.unlink() if damaged is None else file.write_bytes(damaged)
                with self.opened(path) as store:
                    context = f"{file.name}: {name}"
                    assert len(store) == length, context
                    assert self.answers(store, asked) == before, context
                    assert_healthy(store)

    def test_another_stores_caches_change_no_answer(self, path: Path) -> None:
        """All of them at once, so that they agree with each other: they are those of as many records and calls."""
        self.needs_files()
        other = self._caches_of_another(path.with_name("other.db"))
        items = self.items(_SIZE)
        with self.opened(path) as store:
            expected = dict(zip(self.write(store, items), items, strict=True))
        self._caches(path)
        for place, content in other.items():
            self.cache_files(path)[place].write_bytes(content)
        with self.opened(path) as store:
            self.assert_holds(store, expected)

    def test_caches_harmed_while_in_use_change_no_answer(self, path: Path, tmp_path: Path) -> None:
        """A process has them open when they are cut, flipped or zeroed in place: the next opening answers as before.

        So it does when that process, which may have read what was harmed, is killed, and nothing that it wrote before
        is lost. What it answers itself meanwhile is not promised.
        """
        self._harm_while_in_use(path, tmp_path, in_place=True)

    def test_caches_replaced_while_in_use_change_no_answer(self, path: Path, tmp_path: Path) -> None:
        """A process has them open when they are removed, or others are moved there; it writes on and closes."""
        self._harm_while_in_use(path, tmp_path, in_place=False)

    def _harm_while_in_use(self, path: Path, tmp_path: Path, *, in_place: bool) -> None:
        self.needs_files()
        items = self.items(_SIZE)
        other = self._caches_of_another(path.with_name("other.db"))
        with self.opened(path) as store:
            expected = dict(zip(self.write(store, items), items, strict=True))
            before = self.answers(store, items[::9])
        files = self._caches(path)
        with Nursery(type(self), tmp_path) as nursery:
            for number, name in enumerate(_IN_PLACE if in_place else _REPLACED):
                until = tmp_path / f"{number}.until"
                holder = nursery.start(
                    f"holder{number}", "hold", path=str(path), asked=_SIZE, until=str(until), first=10_000 + number
                )
                holder.go().wait_for(lambda holder=holder: holder.count() >= 2)
                for place, file in enumerate(self.cache_files(path)):
                    if file not in files or not file.is_file():
                        continue
                    content = file.read_bytes()
                    damages = dict(_damages(content, {"another store's": other.get(place)}))
                    _harm(file, damages.get(name), in_place=in_place)
                with self.opened(path) as store:
                    assert self.answers(store, items[::9]) == before, f"{name}, while another process has it open"
                    assert_healthy(store)
                if in_place:
                    holder.kill()
                else:
                    until.touch()
                    wrote = holder.finish()[-1]["wrote"]
                    expected |= {id: self.make_item(number) for id, number in wrote}
                with self.opened(path) as store:
                    self.assert_holds(store, expected)
                    before = self.answers(store, items[::9])

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

    def _caches_of_another(self, path: Path) -> dict[int, bytes]:
        """Return the cache files, by their place in the list, of a store with as many other records."""
        with self.opened(path) as store:
            self.write(store, self.items(_SIZE, first=7000))
        files = self._caches(path)
        return {place: file.read_bytes() for place, file in enumerate(self.cache_files(path)) if file in files}


def _damages(content: bytes, replaced: Mapping[str, bytes | None]) -> Iterator[tuple[str, bytes | None]]:
    """Yield what may become of a file, with a name: its new content, None where it is removed."""
    size = len(content)
    rng = random.Random(size)
    yield "removed", None
    yield "empty", b""
    yield "cut in half", content[: size // 2]
    yield "one byte short", content[:-1]
    yield "cut in the head", content[: rng.randrange(1, max(2, min(size, 512)))]
    yield "cut anywhere", content[: rng.randrange(max(1, size))]
    yield "overwritten with zeros", b"\0" * size
    yield "garbage after it", content + b"garbage"
    for name, instead in replaced.items():
        if instead is not None and instead != content:
            yield name, instead
    # The head of a file is where stamps and shapes stand, so it gets more than its share
    head, tail = range(min(size, 512)), range(max(0, size - 512), size)
    middle = range(size // 4, max(size // 4 + 1, 3 * size // 4))
    for name, region, flips in (("head", head, 8), ("middle", middle, 4), ("end", tail, 4)):
        places = [region[0], region[-1], *(rng.choice(region) for _ in range(flips))] if size else []
        for turn, place in enumerate(places):
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.randrange(8)
            yield f"flipped bit {turn} in the {name}", bytes(flipped)


def _harm(file: Path, content: bytes | None, *, in_place: bool) -> None:
    """Give the file new content, under the feet of who has it open or beside them; None removes it."""
    if content is None:
        file.unlink(missing_ok=True)
    elif in_place:
        file.write_bytes(content)
    else:
        beside = file.with_name(file.name + ".beside")
        beside.write_bytes(content)
        beside.replace(file)
