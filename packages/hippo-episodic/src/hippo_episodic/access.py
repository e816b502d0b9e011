"""Which episodes are recalled, and when: a statistic that eviction reads.

Noting a recall costs a look into a dictionary and never a write to the disk. What was gathered is added to table
`accesses` by the next transaction that writes anyway, before an eviction, and at `close`. A crash loses what was
gathered since; nothing that was told is ever lost by it, so no journal and no synchronisation is spent on it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from hippo_core import Database, Transaction
from hippo_core.checks import checked_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How often an episode was recalled."""

    count: int
    """Recalls; at least 1."""
    last: float
    """The latest one, in seconds since 1970 (UTC)."""


class AccessLog:
    """Gathers recalls in memory until a transaction takes them along. Safe to share between threads.

    Several processes add up: each adds its own counts to the table, and the latest moment stands.

    Example:
        >>> from datetime import UTC, datetime
        >>> log = AccessLog()
        >>> log.note([7, 7, 9], datetime(2026, 5, 1, tzinfo=UTC))
        >>> log.pending()[7].count
        2
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: dict[int, Access] = {}

    def note(self, ids: Iterable[int], moment: datetime) -> None:
        """Count one recall for each id (an id given twice counts twice).

        Args:
            ids: the episodes that answered a cue.
            moment: when; aware.

        Raises:
            InvalidInputError: `moment` has no time zone.
        """
        last = checked_time(moment, name="moment").timestamp()
        self._add({id: Access(count=count, last=last) for id, count in _counted(ids).items()})

    def pending(self) -> dict[int, Access]:
        """Return what was gathered and not written yet."""
        with self._lock:
            return dict(self._gathered)

    @contextmanager
    def transaction(self, database: Database, kind: str) -> Generator[Transaction, None, None]:
        """Open `Database.transaction(kind)` and write what was gathered in it; if it fails, it is still gathered."""
        with self._lock:
            taken, self._gathered = self._gathered, {}
        try:
            with database.transaction(kind) as transaction:
                write_accesses(transaction, taken)
                yield transaction
        except BaseException:
            self._add(taken)
            raise

    def flush(self, database: Database) -> None:
        """Write what was gathered, if anything was.

        Raises:
            StorageError: the disk is full or the file locked for too long. It is still gathered.
        """
        if self.pending():
            with self.transaction(database, "accesses"):
                pass

    def _add(self, accesses: Mapping[int, Access]) -> None:
        with self._lock:
            for id, new in accesses.items():
                old = self._gathered.get(id)
                self._gathered[id] = new if old is None else joined(old, new)


def joined(one: Access, other: Access) -> Access:
    """Return both as one: counts add up, the later moment stands."""
    return Access(count=one.count + other.count, last=max(one.last, other.last))


def write_accesses(transaction: Transaction, accesses: Mapping[int, Access]) -> None:
    """Add counts to table `accesses`, unjournaled; ids of episodes that are gone are passed over."""
    transaction.connection.executemany(
        "INSERT INTO accesses(episode, count, last) SELECT :id, :count, :last "
        "WHERE EXISTS (SELECT 1 FROM episodes WHERE id = :id) "
        "ON CONFLICT(episode) DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)",
        [{"id": id, "count": access.count, "last": access.last} for id, access in accesses.items()],
    )


def _counted(ids: Iterable[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for id in ids:
        counts[int(id)] = counts.get(int(id), 0) + 1
    return counts
