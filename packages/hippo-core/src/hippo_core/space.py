"""What spatial memory is written as and hands out: steps, trajectories, paths and macros."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hippo_core.checks import checked_number, checked_probability
from hippo_core.errors import InvalidInputError
from hippo_core.provenance import Provenance

Context = Mapping[str, str | int | float | bool]
"""What an agent perceives at one place: named features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One move: what was seen, what was done, what came of it.

    Raises:
        InvalidInputError: a negative or non-finite cost.
    """

    context: Context
    """What was seen before the action."""
    action: str | None = None
    """What was done; None for a mere look."""
    outcome: Context | None = None
    """What was seen after the action; None where nothing was seen."""
    cost: float = 1.0
    """Price of the action, at least 0, in the caller's unit."""
    provenance: Provenance | None = None
    """Where it came from; required by a store, optional inside a trajectory that carries its own."""

    def __post_init__(self) -> None:
        cost = checked_number(self.cost, name="cost")
        if cost < 0:
            raise InvalidInputError(f"`cost` must be at least 0, not {cost!r}: a planner cannot bound negative costs.")
        object.__setattr__(self, "cost", cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Steps in order, and whether they reached what they were for."""

    steps: tuple[Step, ...]
    success: bool
    provenance: Provenance
    goal: str | None = None
    """What it was for, in the caller's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A plan: places, and the actions between them.

    Raises:
        InvalidInputError: the number of actions is not one less than the number of places, or a probability is
            outside [0, 1].
    """

    places: tuple[int, ...]
    """Place ids from start to goal, both included."""
    actions: tuple[str, ...]
    """One action between each pair of neighbours."""
    cost: float
    """Sum of the edges' mean costs."""
    success_probability: float
    """Product of the edges' success probabilities, in [0, 1]."""

    def __post_init__(self) -> None:
        if len(self.actions) != max(0, len(self.places) - 1):
            raise InvalidInputError(
                f"a path over {len(self.places)} places needs {max(0, len(self.places) - 1)} actions, "
                f"not {len(self.actions)}."
            )
        checked_probability(self.success_probability, name="success_probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A habit: a sequence of actions that has worked, with slots left open.

    Raises:
        InvalidInputError: no steps, or negative counts.
    """

    signature: str
    """A stable name made from its steps and slots."""
    steps: tuple[str, ...]
    """Actions, with `{slot}` where the situation decides."""
    precondition: Context = field(default_factory=dict[str, str | int | float | bool])
    """Features that must hold before the first step."""
    successes: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        if not self.steps:
            raise InvalidInputError(f"macro {self.signature!r} has no steps.")
        if self.successes < 0 or self.failures < 0:
            raise InvalidInputError(
                f"macro {self.signature!r}: counts cannot be negative ({self.successes}, {self.failures})."
            )

    @property
    def success_probability(self) -> float:
        """Mean of the Beta(1 + successes, 1 + failures) posterior, in (0, 1)."""
        return (1 + self.successes) / (2 + self.successes + self.failures)
