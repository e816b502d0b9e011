"""Undo and history: every call is one operation that can be taken back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hippo_core.errors import InvalidInputError, UnknownIdError
from hippo_core.protocols import SupportsProvenance, SupportsUndo
from hippo_core.testing.hooks import ContractHooks, Store, needs


class UndoingPromises(ContractHooks):
    """What `undo` and `history` promise."""

    def test_undoing_a_write_takes_its_whole_batch_back(self, store: Store) -> None:
        """One `write_many` is one operation; ids of an undone write are not used again."""
        undoable = needs(store, SupportsUndo)
        kept = dict(zip(self.write(store, self.items(3)), self.items(3), strict=True))
        undone = self.write(store, self.items(5, first=10))
        assert undoable.undo() == 1
        for id in undone:
            with pytest.raises(UnknownIdError):
                store.get(id)
        self.assert_holds(store, kept)
        items = self.items(2, first=20)
        fresh = self.write(store, items)
        assert not {*undone, *kept} & set(fresh)
        self.assert_holds(store, kept | dict(zip(fresh, items, strict=True)))

    def test_undoing_a_delete_brings_the_same_records_back(self, store: Store) -> None:
        """Same ids, same content, recalled as before."""
        undoable = needs(store, SupportsUndo)
        items = self.items(8)
        ids = self.write(store, items)
        before = self.answers(store, items)
        store.delete(ids[2:6])
        assert undoable.undo() == 1
        self.assert_holds(store, dict(zip(ids, items, strict=True)))
        assert self.answers(store, items) == before

    def test_undo_goes_from_the_newest_back(self, store: Store) -> None:
        """Several at once, or one after the other; an undo is not an operation that a second undo takes back."""
        undoable = needs(store, SupportsUndo)
        items = self.items(9)
        ids: list[int] = []
        for first in (0, 3, 6):
            ids += self.write(store, items[first : first + 3])
        store.delete(ids[0])
        assert undoable.undo(2) == 2  # the delete and the last write
        self.assert_holds(store, dict(zip(ids[:6], items[:6], strict=True)))
        assert undoable.undo() == 1
        self.assert_holds(store, dict(zip(ids[:3], items[:3], strict=True)))

    def test_undoing_more_than_there_is(self, store: Store) -> None:
        """The count returned is of the operations that there were."""
        undoable = needs(store, SupportsUndo)
        assert undoable.undo() == 0
        self.write(store, self.items(2))
        self.write(store, self.items(2, first=2))
        assert undoable.undo(10) == 2
        assert len(store) == 0
        assert undoable.undo() == 0

    @pytest.mark.parametrize("count", [0, -1, 1.5, "1"])
    def test_undo_wants_a_count(self, store: Store, count: Any) -> None:
        """Less than one, or no whole number, is `InvalidInputError`."""
        undoable = needs(store, SupportsUndo)
        self.write(store, self.items(1))
        with pytest.raises(InvalidInputError):
            undoable.undo(count)
        assert len(store) == 1

    def test_what_changed_nothing_is_no_operation(self, store: Store) -> None:
        """A delete of nothing, an empty batch and a refused batch leave nothing to undo."""
        undoable = needs(store, SupportsUndo)
        (id,) = self.write(store, self.items(1))
        store.delete(id + 1000)
        store.write_many([])
        with pytest.raises(InvalidInputError):
            store.write_many([self.make_item(5), self.bad_items()[0]])
        assert undoable.undo() == 1
        assert len(store) == 0

    def test_forgetting_a_source_can_be_undone(self, store: Store) -> None:
        """`delete_by_provenance` is one operation."""
        undoable, forgetful = needs(store, SupportsUndo), needs(store, SupportsProvenance)
        items = self.items(4, source="liar")
        ids = self.write(store, items)
        forgetful.delete_by_provenance(source="liar")
        assert undoable.undo() == 1
        self.assert_holds(store, dict(zip(ids, items, strict=True)))
        assert forgetful.delete_by_provenance(source="liar") == 4

    def test_the_history_is_newest_first(self, store: Store) -> None:
        """Each change names its record and its operation; what was undone says so; `limit` and `id` select."""
        undoable = needs(store, SupportsUndo)
        ids = self.write(store, self.items(3))
        store.delete(ids[1])
        changes = undoable.history(limit=1000)
        assert all(newer.sequence > older.sequence for newer, older in pairwise(changes))
        assert all(newer.time >= older.time for newer, older in pairwise(changes))
        assert all(change.time.tzinfo is not None and not change.undone for change in changes)
        assert {change.id for change in changes} == set(ids)
        written = {change.operation for change in undoable.history(ids[0]) + undoable.history(ids[2])}
        assert len(written) == 1, "a batch is one operation"
        assert undoable.history(limit=1) == changes[:1]
        mine = undoable.history(ids[1])
        assert mine
        assert {change.id for change in mine} == {ids[1]}
        assert mine[0].action == "delete"
        assert mine[-1].action == "insert"
        undoable.undo()
        undone = [change for change in undoable.history(ids[1]) if change.undone]
        assert {change.operation for change in undone} == {mine[0].operation}

    def test_undo_and_history_survive_reopening(self, path: Path) -> None:
        """What was done before can be taken back after."""
        self.needs_files()
        items = self.items(6)
        with self.opened(path) as store:
            needs(store, SupportsUndo)
            ids = self.write(store, items)
            store.delete(ids[:2])
            before = needs(store, SupportsUndo).history()
        with self.opened(path) as store:
            undoable = needs(store, SupportsUndo)
            assert undoable.history() == before
            assert undoable.undo() == 1
        with self.opened(path) as store:
            self.assert_holds(store, dict(zip(ids, items, strict=True)))
            assert needs(store, SupportsUndo).undo(5) == 1
            assert len(store) == 0
