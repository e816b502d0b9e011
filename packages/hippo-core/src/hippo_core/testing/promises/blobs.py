"""Blobs: model states kept beside a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.protocols import SupportsBlobs, SupportsSnapshot, SupportsUndo
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy, needs


class BlobPromises(ContractHooks):
    """What `put_blob` and `get_blob` promise."""

    def test_a_blob_comes_back_as_it_was(self, store: Store) -> None:
        """Byte for byte, an empty one and a large one too; what was not kept is None."""
        keeper = needs(store, SupportsBlobs)
        (id,) = self.write(store, self.items(1))
        assert keeper.get_blob(id, "kv", "model") is None
        for data in (b"\x00\xff\x00", b"", bytes(range(256)) * 4096):
            keeper.put_blob(id, "kv", "model", data)
            assert keeper.get_blob(id, "kv", "model") == data
        assert_healthy(store)

    def test_kinds_models_and_records_are_kept_apart(self, store: Store) -> None:
        """A blob belongs to one record, one kind and one model."""
        keeper = needs(store, SupportsBlobs)
        first, second = self.write(store, self.items(2))
        keys = [(first, "kv", "a"), (first, "kv", "b"), (first, "state", "a"), (second, "kv", "a")]
        for number, (id, kind, model) in enumerate(keys):
            keeper.put_blob(id, kind, model, bytes([number]))
        for number, (id, kind, model) in enumerate(keys):
            assert keeper.get_blob(id, kind, model) == bytes([number])
        assert keeper.get_blob(second, "state", "a") is None

    def test_a_record_that_is_not_held_has_no_blobs(self, store: Store) -> None:
        """Putting is `UnknownIdError`, getting is None; a delete takes the blobs along."""
        keeper = needs(store, SupportsBlobs)
        first, second = self.write(store, self.items(2))
        for unknown in (second + 1000, 0, 2**70):
            with pytest.raises(UnknownIdError):
                keeper.put_blob(unknown, "kv", "model", b"data")
            assert keeper.get_blob(unknown, "kv", "model") is None
        keeper.put_blob(first, "kv", "model", b"first")
        keeper.put_blob(second, "kv", "model", b"second")
        store.delete(first)
        assert keeper.get_blob(first, "kv", "model") is None
        assert keeper.get_blob(second, "kv", "model") == b"second"
        with pytest.raises(UnknownIdError):
            keeper.put_blob(first, "kv", "model", b"again")

    def test_blobs_survive_reopening(self, path: Path) -> None:
        """They are part of the truth, not of a cache."""
        self.needs_files()
        with self.opened(path) as store:
            keeper = needs(store, SupportsBlobs)
            (id,) = self.write(store, self.items(1))
            keeper.put_blob(id, "kv", "model", b"kept")
        with self.opened(path) as store:
            assert needs(store, SupportsBlobs).get_blob(id, "kv", "model") == b"kept"

    def test_a_blob_is_no_operation(self, store: Store) -> None:
        """What a model made of a record it can make again: undo is about records, and a delete takes blobs for good."""
        keeper, undoable = needs(store, SupportsBlobs), needs(store, SupportsUndo)
        (first,) = self.write(store, self.items(1))
        (second,) = self.write(store, self.items(1, first=1))
        keeper.put_blob(first, "kv", "model", b"first")
        assert undoable.undo() == 1
        assert len(store) == 1, "the latest write should have been undone"
        assert keeper.get_blob(first, "kv", "model") == b"first"
        assert keeper.get_blob(second, "kv", "model") is None
        store.delete(first)
        assert undoable.undo() == 1
        self.assert_holds(store, {first: self.make_item(0)})
        assert keeper.get_blob(first, "kv", "model") is None

    def test_a_snapshot_takes_blobs_along(self, store: Store, tmp_path: Path) -> None:
        """They are truth, so a restore brings back those there were, and only those."""
        keeper, copyable = needs(store, SupportsBlobs), needs(store, SupportsSnapshot)
        first, second = self.write(store, self.items(2))
        keeper.put_blob(first, "kv", "model", b"then")
        copyable.snapshot(tmp_path / "copy")
        keeper.put_blob(first, "kv", "model", b"later")
        keeper.put_blob(second, "kv", "model", b"later")
        copyable.restore(tmp_path / "copy")
        assert keeper.get_blob(first, "kv", "model") == b"then"
        assert keeper.get_blob(second, "kv", "model") is None
        assert_healthy(store)
