"""Opening and closing: a closed store says so, and what was acknowledged is there after reopening."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hippo_core.errors import StoreClosedError
from hippo_core.protocols import (
    SupportsBlobs,
    SupportsExport,
    SupportsProvenance,
    SupportsSnapshot,
    SupportsUndo,
    SupportsVerify,
)
from hippo_core.testing.hooks import ContractHooks


class LifecyclePromises(ContractHooks):
    """What opening and closing promise."""

    def test_a_closed_store_says_so(self, path: Path, tmp_path: Path) -> None:
        """Every verb raises `StoreClosedError` after `close`."""
        store = self.open_store(path)
        (id,) = self.write(store, self.items(1))
        store.close()
        uses: dict[str, Callable[[], object]] = {
            "write_many": lambda: store.write_many(self.items(1, first=5)),
            "recall_many": lambda: store.recall_many([self.cue_for(self.make_item(0))]),
            "get": lambda: store.get(id),
            "delete": lambda: store.delete(id),
            "len": lambda: len(store),
        }
        if isinstance(store, SupportsProvenance):
            uses["delete_by_provenance"] = lambda: store.delete_by_provenance(source="kit")
        if isinstance(store, SupportsUndo):
            uses |= {"undo": lambda: store.undo(), "history": lambda: store.history()}
        if isinstance(store, SupportsVerify):
            uses |= {"verify": lambda: store.verify(), "rebuild": lambda: store.rebuild()}
        if isinstance(store, SupportsSnapshot):
            uses["snapshot"] = lambda: store.snapshot(tmp_path / "closed.snapshot")
        if isinstance(store, SupportsExport):
            uses["export_jsonl"] = lambda: store.export_jsonl(tmp_path / "closed.jsonl")
        if isinstance(store, SupportsBlobs):
            uses["get_blob"] = lambda: store.get_blob(id, "kv", "digest")
        for name, use in uses.items():
            try:
                use()
            except StoreClosedError:
                continue
            pytest.fail(f"`{name}` on a closed store did not raise StoreClosedError")

    def test_closing_twice_is_allowed(self, path: Path) -> None:
        """The second `close` does nothing."""
        store = self.open_store(path)
        store.close()
        store.close()

    def test_the_context_manager_closes(self, path: Path) -> None:
        """`with` hands out the store itself and closes it, after an exception too."""
        store = self.open_store(path)
        with store as entered:
            assert entered is store
            self.write(store, self.items(1))
        with pytest.raises(StoreClosedError):
            len(store)
        other = self.open_store(path)
        with pytest.raises(ZeroDivisionError), other:
            raise ZeroDivisionError
        with pytest.raises(StoreClosedError):
            len(other)

    def test_receipts_survive_reopening(self, path: Path) -> None:
        """What a receipt acknowledged is there after closing and opening, again and again."""
        self.needs_files()
        expected: dict[int, object] = {}
        for session in range(3):
            with self.opened(path) as store:
                items = self.items(7, first=session * 7)
                expected |= dict(zip(self.write(store, items), items, strict=True))
                self.assert_holds(store, expected)
        with self.opened(path) as store:
            self.assert_holds(store, expected)

    def test_receipts_survive_a_store_that_was_never_closed(self, path: Path) -> None:
        """A second store at the same path sees what the first acknowledged, while the first is still open."""
        self.needs_files()
        with self.opened(path) as first:
            ids = self.write(first, self.items(5))
            with self.opened(path) as second:
                self.assert_holds(second, dict(zip(ids, self.items(5), strict=True)))
