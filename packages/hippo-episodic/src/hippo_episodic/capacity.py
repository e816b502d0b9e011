"""Is the store above its capacity, and by how much?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from hippo_core import Database
from numpy.typing import NDArray

from hippo_episodic.inventory import Inventory, sizes
from hippo_episodic.vectors import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """What has to go from a store that is above a limit. All of it is unpinned."""

    limits: tuple[str, ...]
    """The limits that are exceeded, for people."""
    episodes: int
    """This many episodes, at least."""
    bytes: int
    """This many bytes, at least."""

    @classmethod
    def of(
        cls,
        stock: Inventory,
        gone: NDArray[np.bool_],
        *,
        max_episodes: int | None,
        max_bytes: int | None,
        keep_share: float,
    ) -> Self:
        """Return what has to go besides `gone`.

        The slack of `keep_share` is taken from the room that pins leave: taken from the whole limit, pins that nearly
        fill it would cost everything else.
        """
        limits: list[str] = []
        amounts = {"episodes": 0, "bytes": 0}
        for unit, limit, weights in (
            ("episodes", max_episodes, np.ones(len(stock), dtype=np.int64)),
            ("bytes", max_bytes, stock.bytes),
        ):
            held = int(weights[~gone].sum())
            if limit is not None and held > limit:
                pinned = int(weights[stock.pinned].sum())
                limits.append(f"max_{unit} = {limit:,}")
                amounts[unit] = held - pinned - math.ceil(keep_share * max(0, limit - pinned))
        return cls(limits=tuple(limits), **amounts)

    def met(self, episodes: int, bytes: int) -> bool:
        """Return whether it is enough that so many go."""
        return episodes >= self.episodes and bytes >= self.bytes

    def covered_by(self, weights: NDArray[np.int64]) -> int:
        """Return how many have to go, in this order; all of them where even that is not enough.

        Args:
            weights: bytes of the candidates, in the order in which they go.
        """
        if self.met(0, 0):
            return 0
        by_bytes = int(np.searchsorted(np.cumsum(weights), self.bytes)) + 1 if self.bytes > 0 else 0
        return min(len(weights), max(self.episodes, by_bytes))


class StockMeter:
    """How many episodes and bytes the store holds, without counting them again after each write.

    It counts once, and then follows the journal, other processes' changes and undone ones included. A new generation
    (after a restore) makes it count again.

    Args:
        database: the truth.
        with_bytes: measure bytes too, which costs a pass over the file at first, and 8 bytes of memory for each id
            ever given out; otherwise they are reported as 0.
    """

    def __init__(self, database: Database, *, with_bytes: bool) -> None:
        self._database = database
        self._with_bytes = with_bytes
        self._generation: str | None = None
        self._sequence = -1
        self._episodes = 0
        self._sizes = np.zeros(0, dtype=np.int64)  # by id; 0 where there is no episode
        self._bytes = 0

    def read(self) -> tuple[int, int]:
        """Return the number of live episodes, and their bytes as in `Inventory`; call inside `Database.reading`."""
        generation, sequence = self._database.generation, self._database.sequence
        if generation != self._generation:
            self._episodes = int(self._database.query("SELECT count(*) FROM episodes")[0][0])
            self._sizes, self._bytes = np.zeros(0, dtype=np.int64), 0
            if self._with_bytes:
                self._measure(None)
        elif sequence != self._sequence:
            self._episodes += self._grown_since(self._sequence)
            if self._with_bytes:
                rows = self._database.query(
                    "SELECT DISTINCT record FROM changes "
                    "WHERE sequence > ? AND in_table IN ('episodes', 'occurrences')",
                    (self._sequence,),
                )
                self._measure(np.array([row[0] for row in rows], dtype=np.int64))
        self._generation, self._sequence = generation, sequence
        return self._episodes, self._bytes

    def _grown_since(self, sequence: int) -> int:
        row = self._database.query(
            "SELECT coalesce(sum(CASE action WHEN 'insert' THEN 1 WHEN 'delete' THEN -1 ELSE 0 END), 0) "
            "FROM changes WHERE sequence > ? AND in_table = 'episodes'",
            (sequence,),
        )
        return int(row[0][0])

    def _measure(self, touched: Ids | None) -> None:
        ids, held = sizes(self._database, touched)
        known = ids if touched is None else touched
        end = int(known.max(initial=0)) + 1
        if end > len(self._sizes):
            longer = np.zeros(max(end, 2 * len(self._sizes)), dtype=np.int64)
            longer[: len(self._sizes)] = self._sizes
            self._sizes = longer
        before = int(self._sizes[known].sum())
        self._sizes[known] = 0
        self._sizes[ids] = held
        self._bytes += int(self._sizes[known].sum()) - before
