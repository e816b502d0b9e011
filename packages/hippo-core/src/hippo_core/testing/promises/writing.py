"""Writing: receipts in order, all or nothing, and what was written can be read."""

from __future__ import annotations

import numpy as np
import pytest

from hippo_core.errors import InvalidInputError, UnknownIdError
from hippo_core.protocols import MemoryStore
from hippo_core.testing.hooks import ContractHooks, Store


class WritingPromises(ContractHooks):
    """What `write_many`, `get` and `len` promise."""

    def test_the_kit_was_given_usable_items(self) -> None:
        """Items are distinct, and the same number gives an equal one; the other promises rest on it."""
        signatures = [self.signature(item) for item in self.items(30)]
        again = [self.signature(item) for item in self.items(30)]
        assert signatures == again, "`make_item` must give an equal item for the same number"
        for place, one in enumerate(signatures):
            assert all(one != other for other in signatures[place + 1 :]), "`make_item` must give distinct items"

    def test_the_store_keeps_the_protocol(self, store: Store) -> None:
        """It has every verb of `MemoryStore`."""
        assert isinstance(store, MemoryStore)

    def test_receipts_come_in_order_with_ids_of_their_own(self, store: Store) -> None:
        """One receipt for each item, in the order of the items, each with an id that no other record has."""
        items = self.items(25)
        receipts = store.write_many(items[:20]) + store.write_many(items[20:])
        assert [receipt.status for receipt in receipts] == ["stored"] * 25
        ids = [receipt.id for receipt in receipts]
        assert all(type(id) is int for id in ids), f"ids must be plain ints: {ids}"
        assert len(set(ids)) == 25
        for id, item in zip(ids, items, strict=True):
            assert id is not None
            assert self.signature(store.get(id)) == self.signature(item)

    def test_the_length_counts_live_records(self, store: Store) -> None:
        """`len` is 0 at first and grows by what was written."""
        assert len(store) == 0
        self.write(store, self.items(3))
        assert len(store) == 3
        self.write(store, self.items(4, first=3))
        assert len(store) == 7

    def test_writing_nothing_is_nothing(self, store: Store) -> None:
        """An empty batch is allowed and does nothing."""
        assert store.write_many([]) == []
        assert len(store) == 0

    def test_one_bad_item_keeps_the_whole_batch_out(self, store: Store) -> None:
        """A batch with a bad item, wherever it stands, raises `InvalidInputError` and writes nothing."""
        kept = dict(zip(self.write(store, self.items(3)), self.items(3), strict=True))
        good = self.items(4, first=10)
        for bad in self.bad_items():
            for place in (0, 2, 4):
                batch = [*good[:place], bad, *good[place:]]
                with pytest.raises(InvalidInputError):
                    store.write_many(batch)
                assert len(store) == 3, f"{bad!r} at place {place} left a part of its batch behind"
        self.assert_holds(store, kept)
        found = store.recall_many([self.cue_for(item) for item in good], k=5)
        assert all(hit.id in kept for hits in found for hit in hits)

    def test_unknown_ids_are_an_error_of_their_own(self, store: Store) -> None:
        """An id that is not held raises `UnknownIdError`, which is a `KeyError`; no whole number is too large."""
        (id,) = self.write(store, self.items(1))
        for unknown in (id + 1, 0, -1, 2**40, 2**70, -(2**70)):
            with pytest.raises(UnknownIdError):
                store.get(unknown)
        with pytest.raises(KeyError):
            store.get(id + 1)

    def test_ids_may_come_from_numpy(self, store: Store) -> None:
        """Ids that went through an array are still ids, for `get` and `delete`."""
        ids = np.array(self.write(store, self.items(3)))
        assert self.signature(store.get(ids[1])) == self.signature(self.make_item(1))
        assert store.delete(ids[1]) == 1
        assert store.delete(list(ids)) == 2
