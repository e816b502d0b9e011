"""The kit's ledger: what may have happened to a store that several processes wrote to and died over."""

from __future__ import annotations

from typing import Any

from hippo_core.testing.ledger import Ledger


def _write(begin: float, end: float, *ids: int) -> list[dict[str, Any]]:
    doing = {"doing": "write", "numbers": [100 + id for id in ids], "at": begin}
    return [doing, {"did": "write", "sets": [["record", id, 100 + id] for id in ids], "at": end}]


def _delete(begin: float, end: float, *ids: int) -> list[dict[str, Any]]:
    sets = [["record", id, None] for id in ids]
    return [{"doing": "delete", "sets": sets, "at": begin}, {"did": "delete", "at": end}]


def _evict(begin: float, end: float, *ids: int) -> list[dict[str, Any]]:
    sets = [[what, id, None] for id in ids for what in ("record", "blob")]
    return [{"doing": "evict", "at": begin}, {"did": "evict", "sets": sets, "at": end}]


def test_deleting_later_what_another_process_evicted_does_not_move_the_eviction() -> None:
    """The writer of 1, 2 and 3 does not know that another process evicted 1 and 2, and deletes 1."""
    ledger = Ledger()
    ledger.enter([_write(0, 1, 1, 2, 3) + _delete(8, 9, 1), _evict(2, 3, 1, 2)])
    for begin, end in [(4, 5), (4, 8.5)]:
        assert ledger.possible(("record", 2), begin, end) == {None}
        assert ledger.undivided(begin, end)[0] == {("record", 3): (None, 103)}


def test_an_eviction_comes_after_the_writes_of_what_it_took() -> None:
    ledger = Ledger()
    ledger.enter([_write(4, 7, 1), _evict(2, 6, 1)])
    assert [(act.kind, act.begin) for act in ledger.acts] == [("write", 4), ("evict", 4)]
    assert ledger.possible(("record", 1)) == {None}
    assert ledger.possible(("record", 1), 2, 3) == {None}
    assert ledger.possible(("record", 1), 5, 5.5) == {None, 101}


def test_the_records_of_one_write_are_in_a_copy_together_or_not_at_all() -> None:
    ledger = Ledger()
    ledger.enter([_write(1, 4, 1, 2)])
    assert ledger.undivided(2, 3) == [{("record", 1): (None, 101), ("record", 2): (None, 102)}]
