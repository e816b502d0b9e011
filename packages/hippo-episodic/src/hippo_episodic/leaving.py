"""Taking episodes out, and pinning those that must not go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from hippo_core import Salience, Transaction, UnknownIdError, from_jsonable, to_jsonable


def delete_episodes(transaction: Transaction, ids: Sequence[int]) -> int:
    """Delete episodes with all that belongs to them, journaled; return how many there were.

    Their access statistics go too, and an undo does not bring those back.
    """
    rows = transaction.connection.execute(
        "SELECT id FROM occurrences WHERE episode IN (SELECT value FROM json_each(?))",
        (json.dumps([int(id) for id in ids]),),
    ).fetchall()
    transaction.delete("occurrences", [int(row[0]) for row in rows])
    return transaction.delete("episodes", ids)


def set_pins(transaction: Transaction, ids: Sequence[int], *, pin: bool) -> int:
    """Pin episodes or take the pin off, journaled; return how many changed.

    The gate's score stays what it was when the episode was written.

    Raises:
        UnknownIdError: an id is not held. Nothing was changed: a pin that was passed over would look like one that
            holds.
    """
    changed = 0
    for id in dict.fromkeys(ids):
        row = (
            transaction.connection.execute("SELECT salience FROM episodes WHERE id = ?", (id,)).fetchone()
            if 0 < id < 2**63  # SQLite counts no further
            else None
        )
        if row is None:
            raise UnknownIdError(f"No episode {id!r}: it was never written, or was deleted. No pin was changed.")
        salience = from_jsonable(Salience, json.loads(row["salience"]))
        if salience.pin != pin:
            text = json.dumps(to_jsonable(replace(salience, pin=pin)), ensure_ascii=False)
            transaction.update("episodes", id, {"salience": text})
            changed += 1
    return changed
