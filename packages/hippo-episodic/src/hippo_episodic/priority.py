"""How urgent each episode's replay is, frozen for an epoch so that a resumed one finds the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from hippo_core import Database, InvalidInputError
from hippo_core.checks import checked_count, checked_number, checked_probability
from numpy.typing import NDArray

from hippo_episodic.ledger import ReplayLedger
from hippo_episodic.vectors import Ids

Order = Literal["interleaved", "priority", "shuffled"]

_SECONDS_A_DAY = 86_400.0
_QUANTILES = 257  # ranks to within 0.2 %, exact for up to 257 different values
_BLOCK_ROWS = 8_192
_KEY_DECIMALS = 9  # far above the last bits, in which two machines may differ, far below what matters


VectorsOf = Callable[[Ids], NDArray[np.float32]]
"""Looks up the unit rows of live episodes, shape (len(ids), dim). Called inside `Database.reading`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayConfig:
    """How replay chooses and orders.

    The priority of an episode is the weighted mean of four parts, each in [0, 1]: salience, recency, novelty to the
    learner and diversity (source: the seeds' "mixture of S, recency, and diversity").

    Raises:
        InvalidInputError: a negative weight, four weights of 0, an unknown order, or a number out of its range.
    """

    salience: float = 1.0
    """Weight of the gate's S, as its rank among the store's, so that its unit does not matter."""
    recency: float = 1.0
    """Weight of 2^(−age / half-life); age counts from when the store's newest episode was said, not from the clock,
    so that content and seed alone decide."""
    novelty: float = 1.0
    """Weight of 1 / (1 + times replayed)."""
    diversity: float = 1.0
    """Weight of 1 − the rank of an episode's mean cosine to all others: what is unlike the rest comes earlier."""
    half_life_days: float = 7.0
    """Age at which recency is one half, above 0."""
    order: Order = "interleaved"
    """"interleaved": sampled by priority, similar episodes kept apart. "priority": highest first, whatever meets in a
    batch. "shuffled": all alike. In each of them, episodes that the weights know come last."""
    exponent: float = 1.0
    """Interleaved order: chance ∝ priority^exponent; 0 is uniform (source: Schaul et al. 2016, prioritized experience
    replay)."""
    max_similarity: float = 0.8
    """Interleaved order: highest cosine between two episodes of a batch, in [0, 1]; 1 is no limit."""
    window: int = 512
    """Interleaved order: how many deferred and how many further episodes may be passed over to fill a batch."""

    def __post_init__(self) -> None:
        weights = [getattr(self, name) for name in ("salience", "recency", "novelty", "diversity")]
        for name in ("salience", "recency", "novelty", "diversity", "exponent"):
            if checked_number(getattr(self, name), name=f"replay.{name}") < 0:
                raise InvalidInputError(f"`replay.{name}` must be at least 0, not {getattr(self, name)!r}.")
        if not any(weights):
            raise InvalidInputError('All four weights of `replay` are 0; for a plain shuffle use order="shuffled".')
        if checked_number(self.half_life_days, name="replay.half_life_days") <= 0:
            raise InvalidInputError(f"`replay.half_life_days` must be above 0, not {self.half_life_days!r}.")
        checked_probability(self.max_similarity, name="replay.max_similarity")
        checked_count(self.window, name="replay.window")
        if self.order not in get_args(Order):
            raise InvalidInputError(f"`replay.order` must be one of {', '.join(get_args(Order))}, not {self.order!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one epoch is over, as it was when the epoch began: limits, and what raw values are measured against.

    With these fixed, the place of an episode in the order depends on nothing but the episode, so deletions and new
    writes move no other one.
    """

    generation: str
    """The database's content token."""
    encoder: str | None
    """Name of the encoder that made the vectors."""
    last_episode: int
    last_occurrence: int
    last_replay: int
    """Highest ids that count."""
    newest: float
    """When the latest of the episodes was said, in seconds since 1970."""
    saliences: tuple[float, ...]
    similarities: tuple[float, ...]
    """Quantiles, ascending: what ranks are read from."""
    centroid: NDArray[np.float32]
    """Mean of the unit vectors, shape (dim,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The episodes of an epoch, in the order in which replay looks at them; arrays of shape (n,)."""

    ids: Ids
    scores: NDArray[np.float64]
    """The gate's S."""
    moments: NDArray[np.float64]
    """When each was last said, in seconds since 1970."""
    replays: NDArray[np.int64]
    known: NDArray[np.bool_]
    recency: NDArray[np.float64]
    diversity: NDArray[np.float64]
    priority: NDArray[np.float64]
    keys: NDArray[np.float64]
    """What the order is by, within known and unknown; descending."""
    draws: NDArray[np.float64]
    """What breaks ties; ascending."""


def begin_epoch(database: Database, vectors_of: VectorsOf) -> Epoch:
    """Return the limits and measures of an epoch over what the store holds now; call inside `reading`.

    Cost: one pass over the rows, two over the vectors.
    """
    ids, scores, moments, _ = _rows(database, last_episode=2**62, last_occurrence=2**62)
    total = sum((block.sum(axis=0) for block in _blocks(ids, vectors_of)), np.zeros(1))
    centroid = (total / max(1, len(ids))).astype(np.float32)
    return Epoch(
        generation=database.generation,
        encoder=database.meta("encoder"),
        last_episode=int(ids.max(initial=0)),
        last_occurrence=int(database.query("SELECT coalesce(max(id), 0) FROM occurrences")[0][0]),
        last_replay=ReplayLedger(database).end,
        newest=float(moments.max(initial=0.0)),
        saliences=_quantiles(scores),
        similarities=_quantiles(_mean_cosines(ids, vectors_of, centroid)),
        centroid=centroid,
    )


def find_candidates(
    database: Database, vectors_of: VectorsOf, *, epoch: Epoch, config: ReplayConfig, seed: int, adapter: str | None
) -> Candidates:
    """Return the live episodes of `epoch`, ordered; call inside `reading`.

    Cost: one pass over the rows and vectors, and a sort.

    Args:
        database: an open episodic database.
        vectors_of: looks up unit rows.
        epoch: from `begin_epoch`, perhaps of an earlier process.
        config: the weights and the kind of order.
        seed: what draws depend on, beside the texts.
        adapter: the learner, or None for all; see `ReplayLedger.tally`.
    """
    ids, scores, moments, digests = _rows(
        database, last_episode=epoch.last_episode, last_occurrence=epoch.last_occurrence
    )
    tally = ReplayLedger(database).tally(adapter, until=epoch.last_replay)
    replays = np.array([tally.replays.get(id, 0) for id in ids.tolist()], dtype=np.int64)
    known = np.array([id in tally.known for id in ids.tolist()], dtype=bool)
    recency = np.exp2((moments - epoch.newest) / (config.half_life_days * _SECONDS_A_DAY))
    diversity = 1.0 - _ranks(_mean_cosines(ids, vectors_of, epoch.centroid), epoch.similarities)
    parts = np.stack([_ranks(scores, epoch.saliences), recency, 1.0 / (1.0 + replays), diversity])
    weights = np.array([config.salience, config.recency, config.novelty, config.diversity])
    priority: NDArray[np.float64] = ((weights / weights.sum())[:, None] * parts).sum(axis=0)
    draws = _draws(digests, seed)
    keys = np.round(_keys(priority, draws, config), _KEY_DECIMALS)
    order = np.lexsort((ids, draws, -keys, known))
    return Candidates(
        ids=ids[order],
        scores=scores[order],
        moments=moments[order],
        replays=replays[order],
        known=known[order],
        recency=recency[order],
        diversity=diversity[order],
        priority=priority[order],
        keys=keys[order],
        draws=draws[order],
    )


def _keys(priority: NDArray[np.float64], draws: NDArray[np.float64], config: ReplayConfig) -> NDArray[np.float64]:
    if config.order == "shuffled":
        return np.zeros(len(priority))
    if config.order == "priority":
        return priority
    # Descending log w + Gumbel noise is weighted sampling without replacement (Efraimidis and Spirakis 2006)
    keys = config.exponent * np.log(np.maximum(priority, 1e-9)) - np.log(-np.log(draws))
    return np.asarray(keys, dtype=np.float64)


def _rows(
    database: Database, *, last_episode: int, last_occurrence: int
) -> tuple[Ids, NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return ids, the gate's scores, times last said, and digests."""
    rows = database.query(
        "SELECT e.id, coalesce(json_extract(e.salience, '$.score'), 0.0) AS score, e.digest, max(o.moment) AS moment "
        "FROM episodes AS e JOIN occurrences AS o ON o.episode = e.id "
        "WHERE e.id <= ? AND o.id <= ? GROUP BY e.id ORDER BY e.id",
        (last_episode, last_occurrence),
    )
    return (
        np.array([row["id"] for row in rows], dtype=np.int64),
        np.array([row["score"] for row in rows], dtype=np.float64),
        np.array([row["moment"] for row in rows], dtype=np.float64),
        [str(row["digest"]) for row in rows],
    )


def _blocks(ids: Ids, vectors_of: VectorsOf) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(ids), _BLOCK_ROWS):
        yield vectors_of(ids[start : start + _BLOCK_ROWS]).astype(np.float64)


def _mean_cosines(ids: Ids, vectors_of: VectorsOf, centroid: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each episode's mean cosine to all episodes: the inner product with their mean."""
    products = [block @ centroid.astype(np.float64) for block in _blocks(ids, vectors_of)]
    # Rounded, because the last bits depend on which rows share a block
    return np.round(np.concatenate([np.zeros(0), *products]), _KEY_DECIMALS)


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    ascending = np.sort(values)
    places = np.unique(np.linspace(0, max(0, len(values) - 1), _QUANTILES).round().astype(np.int64))
    return tuple(ascending[places].tolist()) if len(values) else ()


def _ranks(values: NDArray[np.float64], quantiles: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the share of `quantiles` below each value, equal ones counted half: in [0, 1], 0.5 if all are equal."""
    table = np.array(quantiles)
    below, up_to = np.searchsorted(table, values, side="left"), np.searchsorted(table, values, side="right")
    return np.asarray((below + up_to) / (2 * max(1, len(table))), dtype=np.float64)


def _draws(digests: list[str], seed: int) -> NDArray[np.float64]:
    """Return a number in (0, 1) for each digest: by content and seed, not by id, process or order of writing."""
    key = hashlib.sha256(str(seed).encode()).digest()
    raw = b"".join(hashlib.blake2b(digest.encode(), key=key, digest_size=8).digest() for digest in digests)
    # 52 bits and a half: never 0 and never 1, whose logarithms are infinite
    return ((np.frombuffer(raw, dtype="<u8") >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52
