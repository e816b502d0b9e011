"""Replay: the store's episodes in batches for training, what matters first, what interferes apart."""

from __future__ import annotations

import hashlib
import json
import operator
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
from hippo_core import Database, Episode, Hit, InvalidInputError, from_jsonable, to_jsonable
from hippo_core.checks import checked_count
from numpy.typing import NDArray

from hippo_episodic.priority import Epoch, ReplayConfig, VectorsOf, begin_epoch, find_candidates
from hippo_episodic.rows import load_episodes

_FIRST_PAGE, _LAST_PAGE = 8, 256  # episodes whose vectors are fetched and compared at once
_SIGNATURE_BITS = 64
_ROUNDING = 1e-6  # unit rows of float32 have a cosine of 1 with themselves only to this precision


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayItem:
    """Why an episode was replayed now (the seeds' `ReplayQueue` item). `Hit.why["replay"]` of every replayed hit."""

    key_id: int
    """The episode's id."""
    salience: float
    """The gate's S, in the gate's unit."""
    recency: float
    """2^(−age / half-life), in [0, 1]; 1 is the store's newest."""
    diversity: float
    """1 − the rank of its mean cosine to all episodes, in [0, 1]; 1 is the least like the others."""
    diversity_signature: str
    """64 bits in hexadecimal: the signs of its vector on fixed random directions. The share of bits in which two
    signatures differ estimates the angle between the vectors over π (source: Charikar 2002)."""
    timestamp: datetime
    """When it was last said; aware, UTC."""
    replays: int
    """How often the learner had met it when the epoch began."""
    known: bool
    """Whether the learner's weights were last found to know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayState:
    """Where an epoch stands; what `ReplayScheduler.state` writes as JSON."""

    batch_size: int
    seed: int
    config: ReplayConfig
    epoch: Epoch
    adapter: str | None = None
    reached: tuple[float, ...] = ()
    """Known, key and draw of the last episode that was looked at."""
    deferred: tuple[int, ...] = ()


class ReplayScheduler:
    """One epoch over the live episodes, each in one batch: an iterator of batches of hits. `Hit.score` is the priority.

    What the store holds when the epoch begins is what it is over: later writes wait for the next epoch (make another
    scheduler, with another seed). What is deleted before its turn is skipped. The same content, ledger and seed give
    the same batches in every process and with every index.

    In the interleaved order an episode is taken unless its cosine to one already in the batch exceeds
    `max_similarity`; then it is the first to be tried for the next batch. Episodes that always
    collide, near-duplicates that outnumber the batches, come at the end in batches as short as the limit demands.
    Within an epoch, all that the weights do not know comes before what they know.

    Handing out a batch does not note it: whoever trains on it calls `ReplayLedger.record`.

    Cost for n episodes of width d in batches of b: to begin or to resume, O(n·d), at most three passes over the
    vectors and two over the rows, and a sort. A batch looks at little more than b episodes; where similar ones abound
    it passes over at most `window` deferred and `window` further ones, so an epoch is at most O(batches · window · b ·
    d), never n². Memory: about 80 bytes an episode, and while beginning the vectors of 8,192.

    Args:
        database: an open episodic database.
        vectors_of: looks up the unit rows of live ids, shape (len(ids), dim), for instance `VectorTable.get`; it is
            called inside `Database.reading`, so a cache behind it can catch up first.
        batch_size: most episodes in a batch.
        seed: any whole number.
        config: the weights and the order.
        adapter: whose replays and knowledge count, with those of its ancestors; None counts every adapter's.

    Raises:
        InvalidInputError: a batch size below 1, or a seed that is no whole number.
        StoreClosedError: the store is closed, also from `next`.

    Example:
        >>> from hippo_episodic import EpisodicStore
        >>> with EpisodicStore(":memory:") as store:
        ...     ids = [store.write(f"Box {n} holds item {n * n}.", provenance="chat").id for n in range(5)]
        ...     scheduler = store.replay_batches(2, seed=1)
        ...     first = next(scheduler)
        ...     rest = list(store.resume_replay(scheduler.state()))
        >>> [len(batch) for batch in [first, *rest]]
        [2, 2, 1]
    """

    def __init__(
        self,
        database: Database,
        vectors_of: VectorsOf,
        *,
        batch_size: int,
        seed: int = 0,
        config: ReplayConfig | None = None,
        adapter: str | None = None,
    ) -> None:
        batch_size = checked_count(batch_size, name="batch_size")
        try:
            seed = operator.index(seed)
        except TypeError as exc:
            raise InvalidInputError(f"`seed` must be a whole number, not {seed!r}.") from exc
        with database.reading():
            state = ReplayState(
                batch_size=batch_size,
                seed=seed,
                config=ReplayConfig() if config is None else config,
                epoch=begin_epoch(database, vectors_of),
                adapter=adapter,
            )
            self._stand_at(state, database, vectors_of)

    @classmethod
    def resume(cls, database: Database, vectors_of: VectorsOf, state: Mapping[str, Any]) -> Self:
        """Return a scheduler whose batches are those that would have followed `state`.

        So they are in another process too, and whatever was written, deleted or recorded in the ledger meanwhile. Only
        an episode that lost some of its origins, or came back by an undo, may be met twice or not at all.

        Args:
            database: the same store.
            vectors_of: as for a new one.
            state: what `state` returned, perhaps after a trip through JSON.

        Raises:
            InvalidInputError: not such a mapping, or one of another store or from before a restore.
        """
        try:
            parsed = from_jsonable(ReplayState, state)
        except InvalidInputError as exc:
            raise InvalidInputError(f"This is not what `ReplayScheduler.state` returned: {exc}") from exc
        checked_count(parsed.batch_size, name="batch_size")
        if len(parsed.reached) not in (0, 3):
            raise InvalidInputError(f"`reached` has {len(parsed.reached)} numbers instead of 3; begin a new epoch.")
        scheduler = cls.__new__(cls)
        with database.reading():
            if (parsed.epoch.generation, parsed.epoch.encoder) != (database.generation, database.meta("encoder")):
                raise InvalidInputError(
                    f"This replay state is not of the content of {database.path!r}: it comes from another store, or "
                    "from before a restore or a new encoder. Begin a new epoch."
                )
            scheduler._stand_at(parsed, database, vectors_of)
        return scheduler

    def state(self) -> dict[str, Any]:
        """Return where the epoch stands after the batches handed out so far, as plain JSON types.

        Size: some 12 kB and the centroid, 6 bytes a dimension, and the ids of passed-over episodes.
        """
        found = self._candidates
        last = self._next - 1
        reached = (float(found.known[last]), float(found.keys[last]), float(found.draws[last])) if last >= 0 else ()
        state = ReplayState(
            batch_size=self._start.batch_size,
            seed=self._start.seed,
            config=self._start.config,
            epoch=self._start.epoch,
            adapter=self._start.adapter,
            reached=reached,
            deferred=tuple(found.ids[list(self._deferred)].tolist()),
        )
        return to_jsonable(state)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Hit[Episode]]:
        found = self._candidates
        with self._database.reading():
            batch = self._fill()
            ids = [int(found.ids[place]) for place in batch.places]
            episodes = load_episodes(self._database, ids)
        if not ids:
            raise StopIteration
        return [
            Hit(
                id=id,
                item=episodes[id],
                score=float(found.priority[place]),
                why={"replay": self._item(place, row)},
            )
            for id, place, row in zip(ids, batch.places, batch.rows, strict=True)
        ]

    # Inside. A place is a row of the candidates, which stand in the order of the epoch.

    def _stand_at(self, state: ReplayState, database: Database, vectors_of: VectorsOf) -> None:
        self._start = state
        self._database = database
        self._vectors_of = vectors_of
        self._directions = _directions(len(state.epoch.centroid))
        found = self._candidates = find_candidates(
            database, vectors_of, epoch=state.epoch, config=state.config, seed=state.seed, adapter=state.adapter
        )
        self._known_from = int((~found.known).sum())
        self._next = 0
        if state.reached:
            known, key, draw = state.reached
            earlier = (found.keys > key) | ((found.keys == key) & (found.draws <= draw))
            self._next = int(((found.known < bool(known)) | ((found.known == bool(known)) & earlier)).sum())
        place_of = {id: place for place, id in enumerate(found.ids.tolist())} if state.deferred else {}
        self._deferred = deque(place_of[id] for id in state.deferred if id in place_of)

    def _fill(self) -> _Batch:
        """Return the next batch; empty at the end of the epoch."""
        config, everything = self._start.config, len(self._candidates.ids)
        limit = config.max_similarity + _ROUNDING if config.order == "interleaved" else np.inf
        while True:
            batch = _Batch(self._start.batch_size, limit)
            # Deferred places ascend, so the first one tells whether any of them is of the unknown part
            first = self._deferred[0] if self._deferred else self._next
            end = self._known_from if first < self._known_from else everything
            passed, rest = self._offer(batch, self._take_deferred)
            self._deferred.extendleft(reversed(passed + rest))
            passed, rest = self._offer(batch, lambda count, end=end: self._take_further(count, end))
            self._deferred.extend(passed)
            self._next -= len(rest)
            # The first live one always fits, so after an empty batch nothing before `end` is left
            if batch.places or end == everything:
                return batch

    def _take_deferred(self, count: int) -> list[int]:
        return [self._deferred.popleft() for _ in range(min(count, len(self._deferred)))]

    def _take_further(self, count: int, end: int) -> list[int]:
        page = list(range(self._next, min(self._next + count, end)))
        self._next += len(page)
        return page

    def _offer(self, batch: _Batch, take: Callable[[int], list[int]]) -> tuple[list[int], list[int]]:
        """Put what fits into the batch; return the places passed over, and those taken but not looked at."""
        passed: list[int] = []
        width = max(_FIRST_PAGE, batch.room)
        while batch.room and (page := take(width)):
            live, rows = self._look_up(page)
            refused = batch.refuses(rows)
            for i, within in enumerate(live):
                if not batch.room or len(passed) == self._start.config.window:
                    return passed, page[within:]
                if refused[i]:
                    passed.append(page[within])
                else:
                    batch.add(page[within], rows[i])
                    refused |= batch.clashes(rows, rows[i : i + 1])
            width = min(2 * width, max(_LAST_PAGE, batch.room))
        return passed, []

    def _look_up(self, places: Sequence[int]) -> tuple[list[int], NDArray[np.float64]]:
        """Return which of the places are of live episodes, as positions in `places`, and their vectors."""
        ids = self._candidates.ids[list(places)]
        rows = self._database.query(
            "SELECT id FROM episodes WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids.tolist()),)
        )
        held = {int(row[0]) for row in rows}
        live = [position for position, id in enumerate(ids.tolist()) if id in held]
        return live, self._vectors_of(ids[live]).astype(np.float64)

    def _item(self, place: int, row: NDArray[np.float64]) -> ReplayItem:
        found = self._candidates
        return ReplayItem(
            key_id=int(found.ids[place]),
            salience=float(found.scores[place]),
            recency=float(found.recency[place]),
            diversity=float(found.diversity[place]),
            diversity_signature=np.packbits(self._directions @ row > 0.0).tobytes().hex(),
            timestamp=datetime.fromtimestamp(found.moments[place], tz=UTC),
            replays=int(found.replays[place]),
            known=bool(found.known[place]),
        )


class _Batch:
    """A batch that is being filled, with no two rows of a cosine above `limit`."""

    def __init__(self, size: int, limit: float) -> None:
        self.places: list[int] = []
        self.rows: list[NDArray[np.float64]] = []
        self._size = size
        self._limit = limit

    @property
    def room(self) -> int:
        return self._size - len(self.places)

    def add(self, place: int, row: NDArray[np.float64]) -> None:
        self.places.append(place)
        self.rows.append(row)

    def refuses(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of `rows` clash with the batch, shape (n,)."""
        return self.clashes(rows, np.stack(self.rows)) if self.rows else np.zeros(len(rows), dtype=bool)

    def clashes(self, rows: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of `rows` are too similar to any of `others`, shape (n,)."""
        return np.any(rows @ others.T > self._limit, axis=1)


def _directions(dim: int) -> NDArray[np.float64]:
    """Return fixed random rows of ±1, shape (64, dim): the same on every machine and in every version of numpy."""
    raw = hashlib.shake_256(b"hippo replay signature").digest((_SIGNATURE_BITS * dim + 7) // 8)
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8))[: _SIGNATURE_BITS * dim]
    return bits.reshape(_SIGNATURE_BITS, dim).astype(np.float64) * 2.0 - 1.0
