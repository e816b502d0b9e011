"""Deleting: gone at once, gone after a restart, gone after a rebuild; no id is ever used again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hippo_core.errors import UnknownIdError
from hippo_core.protocols import SupportsVerify
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy, needs


class DeletingPromises(ContractHooks):
    """What `delete` promises."""

    def test_a_deleted_record_is_gone(self, store: Store) -> None:
        """It cannot be got, is recalled by no cue, and the others are untouched."""
        ids = self.write(store, self.items(12))
        assert store.delete(ids[3]) == 1
        assert store.delete(ids[5:8]) == 3
        self._assert_gone(store, ids, [3, 5, 6, 7])

    def test_deleting_twice_deletes_once(self, store: Store) -> None:
        """Ids that are not held are passed over; the count is of what was really deleted."""
        ids = self.write(store, self.items(4))
        assert store.delete(ids[0]) == 1
        assert store.delete(ids[0]) == 0
        assert store.delete([ids[0], ids[1]]) == 1
        assert store.delete((ids[2], ids[2])) == 1
        assert store.delete([]) == 0
        assert store.delete([0, -1, 2**40, 2**70]) == 0
        self._assert_gone(store, ids, [0, 1, 2])

    def test_ids_are_never_used_again(self, store: Store) -> None:
        """A record written after a delete gets an id that never was another's."""
        used = set(self.write(store, self.items(5)))
        store.delete(sorted(used))
        for first in (10, 20):
            fresh = self.write(store, self.items(5, first=first))
            assert not used & set(fresh)
            used |= set(fresh)
            store.delete(fresh)

    def test_a_deleted_item_can_be_written_again(self, store: Store) -> None:
        """The same item afterwards is a new record."""
        (old,) = self.write(store, self.items(1))
        store.delete(old)
        (new,) = self.write(store, self.items(1))
        assert new != old
        self.assert_holds(store, {new: self.make_item(0)})

    def test_an_emptied_store_answers_with_nothing(self, store: Store) -> None:
        """Deleting everything leaves no hit."""
        ids = self.write(store, self.items(6))
        assert store.delete(ids) == 6
        assert len(store) == 0
        assert store.recall_many([self.cue_for(self.make_item(2))], k=5) == [[]]

    def test_deletes_survive_reopening(self, path: Path) -> None:
        """A deleted record does not come back, its id is not used again, and the others are still there."""
        self.needs_files()
        with self.opened(path) as store:
            ids = self.write(store, self.items(12))
            store.delete([ids[2], ids[11]])
        with self.opened(path) as store:
            self._assert_gone(store, ids, [2, 11])
            fresh = self.write(store, self.items(3, first=100))
            assert not set(fresh) & set(ids)
            store.delete(ids[4])
        with self.opened(path) as store:
            self._assert_gone(store, ids, [2, 4, 11], extra=3)

    def test_deletes_survive_a_rebuild(self, store: Store) -> None:
        """Making every cache anew brings nothing back."""
        needs(store, SupportsVerify)
        ids = self.write(store, self.items(12))
        store.delete([ids[0], ids[6]])
        needs(store, SupportsVerify).rebuild()
        self._assert_gone(store, ids, [0, 6])

    def _assert_gone(self, store: Store, ids: list[int], places: list[int], *, extra: int = 0) -> None:
        gone = {ids[place] for place in places}
        assert len(store) == len(ids) - len(gone) + extra
        for place, id in enumerate(ids):
            if id in gone:
                with pytest.raises(UnknownIdError):
                    store.get(id)
            else:
                assert self.signature(store.get(id)) == self.signature(self.make_item(place))
        every = store.recall_many([self.cue_for(self.make_item(place)) for place in range(len(ids))], k=len(ids) + 5)
        for place, hits in enumerate(every):
            assert not gone & {hit.id for hit in hits}, f"a deleted record was recalled by the cue of item {place}"
            if ids[place] not in gone:
                assert hits[0].id == ids[place]
        assert_healthy(store)
