"""What a peer must do to be measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

HNSW_NEIGHBOURS = 32
HNSW_BUILD_BREADTH = 120
HNSW_SEARCH_BREADTH = 128
"""The parameters of every HNSW graph here, Hippo's own: hippo_episodic/index/hnsw.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows on their way in, in the order of their numbers."""

    numbers: Sequence[int]
    """The harness's row numbers; `recall` must return them."""
    texts: Sequence[str]
    vectors: NDArray[np.float32]
    """Unit rows, shape (len(numbers), dim)."""
    sessions: Sequence[str]


class Peer(ABC):
    """A memory, or an index that stands for the limit. Making one imports its library, and nothing else does."""

    packages: ClassVar[tuple[str, ...]]
    """Whose versions belong to the result."""
    durability: ClassVar[str]
    """What is certain when `write` returns, in a few words. Said from its system calls, not from its documentation."""
    needs_building: ClassVar[str] = ""
    """A requirement without wheels, which `run.py` builds apart, so that a missing compiler breaks only this peer."""
    most_rows: ClassVar[int | None] = None
    """Larger sizes are not run; None for no limit."""
    why_most_rows: ClassVar[str] = ""

    @abstractmethod
    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Open what is in `folder`, or make it anew if that is empty."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Take in rows, as one unit of work; return when they are as safe as this peer makes them."""

    def write_aside(self, batch: Batch) -> None:  # noqa: B027 - most peers have nothing to do here
        """Keep what a bare index needs to answer with texts; not timed. Peers that keep their own rows do nothing."""

    def settle(self) -> None:  # noqa: B027 - most peers have nothing to do here
        """Finish what `write` left for later, so that the index holds every row; timed."""

    @abstractmethod
    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """Return the number and text of the `k` rows nearest by cosine, best first, of one session if one is given."""

    @abstractmethod
    def close(self) -> None:
        """Leave in the folder all that the next opening needs."""
