"""`metrics.json`: the one shape in which every experiment hands its results to machines.

{"experiment", "run": {commit, dirty, versions, model, seeds, hardware, command, config_hash, seconds},
 "suites": {suite: {"arms": {arm: {metric: {mean, low, high, n, seeds}}},
                    "differences": [{a, b, metric, mean, low, high, p}],
                    "effect": {full, emptied, shuffled, passed}}}}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hippo_lab.effect import EffectResult
from hippo_lab.errors import MetricsShapeError
from hippo_lab.statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What a result came from."""

    commit: str
    """Of the source, hexadecimal; `unknown` outside a repository."""
    dirty: bool
    """Whether the source had changes that no commit holds."""
    versions: Mapping[str, str]
    """Python's and the packages'."""
    model: str
    seeds: tuple[int, ...]
    hardware: str
    command: str
    config_hash: str
    """SHA-256 of the resolved configuration, hexadecimal."""
    seconds: float
    """Wall time of the whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Metric of arm `a` minus that of arm `b` on the same questions."""

    a: str
    b: str
    metric: str
    mean: float
    low: float
    high: float
    p: float
    """Two-sided, adjusted by Holm over the suite's differences."""


ArmMetrics = Mapping[str, Interval]
"""Metric to value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteMetrics:
    """The results of one suite."""

    arms: Mapping[str, ArmMetrics]
    """In the order of the tables."""
    differences: tuple[Difference, ...] = ()
    effect: EffectResult | None = None
    """None where the run had no controls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The results of one run."""

    experiment: str
    run: RunInfo
    suites: Mapping[str, SuiteMetrics] = field(default_factory=dict[str, SuiteMetrics])

    def document(self) -> dict[str, Any]:
        """Return the content of `metrics.json`, checked by `validate_metrics`."""
        run = {name: getattr(self.run, name) for name in _RUN}
        document = {
            "experiment": self.experiment,
            "run": {**run, "versions": dict(self.run.versions), "seeds": list(self.run.seeds)},
            "suites": {name: _suite_document(suite) for name, suite in self.suites.items()},
        }
        validate_metrics(document)
        return document


_RUN: dict[str, type | tuple[type, ...]] = {
    "commit": str,
    "dirty": bool,
    "versions": dict,
    "model": str,
    "seeds": list,
    "hardware": str,
    "command": str,
    "config_hash": str,
    "seconds": (int, float),
}
_INTERVAL = ("mean", "low", "high", "n", "seeds")
_DIFFERENCE = ("a", "b", "metric", "mean", "low", "high", "p")
_EFFECT = ("full", "emptied", "shuffled", "passed")


def validate_metrics(document: object) -> None:
    """Check that `document` has the shape above: these keys, no others, finite numbers, means inside their intervals.

    `effect` is absent from a suite whose run had no controls.

    Raises:
        MetricsShapeError: names the place, for instance `suites.scenario_a.arms.text.em`.
    """
    top = _keys(document, "the document", ("experiment", "run", "suites"))
    _expect(isinstance(top["experiment"], str) and top["experiment"], "experiment", "a name", top["experiment"])
    run = _keys(top["run"], "run", tuple(_RUN))
    for name, kind in _RUN.items():
        is_flag = isinstance(run[name], bool)
        _expect(isinstance(run[name], kind) and is_flag == (kind is bool), f"run.{name}", str(kind), run[name])
    _number(run["seconds"], "run.seconds")
    for name, suite in _object(top["suites"], "suites").items():
        _validate_suite(suite, f"suites.{name}")


def _validate_suite(suite: object, place: str) -> None:
    given = _object(suite, place)
    parts = _keys(given, place, ("arms", "differences", *(("effect",) if "effect" in given else ())))
    for arm, metrics in _object(parts["arms"], f"{place}.arms").items():
        for metric, interval in _object(metrics, f"{place}.arms.{arm}").items():
            _validate_interval(interval, f"{place}.arms.{arm}.{metric}", _INTERVAL)
    _expect(isinstance(parts["differences"], list), f"{place}.differences", "a list", parts["differences"])
    for number, difference in enumerate(parts["differences"]):
        spot = f"{place}.differences[{number}]"
        _validate_interval(difference, spot, _DIFFERENCE)
        for name in ("a", "b", "metric"):
            _expect(isinstance(difference[name], str), f"{spot}.{name}", "a name", difference[name])
        _expect(0 <= _number(difference["p"], f"{spot}.p") <= 1, f"{spot}.p", "in [0, 1]", difference["p"])
    if "effect" in parts:
        effect = _keys(parts["effect"], f"{place}.effect", _EFFECT)
        for name in ("full", "emptied", "shuffled"):
            value = _number(effect[name], f"{place}.effect.{name}")
            _expect(0 <= value <= 1, f"{place}.effect.{name}", "in [0, 1]", value)
        _expect(isinstance(effect["passed"], bool), f"{place}.effect.passed", "true or false", effect["passed"])


def _validate_interval(value: object, place: str, names: tuple[str, ...]) -> None:
    interval = _keys(value, place, names)
    low, mean, high = (_number(interval[name], f"{place}.{name}") for name in ("low", "mean", "high"))
    _expect(low <= mean <= high, place, "low ≤ mean ≤ high", [low, mean, high])
    for name in ("n", "seeds"):
        if name in names:
            count = interval[name]
            _expect(
                isinstance(count, int) and not isinstance(count, bool) and count >= 1, f"{place}.{name}", "≥ 1", count
            )


def _suite_document(suite: SuiteMetrics) -> dict[str, Any]:
    document: dict[str, Any] = {
        "arms": {
            arm: {metric: {name: getattr(interval, name) for name in _INTERVAL} for metric, interval in row.items()}
            for arm, row in suite.arms.items()
        },
        "differences": [{name: getattr(row, name) for name in _DIFFERENCE} for row in suite.differences],
    }
    if suite.effect is not None:
        document["effect"] = {name: getattr(suite.effect, name) for name in _EFFECT}
    return document


def _object(value: object, place: str) -> dict[str, Any]:
    _expect(isinstance(value, dict), place, "an object", value)
    return cast("dict[str, Any]", value)


def _keys(value: object, place: str, names: tuple[str, ...]) -> dict[str, Any]:
    found = _object(value, place)
    for name in names:
        _expect(name in found, f"{place}.{name}", "present", "nothing")
    for name in found:
        _expect(name in names, f"{place}.{name}", f"one of {', '.join(names)}", name)
    return found


def _number(value: object, place: str) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    _expect(good, place, "a finite number", value)
    return float(cast("float", value))


def _expect(condition: object, place: str, wanted: str, found: object) -> None:
    if not condition:
        raise MetricsShapeError(f"metrics: {place} must be {wanted}, not {found!r:.80}.")
