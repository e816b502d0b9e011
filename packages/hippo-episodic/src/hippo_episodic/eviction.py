"""Which episodes a full store lets go, and why (source: the HEI-NW seed, "eviction/decay").

An episode's strength has two parts that are kept apart. The salience part is what the gate found when it was written,
and fades with the time since it was last said. The access part grows with the logarithm of how often it was recalled,
and fades with the time since it last was; the logarithm is that of ACT-R's base-level activation (Anderson and
Schooler 1991, doi:10.1111/j.1467-9280.1991.tb00174.x). Recalling an episode never changes its salience.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from hippo_core import Database, InvalidInputError
from hippo_core.checks import checked_count, checked_number, checked_probability, checked_time
from numpy.typing import NDArray

from hippo_episodic.access import Access
from hippo_episodic.capacity import Excess
from hippo_episodic.inventory import Inventory, take_inventory
from hippo_episodic.redundancy import Redundancy, weakest_or_repeated
from hippo_episodic.standing import Standing
from hippo_episodic.vectors import VectorTable

_SMALLEST_POOL = 256  # candidates compared for near-duplicates beyond twice the number that must go


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """One episode that goes."""

    id: int
    reason: str
    """Why, in a sentence."""
    salience_strength: float
    """(1 + S) · 2^(−days since last said / half-life); at least 0."""
    access_strength: float
    """access_weight · log2(1 + recalls) · 2^(−days since last recalled / half-life); 0 if it was never recalled."""
    bytes: int
    """What is stored for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionPlan:
    """What a policy would evict, in this order, or did."""

    evictions: tuple[Eviction, ...]
    episodes_before: int
    bytes_before: int
    """Text, slots, salience, vector, sketch and provenances of all episodes; not indexes, caches and the journal."""
    pinned: int
    """Episodes that could not be evicted."""
    reason: str
    """Why it goes so far and no further."""

    @property
    def ids(self) -> list[int]:
        """The episodes that go."""
        return [eviction.id for eviction in self.evictions]

    @property
    def episodes_after(self) -> int:
        """Episodes that stay."""
        return self.episodes_before - len(self.evictions)

    @property
    def bytes_after(self) -> int:
        """Bytes of the episodes that stay."""
        return self.bytes_before - sum(eviction.bytes for eviction in self.evictions)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionPolicy:
    """Keeps a store within its limits: what is weak, stale or repeated goes first, and a pin never goes.

    An episode's worth is 1 + S, where S is the gate's score (below 0 counts as 0; a store without a gate has S = 0).
    Past its time to live an episode goes. Above a capacity the weakest go, by salience strength plus access strength
    (see `Eviction`), less what near-duplicates take off; ties by the time last said or recalled, the older first.
    Moments in the future, which a clock that was set back leaves behind, count as now.

    A limit that is None is off. Capacity comes before time to live: a full store lets go of what is weakest,
    whatever its age, and that can be what was just written.

    Raises:
        InvalidInputError: no limit at all, or a value outside its range.

    Example:
        >>> EvictionPolicy(max_episodes=10_000, ttl_days=90).life_days(score=0.5)
        135.0
    """

    max_episodes: int | None = None
    """Above this many episodes the weakest go."""
    max_bytes: int | None = None
    """The same for what is stored for them (`EvictionPlan.bytes_before`). The file is larger, and does not shrink."""
    ttl_days: float | None = None
    """Days that an episode with S = 0 lives after it was last said or recalled; one with score S lives 1 + S times
    as long."""
    half_life_days: float | None = 180.0
    """Days after which a strength has halved; None never fades. A half-life much shorter than the time over which you
    ask makes the store keep little but what is new (benchmarks/eviction.py)."""
    access_weight: float = 1.0
    """What the first recall is worth, in units of an episode with S = 0; 0 ignores recalls in the strength."""
    diversity: float = 0.5
    """What an episode loses of its strength, in [0, 1], when another with the same vector stays; 0 ignores
    near-duplicates."""
    near_duplicate: float = 0.8
    """Cosine, in [0, 1), above which two episodes begin to be near-duplicates; depends on the encoder."""
    keep_share: float = 0.95
    """How much of the room that pins leave is filled after an eviction, in (0, 1], so that not every write evicts."""

    def __post_init__(self) -> None:
        if self.max_episodes is None and self.max_bytes is None and self.ttl_days is None:
            raise InvalidInputError(
                "an EvictionPolicy without a limit would never evict; give `max_episodes`, `max_bytes` or `ttl_days`."
            )
        for name in ("max_episodes", "max_bytes"):
            if getattr(self, name) is not None:
                checked_count(getattr(self, name), name=f"eviction.{name}")
        for name in ("ttl_days", "half_life_days"):
            if getattr(self, name) is not None and checked_number(getattr(self, name), name=f"eviction.{name}") <= 0:
                raise InvalidInputError(f"`eviction.{name}` must be above 0, not {getattr(self, name)!r}; None is off.")
        if checked_number(self.access_weight, name="eviction.access_weight") < 0:
            raise InvalidInputError(f"`eviction.access_weight` must be at least 0, not {self.access_weight!r}.")
        checked_probability(self.diversity, name="eviction.diversity")
        if checked_probability(self.near_duplicate, name="eviction.near_duplicate") == 1:
            raise InvalidInputError("`eviction.near_duplicate` must be below 1; `diversity=0` ignores near-duplicates.")
        if checked_probability(self.keep_share, name="eviction.keep_share") == 0:
            raise InvalidInputError("`eviction.keep_share` must be above 0: it is the share of the room kept filled.")

    def life_days(self, score: float) -> float:
        """Return how long an episode lives after it was last said or recalled; infinite without `ttl_days`.

        Args:
            score: the gate's S.
        """
        return math.inf if self.ttl_days is None else self.ttl_days * (1.0 + max(0.0, score))

    def exceeded(self, episodes: int, bytes: int) -> bool:
        """Return whether a store of this many episodes and bytes is above a capacity."""
        return (self.max_episodes is not None and episodes > self.max_episodes) or (
            self.max_bytes is not None and bytes > self.max_bytes
        )

    def plan(
        self,
        database: Database,
        vectors: VectorTable,
        now: datetime,
        *,
        pending: Mapping[int, Access] | None = None,
        capacity_only: bool = False,
    ) -> EvictionPlan:
        """Return what would go now; changes nothing.

        Cost: one pass over the database, a sort, and with `diversity` a pass over the vectors; never all pairs. Only
        the weakest are compared for near-duplicates: twice as many as have to go, and 256 more.

        Args:
            database: an episodic store's, inside `reading` or a transaction.
            vectors: caught up with the database.
            now: the present; aware.
            pending: recalls that are not in the database yet (`AccessLog.pending`).
            capacity_only: leave time to live alone.

        Raises:
            InvalidInputError: `now` has no time zone.
        """
        moment = checked_time(now, name="now").timestamp()
        stock = take_inventory(database, pending or {})
        standing = Standing.of(stock, moment, half_life_days=self.half_life_days, access_weight=self.access_weight)
        expired = np.zeros(len(stock), dtype=bool)
        if self.ttl_days is not None and not capacity_only:
            with np.errstate(over="ignore"):  # a life beyond any float is endless
                expired = ~stock.pinned & (standing.idle_days > self.ttl_days * standing.worth)
        evictions = [
            _eviction(stock, standing, row, f"past its {self.life_days(float(stock.scores[row])):.1f} days of life")
            for row in standing.weakest_first(stock, expired).tolist()
        ]
        excess = Excess.of(
            stock,
            expired,
            max_episodes=self.max_episodes,
            max_bytes=self.max_bytes,
            keep_share=self.keep_share,
        )
        evictions += self._over_capacity(stock, standing, expired, excess, vectors)
        return EvictionPlan(
            evictions=tuple(evictions),
            episodes_before=len(stock),
            bytes_before=int(stock.bytes.sum()),
            pinned=int(stock.pinned.sum()),
            reason=self._summary(stock, int(expired.sum()), excess, len(evictions)),
        )

    def _over_capacity(
        self,
        stock: Inventory,
        standing: Standing,
        expired: NDArray[np.bool_],
        excess: Excess,
        vectors: VectorTable,
    ) -> list[Eviction]:
        order = standing.weakest_first(stock, ~expired & ~stock.pinned)
        enough = excess.covered_by(stock.bytes[order])
        if not enough:
            return []
        above = f"among the weakest above {' and '.join(excess.limits)}"
        if not self.diversity:
            return [_eviction(stock, standing, row, above) for row in order[:enough].tolist()]
        pool = order[: 2 * enough + _SMALLEST_POOL]
        ids, staying = stock.ids[pool], stock.ids[~expired]
        redundancy = Redundancy(staying, np.searchsorted(staying, ids), vectors, near=self.near_duplicate)
        chosen = weakest_or_repeated(ids, standing.total[pool], stock.bytes[pool], excess, redundancy, self.diversity)
        gone = set(ids[chosen].tolist())
        evictions: list[Eviction] = []
        for candidate in chosen:
            twin = redundancy.nearest_staying(candidate, gone)
            why = "" if twin is None else f"; near-duplicate (cosine {twin[1]:.2f}) of episode {twin[0]}, which stays"
            evictions.append(_eviction(stock, standing, int(pool[candidate]), above + why))
        return evictions

    def _summary(self, stock: Inventory, expired: int, excess: Excess, evicted: int) -> str:
        left, pinned = len(stock) - evicted, int(stock.pinned.sum())
        parts = [f"{expired:,} past their time to live"] if expired else []
        if not excess.limits:
            parts.append("no capacity is exceeded")
        elif left == pinned and self.exceeded(left, int(stock.bytes[stock.pinned].sum())):
            parts.append(
                f"all that are not pinned go, and the {pinned:,} pinned alone exceed {' and '.join(excess.limits)}"
            )
        else:
            parts.append(
                f"{evicted - expired:,} above {' and '.join(excess.limits)}, which leaves {self.keep_share:.0%} of "
                "the room filled"
            )
        return f"{'; '.join(parts)}; {left:,} of {len(stock):,} episodes stay."


def _eviction(stock: Inventory, standing: Standing, row: int, why: str) -> Eviction:
    return Eviction(
        id=int(stock.ids[row]),
        reason=f"{why}: {standing.history(stock, row)}",
        salience_strength=float(standing.salience[row]),
        access_strength=float(standing.access[row]),
        bytes=int(stock.bytes[row]),
    )
