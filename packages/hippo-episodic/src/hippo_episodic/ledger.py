"""What was replayed to which adapter, what its weights know, and which adapters learnt what was to be forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hippo_core import Clock, Database, InvalidInputError, Transaction, UnknownIdError, utc_now
from hippo_core.checks import checked_ids, checked_text

from hippo_episodic.errors import TaintedAdapterError

_LINEAGE = (
    "WITH RECURSIVE lineage(adapter, depth) AS (SELECT :adapter, 0 UNION ALL "
    "SELECT replay_parents.parent, depth + 1 FROM lineage JOIN replay_parents USING (adapter)) "
)
_DESCENDANTS = (
    "WITH RECURSIVE learners(adapter, episode) AS (SELECT DISTINCT adapter, episode FROM replays "
    "WHERE episode IN ({episodes}) UNION "
    "SELECT replay_parents.adapter, learners.episode FROM learners "
    "JOIN replay_parents ON replay_parents.parent = learners.adapter) "
    "SELECT adapter, episode FROM learners ORDER BY adapter, episode"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One episode, taught once to one adapter."""

    episode: int
    """The episode's id; the episode itself may be gone."""
    adapter: str
    """The caller's name of the network that learnt it."""
    time: datetime
    """When it was recorded, by the store's clock; aware, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Where the learner stands with each episode; episodes it never met are in neither."""

    replays: Mapping[int, int]
    """How often each episode was replayed."""
    known: frozenset[int]
    """Episodes that the weights were last found to know."""


