"""What a store's author tells the kit, and the few methods that all promises share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from hippo_core.protocols import Cue, MemoryStore, SupportsVerify
from hippo_core.provenance import Clock

Store = MemoryStore[Any]
P = TypeVar("P")


def needs(store: object, ability: type[P]) -> P:
    """Return `store` if it claims `ability`; skip the test with a reason if it does not."""
    if not isinstance(store, ability):
        pytest.skip(f"{type(store).__name__} does not claim {ability.__name__}")
    return store


class ContractHooks(ABC):
    """The hooks of the kit. Three have to be written, the others have a default.

    All are static methods: the kit also calls them from child processes, which load the test file by its path. So
    the contract class must stand at the top level of its module, and importing that module must have no side
    effects.
    """

    durable: ClassVar[bool] = True
    """Whether what was written outlives the store object. If not, promises about files and processes are skipped."""

    @staticmethod
    @abstractmethod
    def open_store(path: Path) -> MemoryStore[Any]:
        """Open the store at `path`, or make it there. Called many times for the same path, and in other processes."""

    @staticmethod
    @abstractmethod
    def make_item(number: int, *, source: str = "kit", doc_id: str | None = None) -> Any:
        """Return item `number`: always an equal one for the same arguments, in every process; distinct for others.

        Args:
            number: any whole number from 0; the kit uses some above a thousand million.
            source: its provenance's source.
            doc_id: its provenance's document.
        """

    @staticmethod
    @abstractmethod
    def cue_for(item: Any) -> Cue:
        """Return a cue by which `item` is recalled first, before every other item of the kit."""

    @staticmethod
    def signature(item: Any) -> Any:
        """Return what must survive a round trip through the store: the whole item unless you say otherwise."""
        return item

    @staticmethod
    def bad_items() -> list[Any]:
        """Return things that `write_many` must refuse with `InvalidInputError`."""
        return [None, 3.5, object()]

    @staticmethod
    def cue_width(store: Any) -> int | None:
        """Return the width of the vectors that `store` takes as cues; None if it takes none."""
        return None

    @staticmethod
    def cache_files(path: Path) -> list[Path]:
        """Return the files beside the store at `path` that may be damaged or removed without any loss.

        At least one must exist after a hundred writes and `close`, or the promises about them would prove nothing.
        """
        return []

    @staticmethod
    def evict(store: Any) -> list[int] | None:
        """Let some records of `store` go by its own policy and return their ids, once that is on disk.

        Called now and then while other processes write, so it should let a few go and not all; an empty list is
        allowed. None says that the store does not evict.
        """
        return None

    @staticmethod
    def open_store_at(path: Path, clock: Clock) -> MemoryStore[Any] | None:
        """Open the store at `path` with `clock` as its present; None says that the store takes no clock."""
        return None

    @classmethod
    def evicts(cls) -> bool:
        """Return whether there is a hook that evicts; not for authors."""
        return cls.evict is not ContractHooks.evict

    # ---- what the promises share; not for authors ----

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A path at which there is no store yet."""
        return tmp_path / "kit.db"

    @pytest.fixture
    def store(self, path: Path) -> Iterator[Store]:
        """An empty open store at `path`."""
        with self.opened(path) as store:
            yield store

    @contextmanager
    def opened(self, path: Path) -> Generator[Store, None, None]:
        """Open the store at `path` for the block."""
        store = self.open_store(path)
        try:
            yield store
        finally:
            store.close()

    def needs_files(self) -> None:
        """Skip the test if the store keeps nothing."""
        if not self.durable:
            pytest.skip("the contract says `durable = False`: nothing outlives the store object")

    def items(self, count: int, *, first: int = 0, source: str = "kit", doc_id: str | None = None) -> list[Any]:
        """Return `count` items from number `first` on."""
        return [self.make_item(number, source=source, doc_id=doc_id) for number in range(first, first + count)]

    def write(self, store: Store, items: Sequence[Any]) -> list[int]:
        """Write new items and return their ids."""
        receipts = store.write_many(items)
        ids = [receipt.id for receipt in receipts if receipt.id is not None]
        assert len(ids) == len(items), f"every new item of the kit must be stored; the receipts are {receipts}"
        return ids

    def first_hits(self, store: Store, items: Sequence[Any]) -> list[int | None]:
        """Return the id of the best hit for each item's own cue, None where there is no hit."""
        found = store.recall_many([self.cue_for(item) for item in items], k=1)
        return [hits[0].id if hits else None for hits in found]

    def answers(self, store: Store, items: Sequence[Any], k: int = 5) -> list[list[tuple[int, float]]]:
        """Return ids and rounded scores of the hits for each item's cue: what must not change with a cache."""
        found = store.recall_many([self.cue_for(item) for item in items], k=k)
        return [[(hit.id, round(hit.score, 4)) for hit in hits] for hits in found]

    def assert_holds(self, store: Store, expected: dict[int, Any]) -> None:
        """Check that `store` holds exactly `expected` (id to item), readable and recallable."""
        assert len(store) == len(expected)
        for id, item in expected.items():
            assert self.signature(store.get(id)) == self.signature(item)
        assert self.first_hits(store, list(expected.values())) == list(expected)
        assert_healthy(store)


def assert_healthy(store: object) -> None:
    """Check that a store which can verify itself finds nothing wrong."""
    if isinstance(store, SupportsVerify):
        assert store.verify() == []
