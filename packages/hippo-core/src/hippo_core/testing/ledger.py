"""What processes that were killed had noted, and what a store may therefore hold.

Each act is noted twice, before it begins and after it was acknowledged, with the time of a clock that all processes
share. An acknowledged act happened at some moment between its two notes; one that was killed happened as a whole at
some moment after its first note, or never.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, int]
"""What has a value: ("record", id) or ("blob", id)."""
Value = int | str | None
"""A record's item number or a blob's text; None where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call of one process that changed several values at once."""

    kind: str
    begin: float
    end: float
    """When it was acknowledged, `math.inf` if it never was."""
    sets: Mapping[Key, Value]
    """Empty for a write that was not acknowledged, since nobody knows its ids, and for such an eviction."""

    @property
    def pending(self) -> bool:
        """Whether it may have happened or not."""
        return self.end == math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A snapshot: of some moment between `begin` and `end`, which is `math.inf` if it was not acknowledged."""

    path: str
    begin: float
    end: float


@dataclass(slots=True)
class Ledger:
    """The values that a store may have, over all rounds on one database."""

    settled: dict[Key, Value] = field(default_factory=dict[Key, Value])
    """What was certain before this round."""
    numbers: dict[int, int] = field(default_factory=dict[int, int])
    """The item number of every id ever given out."""
    acts: list[Act] = field(default_factory=list[Act])
    """This round's, each process's in order."""
    batches: list[list[int]] = field(default_factory=list[list[int]])
    """Numbers of the batches that were being written when their writer was killed."""
    copies: list[Copy] = field(default_factory=list[Copy])
    """This round's snapshots."""
    _moves: dict[Key, list[Act]] = field(default_factory=dict[Key, list[Act]])

    def enter(self, notes: Iterable[list[dict[str, Any]]]) -> None:
        """Take in one round's notes, a list for each process."""
        self.acts, self.batches, self.copies, self._moves = [], [], [], {}
        evictions: list[Act] = []
        for lines in notes:
            doing: dict[str, Any] | None = None
            for note in [*lines, {"did": "die", "at": math.inf}]:
                if "doing" in note:
                    doing = note
                elif "did" in note and doing is not None:
                    if not note.get("refused"):
                        self._enter(doing, note, evictions)
                    doing = None
        for act in evictions:
            # Another process may evict what a writer has committed and not yet noted: it came after that even so. What
            # is no proof that the record was still there, a delete or what was not acknowledged, may have come later
            held = [each for key in act.sets for each in self._moves.get(key, []) if each.kind in ("write", "blob")]
            begins = [each.begin for each in held if not each.pending]
            self._add(Act(kind=act.kind, begin=max([act.begin, *begins]), end=act.end, sets=act.sets))

    def _enter(self, doing: dict[str, Any], did: dict[str, Any], evictions: list[Act]) -> None:
        kind, begin, end = doing["doing"], doing["at"], did["at"]
        if kind == "snapshot":
            self.copies.append(Copy(path=doing["path"], begin=begin, end=end))
        elif kind == "write" and end == math.inf:
            self.batches.append(doing["numbers"])
        else:
            sets = {(what, id): value for what, id, value in did.get("sets", doing.get("sets", []))}
            if kind == "write":
                for (_, id), number in sets.items():
                    assert id not in self.numbers, f"id {id} was given out twice"
                    assert isinstance(number, int)
                    self.numbers[id] = number
            act = Act(kind=kind, begin=begin, end=end, sets=sets)
            evictions.append(act) if kind == "evict" else self._add(act)

    def _add(self, act: Act) -> None:
        self.acts.append(act)
        for key in act.sets:
            self._moves.setdefault(key, []).append(act)

    @property
    def touched(self) -> set[Key]:
        """What this round's acts were about."""
        return set(self._moves)

    def unknown_evictions(self, until: float = math.inf) -> list[Act]:
        """Return the evictions begun before `until` of which nobody knows what they took."""
        return [act for act in self.acts if act.kind == "evict" and act.pending and act.begin < until]

    def evicts_strangers(self) -> bool:
        """Return whether something may have been evicted of which no receipt was noted."""
        taken = {id for act in self.acts if act.kind == "evict" for _, id in act.sets}
        return bool(self.unknown_evictions()) or not taken <= set(self.numbers)

    def possible(self, key: Key, begin: float = math.inf, end: float = math.inf) -> set[Value]:
        """Return the values that `key` may have had at some moment from `begin` to `end`; now, unless told."""
        values = {self.settled.get(key)}
        for act in self._moves.get(key, []):
            if act.end < begin:
                values = {act.sets[key]}
            elif act.begin < end:
                values.add(act.sets[key])
        what, id = key
        if what == "record":
            return values | {None} if self.unknown_evictions(end) else values
        record = self.possible(("record", id), begin, end)  # a deleted record has no blobs
        return {None} if record == {None} else values | (record & {None})

    def undivided(self, begin: float = math.inf, end: float = math.inf) -> list[dict[Key, tuple[Value, Value]]]:
        """Return, for each act, old and new value of what it changed: all of them must be seen old, or all new.

        Left out is what another act changed from `begin` to `end` too, and everything where nobody knows what was
        evicted.
        """
        groups: list[dict[Key, tuple[Value, Value]]] = []
        for act in [] if self.unknown_evictions(end) else self.acts:
            group: dict[Key, tuple[Value, Value]] = {}
            for key, new in act.sets.items():
                *earlier, last = [each for each in self._moves[key] if each.begin < end] or [None]
                if last is act and act.kind != "evict" and all(each.end < begin for each in earlier if each):
                    old = earlier[-1].sets[key] if earlier and earlier[-1] else self.settled.get(key)
                    group[key] = (old, new)
            groups.append(group)
        return groups

    def is_gone(self, id: int) -> bool:
        """Return whether something known deleted a record, or may have."""
        values = {act.sets["record", id] for act in self._moves.get(("record", id), [])}
        return None in values or (self.settled.get(("record", id)) is None and not values)

    def settle(self, seen: Mapping[Key, Value]) -> None:
        """End the round with what was found; nothing that could be either may be missing in `seen`."""
        self.numbers |= {id: value for (what, id), value in seen.items() if what == "record" and isinstance(value, int)}
        for key in self.touched | set(seen):
            self.settled[key] = seen[key] if key in seen else next(iter(self.possible(key)))
        self._moves = {}
        self.acts = []

    def records(self, begin: float = math.inf, end: float = math.inf) -> tuple[int, int]:
        """Return the least and the largest number of records at a moment from `begin` to `end`."""
        least = most = 0
        for key in {*self.settled, *self._moves}:
            if key[0] == "record":
                values = self.possible(key, begin, end)
                least += None not in values
                most += values != {None}
        return least, most + sum(map(len, self.batches))

    def live(self) -> dict[int, int]:
        """Return id and item number of each record that is settled and there."""
        return {
            id: self.numbers[id] for (what, id), value in self.settled.items() if what == "record" and value is not None
        }

    def dead(self) -> list[int]:
        """Return the ids that are settled and gone."""
        return [id for (what, id), value in self.settled.items() if what == "record" and value is None]
