"""What a store holds, as arrays: each episode's size, worth, and when it was last said or recalled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from hippo_core import Database
from numpy.typing import NDArray

from hippo_episodic.access import Access
from hippo_episodic.vectors import Ids

Floats = NDArray[np.float64]

_EPISODE_BYTES = (
    "length(CAST(e.text AS BLOB)) + length(CAST(e.slots AS BLOB)) + length(CAST(e.salience AS BLOB)) "
    "+ length(e.vector) + coalesce(length(e.sketch), 0)"
)
_OCCURRENCES = (
    "(SELECT episode, max(moment) AS said, sum(length(CAST(provenance AS BLOB))) AS bytes "
    "FROM occurrences {condition} GROUP BY episode)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One row an episode, ascending by id; all arrays have shape (episodes,)."""

    ids: Ids
    bytes: NDArray[np.int64]
    """What is stored for it: text, slots, salience, vector and sketch, and every provenance. Not counted are what can
    be made anew (indexes, cache files, a model's blobs: no memory should go to make room for a cache) and the journal,
    which eviction makes longer."""
    scores: Floats
    """The gate's S; 0 where no gate decided."""
    pinned: NDArray[np.bool_]
    said: Floats
    """When it was last said, in seconds since 1970."""
    recalls: NDArray[np.int64]
    """How often it was recalled."""
    recalled: Floats
    """When it was last recalled, in seconds since 1970; −inf where it never was."""

    def __len__(self) -> int:
        return len(self.ids)


def take_inventory(database: Database, pending: Mapping[int, Access]) -> Inventory:
    """Return what the store holds. Cost: one pass over the database, about as long as reading the file.

    Args:
        database: inside `reading` or a transaction.
        pending: recalls that were gathered but are not in the database yet.
    """
    rows = database.query(
        f"SELECT e.id, {_EPISODE_BYTES} + coalesce(o.bytes, 0), coalesce(json_extract(e.salience, '$.score'), 0.0), "
        "coalesce(json_extract(e.salience, '$.pin'), 0), coalesce(o.said, 0.0), coalesce(a.count, 0), a.last "
        f"FROM episodes AS e LEFT JOIN {_OCCURRENCES.format(condition='')} AS o ON o.episode = e.id "
        "LEFT JOIN accesses AS a ON a.episode = e.id ORDER BY e.id"
    )
    ids, sizes, scores, pinned, said, recalls, recalled = zip(*rows, strict=True) if rows else ((),) * 7
    stock = Inventory(
        ids=np.array(ids, dtype=np.int64),
        bytes=np.array(sizes, dtype=np.int64),
        scores=np.array(scores, dtype=np.float64),
        pinned=np.array(pinned, dtype=bool),
        said=np.array(said, dtype=np.float64),
        recalls=np.array(recalls, dtype=np.int64),
        recalled=np.array([-np.inf if last is None else last for last in recalled], dtype=np.float64),
    )
    for id, access in pending.items():
        row = int(np.searchsorted(stock.ids, id))
        if row < len(stock) and stock.ids[row] == id:
            stock.recalls[row] += access.count
            stock.recalled[row] = max(float(stock.recalled[row]), access.last)
    return stock


def sizes(database: Database, wanted: Ids | None) -> tuple[Ids, NDArray[np.int64]]:
    """Return the ids that are live among the wanted ones, and their bytes."""
    within = "" if wanted is None else "IN (SELECT value FROM json_each(:ids))"
    occurrences = _OCCURRENCES.format(condition=f"WHERE episode {within}" if within else "")
    rows = database.query(
        f"SELECT e.id, {_EPISODE_BYTES} + coalesce(o.bytes, 0) FROM episodes AS e "
        f"LEFT JOIN {occurrences} AS o ON o.episode = e.id" + (f" WHERE e.id {within}" if within else ""),
        {} if wanted is None else {"ids": json.dumps(wanted.tolist())},
    )
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
