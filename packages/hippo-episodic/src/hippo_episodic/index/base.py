"""What an index must do, and the register of those there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from hippo_episodic.errors import UnknownIndexError
from hippo_episodic.vectors import Ids, Scores, Vectors, VectorTable


class VectorIndex(Protocol):
    """A cache that finds near vectors faster than looking at all of them.

    The store's `VectorTable` holds the vectors. An index is told of every row that was just added to it or is about
    to be removed from it, and may leave the work of taking them in for `absorb`, as long as `search` already answers
    with them.
    """

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Learn that the table has new rows, whose ids are not in the index. Must be quick."""
        ...

    def remove(self, ids: Ids) -> None:
        """Forget rows; ids it does not hold are passed over. Must be quick."""
        ...

    def absorb(self) -> bool:
        """Do a part of the outstanding work, at most some 100 ms; return whether more is left.

        Called by a thread of its own while others search.
        """
        ...

    def search(self, queries: Vectors, k: int, *, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return ids and inner products of shape (queries, k), as `VectorTable.search` does."""
        ...

    def similarities(self, query: Vectors, ids: Ids) -> Scores:
        """Return what `search` would score live rows for one query, shape (dim,); shape (len(ids),)."""
        ...

    @property
    def n_absorbed(self) -> int:
        """How many of the table's rows it has taken in, from the first on."""
        ...

    @property
    def backlog(self) -> int:
        """How many rows `absorb` could take in now."""
        ...

    @property
    def is_outgrown(self) -> bool:
        """Whether a new index of the same rows would be clearly better; the store then makes one and swaps."""
        ...

    def dump(self) -> Mapping[str, NDArray[Any]]:
        """Return what a cache file must hold to load the index again; nothing if it has no state of its own."""
        ...

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Take up what `dump` returned for a table with the same rows; False if that is not possible."""
        ...


_FACTORIES: dict[str, Callable[[VectorTable], VectorIndex]] = {}


def register_index(name: str, factory: Callable[[VectorTable], VectorIndex]) -> None:
    """Make an index available under `name`.

    Args:
        name: what `EpisodicStore(index=…)` takes.
        factory: given the store's table of vectors, returns an index of the rows it has.
    """
    _FACTORIES[name] = factory


def index_names() -> tuple[str, ...]:
    """Return the names that `make_index` knows, sorted."""
    return tuple(sorted(_FACTORIES))


def check_index_name(name: str) -> str:
    """Return `name` if it is registered.

    Raises:
        UnknownIndexError: it is not.
    """
    if name not in _FACTORIES:
        raise UnknownIndexError(f"No index {name!r}; there are: auto, {', '.join(index_names())}.")
    return name


def make_index(name: str, table: VectorTable) -> VectorIndex:
    """Return a new index of the rows that `table` has.

    Raises:
        UnknownIndexError: `name` is not registered.
    """
    return _FACTORIES[check_index_name(name)](table)
