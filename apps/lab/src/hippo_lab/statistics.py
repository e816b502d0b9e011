"""Intervals and tests: what a difference between two arms is worth.

Questions of one seed share a world, so they are resampled inside their seed, and seeds as wholes: a two-stage
percentile bootstrap (Davison and Hinkley 1997, §3.8). With one seed only questions are resampled, and
the interval says nothing about other worlds. Everything is deterministic for a given generator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hippo_core import InvalidInputError
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000
"""Bootstrap repetitions; the ends of a 95 % interval then vary by about 2 % of its width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and its 95 % interval.

    Raises:
        InvalidInputError: a value that is not finite, a mean outside [low, high], or no observations.
    """

    mean: float
    low: float
    high: float
    n: int
    """Observations, for instance questions times seeds."""
    seeds: int
    """Seeds that they come from."""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.mean, self.low, self.high))):
            raise InvalidInputError(f"an interval must be finite, not {self.mean} [{self.low}, {self.high}].")
        if not self.low <= self.mean <= self.high:
            raise InvalidInputError(f"the mean {self.mean} is outside its interval [{self.low}, {self.high}].")
        if self.n < 1 or self.seeds < 1:
            raise InvalidInputError(f"an interval needs observations; n is {self.n}, seeds {self.seeds}.")


def mean_interval(
    values: ArrayLike, seeds: Sequence[int], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """Return the mean of `values` and its 95 % percentile interval, clustered by seed, then question.

    Args:
        values: one number a question, shape (n,).
        seeds: the seed that each question's world was made from, length n.
        rng: draws the resamples.
        resamples: repetitions; cost O(resamples · n).

    Raises:
        InvalidInputError: no values, lengths that differ, or a value that is not finite.
    """
    table = _checked(np.asarray(values, dtype=np.float64).reshape(-1, 1), seeds)
    means = resampled_means(table, seeds, rng=rng, resamples=resamples)[:, 0]
    return _interval(float(table.mean()), means, seeds)


def paired_difference(
    first: ArrayLike, second: ArrayLike, seeds: Sequence[int], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[Interval, float]:
    """Return the mean of `first` − `second` with its 95 % interval, and the bootstrap's two-sided p.

    Both hold one number for each of the same questions in the same order; a question is resampled with both.
    p is twice the share of resamples on the far side of zero, at least 1/resamples.

    Raises:
        InvalidInputError: as in `mean_interval`.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape:
        raise InvalidInputError(f"a paired difference needs the same questions; shapes are {one.shape}, {two.shape}.")
    table = _checked((one - two).reshape(-1, 1), seeds)
    means = resampled_means(table, seeds, rng=rng, resamples=resamples)[:, 0]
    tail = min(float((means <= 0).mean()), float((means >= 0).mean()))
    return _interval(float(table.mean()), means, seeds), min(1.0, max(2 * tail, 1 / resamples))


def resampled_means(
    table: NDArray[np.float64], seeds: Sequence[int], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return each column's mean in each resample, shape (resamples, columns); one draw serves all columns.

    Args:
        table: shape (n, columns); a row is a question.
        seeds: length n.
        rng: draws seeds with replacement, then as many questions as a drawn seed has, with replacement.
        resamples: repetitions.
    """
    labels = np.asarray(seeds)
    groups = [table[labels == label] for label in np.unique(labels)]
    drawn = rng.integers(0, len(groups), size=(resamples, len(groups)))
    sums = np.zeros((resamples, table.shape[1]))
    counts = np.zeros(resamples)
    for number, group in enumerate(groups):
        rows, _ = np.nonzero(drawn == number)
        picks = rng.integers(0, len(group), size=(len(rows), len(group)))
        np.add.at(sums, rows, group[picks].sum(axis=1))
        np.add.at(counts, rows, len(group))
    return sums / counts[:, None]


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Return the exact two-sided p of McNemar's test that two arms are right equally often on the same questions.

    Args:
        first: right (1) or wrong (0) for each question, shape (n,).
        second: the same questions in the same order.

    Raises:
        InvalidInputError: shapes that differ, or values other than 0 and 1.

    Example:
        >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0])
        0.0625
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape:
        raise InvalidInputError(f"McNemar's test needs the same questions; shapes are {one.shape}, {two.shape}.")
    if not np.isin(np.concatenate([one, two]), (0.0, 1.0)).all():
        raise InvalidInputError("McNemar's test compares right (1) with wrong (0); use paired_difference for others.")
    only_first, only_second = int(((one == 1) & (two == 0)).sum()), int(((one == 0) & (two == 1)).sum())
    discordant = only_first + only_second
    ways = sum(math.comb(discordant, count) for count in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * ways / 2**discordant)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p values adjusted for being one family (Holm 1979), in the given order; none falls.

    Example:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    floor = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}


def _checked(table: NDArray[np.float64], seeds: Sequence[int]) -> NDArray[np.float64]:
    if len(table) == 0 or len(table) != len(seeds):
        raise InvalidInputError(f"give one seed for each value and at least one value; {len(table)} and {len(seeds)}.")
    if not np.isfinite(table).all():
        place = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise InvalidInputError(f"value {place} is {float(table[place, 0])}; leave out what was not measured.")
    return table


def _interval(mean: float, means: NDArray[np.float64], seeds: Sequence[int]) -> Interval:
    low, high = (float(edge) for edge in np.quantile(means, (0.025, 0.975)))
    # Rounding alone can put the mean a hair outside where all values are equal
    return Interval(mean=mean, low=min(low, mean), high=max(high, mean), n=len(seeds), seeds=len(set(seeds)))
