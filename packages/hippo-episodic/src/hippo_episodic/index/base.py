"""What an index must do, and the register of those there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.errors import UnknownIndexError
from hippo_episodic.vectors import Ids, Scores, VectorTable


class VectorIndex(Protocol):
    """A cache that finds near vectors faster than looking at all of them.

    The store's `VectorTable` holds the vectors; an index is told of every row that was added to it or is about to be
    removed from it.
    """

    def add(self, ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Take in rows whose ids are not in the index."""
        ...

    def remove(self, ids: Ids) -> None:
        """Forget rows; ids it does not hold are passed over."""
        ...

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return ids and inner products of shape (queries, k), as `VectorTable.search` does."""
        ...

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return what a cache file must hold to load the index again; nothing if it has no state of its own."""
        ...

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Take up what `dump` returned; False if that is not possible, and the index is then still empty."""
        ...


_FACTORIES: dict[str, Callable[[VectorTable], VectorIndex]] = {}


def register_index(name: str, factory: Callable[[VectorTable], VectorIndex]) -> None:
    """Make an index available under `name`.

    Args:
        name: what `EpisodicStore(index=…)` takes.
        factory: given the store's table of vectors, returns an empty index.
    """
    _FACTORIES[name] = factory


def index_names() -> tuple[str, ...]:
    """Return the names that `make_index` knows, sorted."""
    return tuple(sorted(_FACTORIES))


def make_index(name: str, table: VectorTable) -> VectorIndex:
    """Return a new, empty index.

    Raises:
        UnknownIndexError: `name` is not registered.
    """
    if name not in _FACTORIES:
        raise UnknownIndexError(f"No index {name!r}; there are: {', '.join(index_names())}.")
    return _FACTORIES[name](table)
