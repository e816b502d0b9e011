"""A busy process: writes, and takes back, copies and forgets what it wrote, noting each act before and after."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hippo_core.errors import UnknownIdError
from hippo_core.protocols import SupportsBlobs, SupportsSnapshot, SupportsUndo
from hippo_core.testing.hooks import ContractHooks, Store
from hippo_core.testing.ledger import Key, Value

BLOB = ("kit", "model")
"""Kind and model of every blob that a writer keeps."""
_WEIGHTS = {"delete": 4, "undo": 6, "blob": 4, "snapshot": 2, "evict": 1}
_COPIES = 3  # a process takes at most, since each is looked at afterwards


def blob_of(text: str) -> bytes:
    """Return the blob that notes call `text`, which has no space; sometimes large, so that it takes many pages."""
    return text.encode("utf-8") + b" " * (1 + len(text) % 3 * 4000)


class Notebook(Protocol):
    """Where a process notes what it does."""

    def add(self, **note: Any) -> None:
        """Have one note on disk."""
        ...


class Writer:
    """One process's turns at a store.

    Args:
        contract: makes items.
        notes: the process's own.
        store: open; other processes may write to it too.
        first: number of the first item, and the seed.
        doing: what to do besides writing batches: "single", "delete", "undo", "blob", "snapshot", "evict", "recall".
            What the store does not claim is left out. "undo" wants to be the only process, since an undo takes back the
            latest operation of any.
        copies: where snapshots go, with a suffix each.
    """

    def __init__(
        self,
        contract: type[ContractHooks],
        notes: Notebook,
        store: Store,
        *,
        first: int,
        doing: list[str],
        copies: str,
    ) -> None:
        self._contract = contract
        self._notes = notes
        self._store = store
        self._number = first
        self._doing = doing
        self._copies = [f"{copies}.copy{number}" for number in range(_COPIES)]
        self._rng = random.Random(first)
        self._held: dict[Key, Value] = {}
        """What this process knows of."""
        self._past: list[dict[Key, Value]] = []
        """What undo would set, for each operation of this process since its last eviction."""
        can: dict[str, tuple[bool, Callable[[], None]]] = {
            "delete": (True, self.delete),
            "undo": (isinstance(store, SupportsUndo), self.undo),
            "blob": (isinstance(store, SupportsBlobs), self.blob),
            "snapshot": (isinstance(store, SupportsSnapshot), self.snapshot),
            "evict": (contract.evicts(), self.evict),
        }
        self._acts = {name: act for name, (claimed, act) in can.items() if claimed and name in doing}

    def turn(self) -> None:
        """Do one thing: a write more often than not, and always at first."""
        if len(self._live()) > 4 and self._acts and self._rng.random() < 0.5:
            names = list(self._acts)
            (name,) = self._rng.choices(names, [_WEIGHTS[name] for name in names])
            self._acts[name]()
        else:
            self.write()

    def write(self) -> None:
        """A batch of 1 to 8, or a single item."""
        single = "single" in self._doing and self._rng.random() < 0.5
        numbers = list(range(self._number, self._number + (1 if single else self._rng.randint(1, 8))))
        self._number += len(numbers)
        items = [self._contract.make_item(number) for number in numbers]
        self._notes.add(doing="write", numbers=numbers)
        receipts = self._store.write_many(items)
        ids = [receipt.id for receipt in receipts if receipt.id is not None]
        sets: dict[Key, Value] = {("record", id): number for id, number in zip(ids, numbers, strict=True)}
        self._notes.add(did="write", sets=_listed(sets))
        self._did(sets)
        if "recall" in self._doing:
            found = self._store.recall_many([self._contract.cue_for(item) for item in items], k=1)
            assert [hits[0].id if hits else None for hits in found] == ids, "what was just written is not recalled"

    def delete(self) -> None:
        """One to three of its own records."""
        ids = self._rng.sample(self._live(), k=self._rng.randint(1, 3))
        sets: dict[Key, Value] = {("record", id): None for id in ids}
        sets |= {("blob", id): None for id in ids if self._held.get(("blob", id)) is not None}
        self._notes.add(doing="delete", sets=_listed(sets))
        count = self._store.delete(ids)
        self._notes.add(did="delete")
        assert count == len(ids) or "evict" in self._acts, f"{count} records of {ids} were there to delete"
        self._did(sets)

    def undo(self) -> None:
        """Its own latest operations, never one from before it began."""
        if not self._past:
            return
        count = min(self._rng.randint(1, 3), len(self._past))
        sets: dict[Key, Value] = {}
        for _ in range(count):
            sets |= self._past.pop()
        self._notes.add(doing="undo", sets=_listed(sets))
        undone = self._undoable().undo(count)
        self._notes.add(did="undo")
        assert undone == count, f"{count} operations were there to undo, not {undone}"
        self._held |= sets

    def blob(self) -> None:
        """A new one beside one of its records, or in place of an earlier one."""
        id = self._rng.choice(self._live())
        text = f"{id}-{self._rng.randrange(10**6)}"
        self._notes.add(doing="blob", sets=[["blob", id, text]])
        assert isinstance(self._store, SupportsBlobs)
        try:
            self._store.put_blob(id, *BLOB, blob_of(text))
        except UnknownIdError:
            if "evict" not in self._acts:
                raise
            self._notes.add(did="blob", refused=True)  # another process has evicted the record
            self._held[("record", id)] = None
        else:
            self._notes.add(did="blob")
            self._held["blob", id] = text  # no operation, so nothing for an undo to take back

    def snapshot(self) -> None:
        """A copy of the whole store, at a path of its own."""
        if self._copies:
            path = self._copies.pop()
            self._notes.add(doing="snapshot", path=path)
            assert isinstance(self._store, SupportsSnapshot)
            self._store.snapshot(Path(path))
            self._notes.add(did="snapshot")

    def evict(self) -> None:
        """Whatever the store lets go, of any process."""
        self._notes.add(doing="evict")
        ids = self._contract.evict(self._store)
        sets: dict[Key, Value] = {(what, id): None for id in ids or [] for what in ("record", "blob")}
        self._notes.add(did="evict", sets=_listed(sets), refused=ids is None)
        self._held |= {key: value for key, value in sets.items() if key in self._held}
        if sets:
            self._past.clear()  # whether an eviction can be undone is the store's affair

    def _undoable(self) -> SupportsUndo:
        assert isinstance(self._store, SupportsUndo)
        return self._store

    def _did(self, sets: dict[Key, Value]) -> None:
        self._past.append({key: self._held.get(key) for key in sets if key[0] == "record"})
        self._held |= sets

    def _live(self) -> list[int]:
        return [id for (what, id), value in self._held.items() if what == "record" and value is not None]


def _listed(sets: dict[Key, Value]) -> list[list[Any]]:
    return [[what, id, value] for (what, id), value in sets.items()]
