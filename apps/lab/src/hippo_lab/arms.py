"""Arms: the ways of answering that an experiment compares, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hippo_core import InvalidInputError

from hippo_lab.errors import UnknownNameError

Reads = Literal["nothing", "gold", "everything", "recalled"]
"""What an arm sees of the taught text: nothing; the gold items; all that fits; what a memory or a retriever finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One text that an arm put before the model."""

    text: str
    key: str | None = None
    """The item's key, where the arm knows it."""
    score: float | None = None
    """Higher is nearer; None where nothing ranked it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an arm said to one question."""

    question_id: str
    text: str
    """The answer, as it will be scored."""
    raw: str
    """The whole generation, uncut."""
    prompt: str = ""
    """What the model read."""
    traces: tuple[Trace, ...] = ()
    """What was recalled, best first, whether or not it fits into the prompt."""
    costs: Mapping[str, float] = field(default_factory=dict[str, float])
    """Metric to value, see `hippo_lab.accounting`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpec:
    """What is known about an arm before it runs."""

    name: str
    reads: Reads
    summary: str
    """One line for tables and `--help`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmName:
    """An arm's name as written: `text`, or `text@8` for a fixed number of traces."""

    base: str
    k: int | None = None
    """Number of traces; None leaves it to the arm."""

    def __str__(self) -> str:
        return self.base if self.k is None else f"{self.base}@{self.k}"


_specs: dict[str, ArmSpec] = {}


def register_arm(name: str, *, reads: Reads, summary: str) -> ArmSpec:
    """Make an arm known by name.

    Raises:
        InvalidInputError: the name is taken, or holds the `@` that separates the number of traces.
    """
    if name in _specs:
        raise InvalidInputError(f"there is already an arm {name!r}; choose another name.")
    if "@" in name or not name.strip():
        raise InvalidInputError(f"an arm cannot be called {name!r}: `@` separates the number of traces, as in text@8.")
    _specs[name] = ArmSpec(name=name, reads=reads, summary=summary)
    return _specs[name]


def arm_names() -> tuple[str, ...]:
    """Return the registered names in the order of registration."""
    return tuple(_specs)


def arm_spec(name: str | ArmName) -> ArmSpec:
    """Return what was registered for `name`, with or without its number of traces.

    Raises:
        UnknownNameError: no such arm; the message lists those that there are.
        InvalidInputError: the number of traces is not one.
    """
    base = (parse_arm(name) if isinstance(name, str) else name).base
    if base not in _specs:
        raise UnknownNameError(f"No arm {base!r}; there are: {', '.join(sorted(_specs))}.")
    return _specs[base]


def parse_arm(text: str) -> ArmName:
    """Read `text` or `text@8`.

    Raises:
        InvalidInputError: what follows `@` is not a whole number of at least 1.

    Example:
        >>> parse_arm("text@8")
        ArmName(base='text', k=8)
    """
    base, at, number = text.partition("@")
    if not at:
        return ArmName(base=base)
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise InvalidInputError(f"arm {text!r}: what follows `@` must be a whole number of at least 1, not {number!r}.")
    return ArmName(base=base, k=int(number))
