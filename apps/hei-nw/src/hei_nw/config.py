"""What a run is asked to do: the checked form of the Hydra configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hippo_core import InvalidInputError
from hippo_lab.arms import arm_spec

from hei_nw.suites import suite_names

LOCOMO = "locomo"
SMALL = "_small"
"""Ends the name of a suite's small world, which fits a window whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One run, resolved.

    Raises:
        InvalidInputError: an unknown suite or arm, no seeds, or a size that cannot be; names the key.
    """

    suite: tuple[str, ...]
    """Suites to run: registered names, with `_small` at the end for the small world, or `locomo`."""
    arms: tuple[str, ...]
    """Arms to compare, as `hippo_lab.arms.parse_arm` reads them."""
    extra_arms: Mapping[str, tuple[str, ...]]
    """Suite to arms that only it runs."""
    n: int
    """Questions a seed and suite."""
    questions: Mapping[str, int]
    """Suite to its own number of questions, where it is not `n`."""
    episodes: int
    """Episodes taught a seed and suite."""
    seed: tuple[int, ...]
    model: str
    adapter: str
    """What the `cross_attention` arms read with."""
    dtype: str
    batch_size: int
    workers: int | None
    """Worker processes; None is one a core."""
    output: str
    """Where run folders go."""
    locomo: str | None
    """LoCoMo's file; needed by the suite `locomo` alone."""

    def __post_init__(self) -> None:
        known = {*suite_names(), *(name + SMALL for name in suite_names()), LOCOMO}
        for name in self.suite:
            if name not in known:
                raise InvalidInputError(f"`suite`: there is no {name!r}; there are: all, {', '.join(sorted(known))}.")
        for name in (*self.arms, *(arm for arms in self.extra_arms.values() for arm in arms)):
            arm_spec(name)
        for name in ("n", "episodes", "batch_size", "workers"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, not {getattr(self, name)}.")
        if not self.seed:
            raise InvalidInputError("`seed` is empty; give one, or a list as in seed=[0,1,2].")
        if LOCOMO in self.suite and (self.locomo is None or not Path(self.locomo).is_file()):
            raise InvalidInputError(
                f"`locomo` must be the path of LoCoMo's file, not {self.locomo!r}; get locomo10.json from "
                "github.com/snap-research/locomo (folder data) and pass locomo=PATH."
            )

    @classmethod
    def of(cls, resolved: Mapping[str, Any]) -> RunConfig:
        """Return the checked form of Hydra's resolved configuration."""
        preset = resolved["preset"]
        suites = _list(resolved["suite"] if resolved["suite"] is not None else preset["suite"])
        if suites == ["all"]:
            suites = list(suite_names())
        return cls(
            suite=tuple(str(name) for name in suites),
            arms=tuple(preset["arms"]),
            extra_arms={name: tuple(arms) for name, arms in preset["extra_arms"].items()},
            n=int(resolved["n"] if resolved["n"] is not None else preset["n"]),
            questions=dict(preset["questions"]) if resolved["n"] is None else {},
            episodes=int(resolved["episodes"]),
            seed=tuple(_whole(seed) for seed in _list(resolved["seed"])),
            model=str(resolved["model"]),
            adapter=str(resolved["adapter"]),
            dtype=str(resolved["dtype"]),
            batch_size=int(resolved["batch_size"]),
            workers=None if resolved["workers"] is None else int(resolved["workers"]),
            output=str(resolved["output"]),
            locomo=None if resolved["locomo"] is None else str(resolved["locomo"]),
        )

    def arms_of(self, suite: str) -> tuple[str, ...]:
        """Return the arms that `suite` runs."""
        return self.arms + self.extra_arms.get(suite, ())

    def questions_of(self, suite: str) -> int:
        """Return how many questions a seed of `suite` asks."""
        return self.questions.get(suite, self.n)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RunConfig:
        """Return what `document` was made from."""
        lists = {name: tuple(document[name]) for name in ("suite", "arms", "seed")}
        extra = {name: tuple(arms) for name, arms in document["extra_arms"].items()}
        return cls(**{**document, **lists, "extra_arms": extra})

    def document(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        return {
            **asdict(self),
            "suite": list(self.suite),
            "arms": list(self.arms),
            "extra_arms": {name: list(arms) for name, arms in self.extra_arms.items()},
            "seed": list(self.seed),
        }


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInputError(f"`seed` must be a whole number or a list of them, not {value!r}.")
    return value