class ReplayLedger:
    """A durable record of what was taught to which adapter. It only grows.

    It holds ids, names and times, never text or digests, so it survives the deletion and the redaction of episodes and
    stays useful after both. `undo` does not touch it and `restore` does not shorten it: neither un-teaches a
    network. An export to JSON lines leaves it out, since an import gives new ids.

    An adapter is a name for one set of trained weights. Record what it is about to learn before the training step,
    so that a killed run leaves no adapter that learnt more than the ledger says.

    Args:
        database: an open episodic database.
        clock: gives entries their time.

    Example:
        >>> from hippo_episodic import EpisodicStore
        >>> with EpisodicStore(":memory:") as store:
        ...     key = store.write("The key is under the mat.", provenance="chat").id
        ...     store.ledger.record([key], adapter="night 1")
        ...     store.ledger.taint([key])  # what a redaction does
        ...     store.ledger.is_clean("night 1")
        {'night 1': (1,)}
        False
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    # What was taught

    def record(self, ids: int | Sequence[int], *, adapter: str) -> None:
        """Note that these episodes were replayed to `adapter`, in one durable transaction. An id may repeat.

        Deleted episodes are accepted: a batch in the trainer's hands outlives them.

        Raises:
            UnknownIdError: an id that this store never gave out. Nothing was recorded.
            InvalidInputError: a blank name.
        """
        self._append(ids, adapter, known=None)

    def mark_known(self, ids: int | Sequence[int], adapter: str, *, known: bool = True) -> None:
        """Note that the weights of `adapter` answer these episodes without the store, or (`known=False`) no longer do.

        The latest mark counts. Replay hands known episodes out last; they are never deleted for it.

        Raises:
            UnknownIdError, InvalidInputError: as in `record`.
        """
        self._append(ids, adapter, known=int(known))

    def derive(self, adapter: str, *, parent: str) -> None:
        """Note that the training of `adapter` starts from `parent`'s weights: it knows all that `parent` learnt.

        Raises:
            InvalidInputError: the ledger has no `parent`, `adapter` has another one already, or is its ancestor.
        """
        checked_text(adapter, name="adapter")
        with self._database.transaction("replay ledger") as transaction:
            ancestors = self._lineage(parent)
            if adapter in ancestors:
                raise InvalidInputError(f"{adapter!r} cannot start from {parent!r}, which starts from it.")
            earlier = self._lineage(adapter)[1:2] if self._has_met(adapter) else ()
            if earlier and earlier[0] != parent:
                raise InvalidInputError(
                    f"{adapter!r} started from {earlier[0]!r}, not {parent!r}; choose another name."
                )
            transaction.connection.execute(
                "INSERT INTO replay_parents(adapter, parent) VALUES (?, ?)", (adapter, parent)
            )

    def adapters(self) -> tuple[str, ...]:
        """Return the names of all adapters that the ledger has met, sorted."""
        rows = self._database.query("SELECT adapter FROM replays UNION SELECT adapter FROM replay_parents ORDER BY 1")
        return tuple(str(row[0]) for row in rows)

    def replays(self, id: int) -> tuple[Replay, ...]:
        """Return each time that episode `id` was replayed, oldest first; empty where it never was."""
        rows = self._database.query(
            "SELECT episode, adapter, moment FROM replays WHERE episode = ? AND known IS NULL ORDER BY id", (int(id),)
        )
        return tuple(
            Replay(
                episode=int(row["episode"]),
                adapter=str(row["adapter"]),
                time=datetime.fromtimestamp(row["moment"], tz=UTC),
            )
            for row in rows
        )

    def adapters_that_learnt(self, ids: int | Sequence[int]) -> dict[str, tuple[int, ...]]:
        """Return each adapter that learnt any of `ids`, itself or through its ancestors, with those it learnt.

        Names and ids ascend. Cost: the entries of these episodes.
        """
        return self._learners("SELECT value FROM json_each(:ids)", {"ids": json.dumps(checked_ids(ids))})

    def tally(self, adapter: str | None = None, *, until: int | None = None) -> Tally:
        """Return how often each episode was replayed, and which are known.

        Args:
            adapter: count what this adapter and its ancestors learnt; None counts all. One that the ledger has not
                met has learnt nothing yet.
            until: only the first entries, up to what `end` said; None is all.
        """
        lineage = self._lineage(adapter) if adapter is not None and self._has_met(adapter) else (adapter,)
        condition = "(:all OR adapter IN (SELECT value FROM json_each(:lineage))) AND id <= :until"
        parameters = {
            "all": adapter is None,
            "lineage": json.dumps(lineage),
            "until": 2**62 if until is None else until,
        }
        with self._database.reading():
            counts = self._database.query(
                f"SELECT episode, count(*) FROM replays WHERE known IS NULL AND {condition} GROUP BY episode",
                parameters,
            )
            # SQLite takes the bare column `known` from the row that has the maximum
            marks = self._database.query(
                f"SELECT episode, known, max(id) FROM replays WHERE known IS NOT NULL AND {condition} GROUP BY episode",
                parameters,
            )
        return Tally(
            replays={int(row[0]): int(row[1]) for row in counts},
            known=frozenset(int(row[0]) for row in marks if row[1]),
        )

    @property
    def end(self) -> int:
        """The number of the latest entry; 0 where there is none."""
        return int(self._database.query("SELECT coalesce(max(id), 0) FROM replays")[0][0])

    # What was to be forgotten

    def taint(self, ids: int | Sequence[int], *, transaction: Transaction | None = None) -> dict[str, tuple[int, ...]]:
        """Note that these episodes were redacted, and return the adapters that learnt them with what they learnt.

        Those adapters are not clean from now on, nor any that is recorded to have learnt these episodes later. There
        is no way back.

        Args:
            ids: the redacted episodes.
            transaction: the one that redacts, so that both happen or neither; None opens one.
        """
        if transaction is None:
            with self._database.transaction("replay ledger") as own:
                return self.taint(ids, transaction=own)
        wanted = checked_ids(ids)
        moment = self._clock().timestamp()
        transaction.connection.executemany(
            "INSERT INTO replay_redactions(episode, moment) VALUES (?, ?)", [(id, moment) for id in wanted]
        )
        return self.adapters_that_learnt(wanted)

    def tainted(self) -> dict[str, tuple[int, ...]]:
        """Return each adapter that learnt redacted episodes, itself or through its ancestors, with their ids."""
        return self._learners("SELECT episode FROM replay_redactions", {})

    def is_clean(self, adapter: str) -> bool:
        """Return whether neither `adapter` nor any adapter that it started from learnt a redacted episode.

        Raises:
            InvalidInputError: the ledger has not met this adapter, so it cannot vouch for it.
        """
        return not self._redacted_learnt_by(adapter)

    def require_clean(self, adapter: str) -> None:
        """Do nothing if `adapter` is clean.

        Raises:
            TaintedAdapterError: it is not; says what it learnt and what to retrain from.
            InvalidInputError: the ledger has not met it.
        """
        learnt = self._redacted_learnt_by(adapter)
        if not learnt:
            return
        clean = [f"{each!r}" for each in self._lineage(adapter)[1:] if not self._redacted_learnt_by(each)]
        shown = ", ".join(map(str, learnt[:5])) + (", …" if len(learnt) > 5 else "")
        raise TaintedAdapterError(
            f"Adapter {adapter!r} learnt {len(learnt)} redacted episode{'s' * (len(learnt) > 1)} (ids {shown}) and may "
            f"still say what was to be forgotten. Retrain from {clean[0] if clean else 'the base model'}, under "
            "another name, and delete its weights."
        )

    # Inside

    def _append(self, ids: int | Sequence[int], adapter: str, *, known: int | None) -> None:
        checked_text(adapter, name="adapter")
        wanted = checked_ids(ids)
        with self._database.transaction("replay ledger") as transaction:
            row = transaction.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'episodes'").fetchone()
            end = 0 if row is None else int(row[0])
            for id in wanted:
                if not 1 <= id <= end:
                    raise UnknownIdError(f"No episode {id} was ever written here; record the ids of replayed hits.")
            moment = self._clock().timestamp()
            transaction.connection.executemany(
                "INSERT INTO replays(episode, adapter, moment, known) VALUES (?, ?, ?, ?)",
                [(id, adapter, moment, known) for id in wanted],
            )

    def _has_met(self, adapter: str) -> bool:
        sql = (
            "SELECT EXISTS (SELECT 1 FROM replays WHERE adapter = :adapter) "
            "OR EXISTS (SELECT 1 FROM replay_parents WHERE adapter = :adapter)"
        )
        return bool(self._database.query(sql, {"adapter": adapter})[0][0])

    def _lineage(self, adapter: str) -> tuple[str, ...]:
        """Return the adapter, what it started from, and so on."""
        if not self._has_met(adapter):
            known = ", ".join(map(repr, self.adapters())) or "none yet"
            raise InvalidInputError(f"The ledger has not met adapter {adapter!r}; it knows {known}.")
        rows = self._database.query(_LINEAGE + "SELECT adapter FROM lineage ORDER BY depth", {"adapter": adapter})
        return tuple(str(row[0]) for row in rows)

    def _redacted_learnt_by(self, adapter: str) -> list[int]:
        self._lineage(adapter)
        rows = self._database.query(
            _LINEAGE + "SELECT DISTINCT episode FROM replays JOIN lineage USING (adapter) "
            "JOIN replay_redactions USING (episode) ORDER BY episode",
            {"adapter": adapter},
        )
        return [int(row[0]) for row in rows]

    def _learners(self, episodes: str, parameters: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        learners: dict[str, list[int]] = {}
        for row in self._database.query(_DESCENDANTS.format(episodes=episodes), parameters):
            learners.setdefault(str(row["adapter"]), []).append(int(row["episode"]))
        return {adapter: tuple(ids) for adapter, ids in learners.items()}
