"""What a memory is written as and comes back as: episodes, hits and receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from hippo_core.checks import checked_kind, checked_number, checked_text
from hippo_core.errors import InvalidInputError
from hippo_core.provenance import Provenance

T = TypeVar("T")

SLOT_NAMES = ("who", "what", "where", "when")
"""The named slots of an episode, in the order in which they are shown."""

Status = Literal["stored", "merged", "gated", "superseded"]
"""What became of a write: a new record; one more provenance on an identical record; refused by the gate; a new
record that closed an older one's validity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySlots:
    """Who did what, where and when: the parts of an episode that a cue may mention.

    Raises:
        InvalidInputError: a slot is blank or not a string.
    """

    who: str | None = None
    what: str | None = None
    where: str | None = None
    when: str | None = None
    extras: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further named slots. Names are the caller's."""

    def __post_init__(self) -> None:
        for name in SLOT_NAMES:
            value = getattr(self, name)
            if value is not None:
                checked_text(value, name=f"slots.{name}")
        for name, value in self.extras.items():
            checked_text(name, name="slots.extras' name")
            checked_text(value, name=f"slots.extras[{name!r}]")

    def filled(self) -> dict[str, str]:
        """Return the slots that have a value, named ones first, extras after them."""
        named = {name: getattr(self, name) for name in SLOT_NAMES}
        return {name: value for name, value in {**named, **self.extras}.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Salience:
    """How much an experience was worth writing, and what each signal added to that (source: the HEI-NW seed).

    `score` is the sum of `contributions`.
    """

    surprise: float | None = None
    """Mean surprise per token, in the gate's units; None where no model measured it."""
    novelty: float | None = None
    """How new it was to the store, at least 0, where 1 is clearly new; None where it was not measured."""
    reward: bool = False
    """The task marked this as rewarding."""
    pin: bool = False
    """The user asked to keep this: never evicted."""
    score: float = 0.0
    """The gate's S."""
    contributions: Mapping[str, float] = field(default_factory=dict[str, float])
    """What each signal added to `score`."""

    def __post_init__(self) -> None:
        for name in ("surprise", "novelty", "score"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, checked_number(value, name=f"salience.{name}"))
        for name, value in self.contributions.items():
            checked_text(name, name="salience.contributions' name")
            checked_number(value, name=f"salience.contributions[{name!r}]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """One experience, as text with its parts, its origin and its worth (the seeds' `TraceValue`).

    Two episodes are equal when all fields are, the sketch compared element by element.

    Raises:
        InvalidInputError: blank, over-long or undecodable text, or a sketch that is not a finite vector.
    """

    text: str
    """What happened, in words: 1 to 100,000 characters."""
    provenance: Provenance
    """Where it came from."""
    slots: EntitySlots = field(default_factory=EntitySlots)
    """Its parts, where known."""
    salience: Salience = field(default_factory=Salience)
    """Why it was kept. A store with a gate fills it in."""
    session: str | None = None
    """The conversation or run it belongs to; recall can be limited to one."""
    sketch: NDArray[np.float32] | None = None
    """A small state of the model that lived it, shape (width,); free for the caller to use."""

    def __post_init__(self) -> None:
        checked_text(self.text)
        if not isinstance(self.provenance, Provenance):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInputError(
                f"`provenance` must be a Provenance, not {type(self.provenance).__name__}; "
                'every memory says where it came from: Provenance(source="…").'
            )
        checked_kind(self.slots, EntitySlots, name="slots", hint='EntitySlots(who="…", …)')
        checked_kind(self.salience, Salience, name="salience", hint="a Salience")
        if self.session is not None:
            checked_text(self.session, name="session")
        if self.sketch is not None:
            sketch = np.array(self.sketch, dtype=np.float32)
            if sketch.ndim != 1 or not np.isfinite(sketch).all():
                raise InvalidInputError(f"`sketch` must be a finite vector; it has shape {sketch.shape}.")
            sketch.flags.writeable = False
            object.__setattr__(self, "sketch", sketch)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Episode):
            return NotImplemented
        mine, theirs = self.sketch, other.sketch
        same_sketch = (mine is None and theirs is None) or (
            mine is not None and theirs is not None and np.array_equal(mine, theirs)
        )
        return same_sketch and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.text, self.provenance, self.session))

    def _parts(self) -> tuple[object, ...]:
        return self.text, self.provenance, self.slots, self.salience, self.session


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Generic[T]):
    """One answer to a cue."""

    id: int
    """The record's id in its store; never used again after a delete."""
    item: T
    """The record."""
    score: float
    """Higher is nearer, in every store and with every index."""
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Which path found it, and the parts of its score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one write. A store returns it only after the commit: the row is on disk."""

    status: Status
    id: int | None
    """The record that now holds the item; None if it was gated."""
    score: float | None = None
    """The gate's score, where a gate decided."""
    reason: str = ""
    """Why, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedLine:
    """A line that an import left out."""

    line: int
    """Its number in the file, from 1, blank lines counted."""
    reason: str
    """What is wrong with it, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of an import. A store returns it only after the commit."""

    receipts: tuple[Receipt, ...] = ()
    """One for each line that was imported, in the file's order."""
    skipped: tuple[SkippedLine, ...] = ()
    """The lines that were left out, in the file's order; empty unless the import was told to skip."""
