"""What a run is asked to do: the checked form of the Hydra configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hippo_core import InvalidInputError
from hippo_lab.arms import arm_spec
from hippo_train import ConsolidationConfig

from hei_nw.suites import suite_names

LOCOMO = "locomo"
SMALL = "_small"
"""Ends the name of a suite's small world, which fits a window whole."""
NIGHT = "_night"
"""Ends the name of a suite whose traces are consolidated."""


CONSOLIDATED = "consolidated"
"""Begins the name of every arm that answers with the weights of the last night."""
_BY_SUITE = ("extra_arms", "own_arms", "seeds")


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
    own_arms: Mapping[str, tuple[str, ...]]
    """Suite to the arms that it runs in place of `arms`."""
    n: int
    """Questions a seed and suite."""
    questions: Mapping[str, int]
    """Suite to its own number of questions, where it is not `n`."""
    seeds: Mapping[str, tuple[int, ...]]
    """Suite to the only ones of `seed` that it runs."""
    days: int
    """Days that a world of `..._night` is told on, each with its questions and a night after it."""
    night: Mapping[str, Any]
    """Fields of `hippo_train.ConsolidationConfig` that are not the default."""
    drift_text: str | None
    """File whose perplexity a night is held to; None is the model's own text."""
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
        known = {*suite_names(), *(name + end for name in suite_names() for end in (SMALL, NIGHT)), LOCOMO}
        for name in self.suite:
            if name not in known:
                raise InvalidInputError(f"`suite`: there is no {name!r}; there are: all, {', '.join(sorted(known))}.")
        for name in (
            *self.arms,
            *(arm for arms in (*self.extra_arms.values(), *self.own_arms.values()) for arm in arms),
        ):
            arm_spec(name)
        for name in ("n", "episodes", "batch_size", "workers", "days"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, not {getattr(self, name)}.")
        if not self.seed:
            raise InvalidInputError("`seed` is empty; give one, or a list as in seed=[0,1,2].")
        for suite in self.suite:
            if not suite.endswith(NIGHT) and (rested := [a for a in self.arms_of(suite) if a.startswith(CONSOLIDATED)]):
                raise InvalidInputError(
                    f"the arm {rested[0]!r} needs a night, which {suite!r} has none of; choose {suite + NIGHT!r}."
                )
        self.consolidation()
        if self.drift_text is not None and not Path(self.drift_text).is_file():
            raise InvalidInputError(f"`drift_text` must be the path of a text, not {self.drift_text!r}.")
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
            own_arms={name: tuple(arms) for name, arms in preset["own_arms"].items()},
            n=int(resolved["n"] if resolved["n"] is not None else preset["n"]),
            questions=dict(preset["questions"]) if resolved["n"] is None else {},
            seeds={name: tuple(seeds) for name, seeds in preset["seeds"].items()} if resolved["suite"] is None else {},
            days=int(resolved["days"]),
            night=dict(resolved["night"] or {}),
            drift_text=None if resolved["drift_text"] is None else str(resolved["drift_text"]),
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

    def consolidation(self) -> ConsolidationConfig:
        """Return how a night goes.

        Raises:
            InvalidInputError: `night` has a key or a value that cannot be.
        """
        known = {each.name for each in fields(ConsolidationConfig)} - {"traces", "rehearsed"}
        for name in self.night:
            if name not in known:
                raise InvalidInputError(f"`night` has no {name!r}; there are: {', '.join(sorted(known))}.")
        return ConsolidationConfig(**self.night)

    def arms_of(self, suite: str) -> tuple[str, ...]:
        """Return the arms that `suite` runs."""
        return self.own_arms.get(suite, self.arms) + self.extra_arms.get(suite, ())

    def seeds_of(self, suite: str) -> tuple[int, ...]:
        """Return the seeds that `suite` runs."""
        return tuple(seed for seed in self.seed if seed in self.seeds.get(suite, self.seed))

    def questions_of(self, suite: str) -> int:
        """Return how many questions a seed of `suite` asks."""
        return self.questions.get(suite, self.n)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RunConfig:
        """Return what `document` was made from."""
        lists = {name: tuple(document[name]) for name in ("suite", "arms", "seed")}
        by_suite = {name: {suite: tuple(several) for suite, several in document[name].items()} for name in _BY_SUITE}
        return cls(**{**document, **lists, **by_suite})

    def document(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        return {
            **asdict(self),
            "suite": list(self.suite),
            "arms": list(self.arms),
            "seed": list(self.seed),
            **{name: {suite: list(several) for suite, several in getattr(self, name).items()} for name in _BY_SUITE},
        }


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInputError(f"`seed` must be a whole number or a list of them, not {value!r}.")
    return value
