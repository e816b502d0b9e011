"""The effect test: does the memory's content, and nothing else, make the answers right?

The full run is compared with two controls that change only the store: emptied, and shuffled, where the stored contents
are permuted among their keys. A difference that the stronger control explains is no effect of memory.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from hippo_core import InvalidInputError
from numpy.typing import ArrayLike

from hippo_lab.statistics import RESAMPLES, Interval, resampled_means

T = TypeVar("T")

MARGIN = 0.2
"""By how much exact match must rise, with 95 % confidence, for an effect to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectResult:
    """Outcome of the effect test."""

    full: float
    """EM with the memory as taught."""
    emptied: float
    """EM with an empty store."""
    shuffled: float
    """EM with the contents permuted among their keys."""
    difference: Interval
    """Full minus the stronger control; the stronger one is chosen again in each resample."""
    passed: bool
    """Whether the interval's lower end exceeds the margin."""


def effect_test(
    full: ArrayLike,
    emptied: ArrayLike,
    shuffled: ArrayLike,
    seeds: Sequence[int],
    *,
    rng: np.random.Generator,
    margin: float = MARGIN,
    resamples: int = RESAMPLES,
) -> EffectResult:
    """Compare EM on the same questions with the full, the emptied and the shuffled store.

    Passed iff the lower end of the 95 % paired bootstrap interval (two-stage, see `statistics`) of
    EM(full) − max(EM(emptied), EM(shuffled)) exceeds `margin`.

    Args:
        full: 1 or 0 a question, shape (n,).
        emptied: the same questions in the same order.
        shuffled: the same questions in the same order.
        seeds: the seed of each question's world, length n.
        rng: draws the resamples.
        margin: in [0, 1).
        resamples: bootstrap repetitions.

    Raises:
        InvalidInputError: no questions, or lengths that differ.
    """
    columns = [np.asarray(column, dtype=np.float64) for column in (full, emptied, shuffled)]
    if len({len(column) for column in columns} | {len(seeds)}) != 1 or len(seeds) == 0:
        raise InvalidInputError(
            f"the effect test needs the same questions in each run; it got {[len(column) for column in columns]} "
            f"answers and {len(seeds)} seeds."
        )
    table = np.stack(columns, axis=1)
    means = table.mean(axis=0)
    resampled = resampled_means(table, seeds, rng=rng, resamples=resamples)
    differences = resampled[:, 0] - resampled[:, 1:].max(axis=1)
    mean = float(means[0] - means[1:].max())
    low, high = (float(edge) for edge in np.quantile(differences, (0.025, 0.975)))
    # Choosing the stronger control in each resample can only lower the difference, so the mean may lie above `high`
    interval = Interval(mean=mean, low=min(low, mean), high=max(high, mean), n=len(seeds), seeds=len(set(seeds)))
    return EffectResult(
        full=float(means[0]),
        emptied=float(means[1]),
        shuffled=float(means[2]),
        difference=interval,
        passed=interval.low > margin,
    )


def shuffled_contents(contents: Sequence[T], rng: random.Random) -> list[T]:
    """Return `contents` permuted so that none stays in its place (one cycle, Sattolo 1986); needs two or more.

    Keys stay where they are: writing the n-th result under the n-th key makes the shuffled store.

    Raises:
        InvalidInputError: fewer than two contents, which cannot change places.
    """
    if len(contents) < 2:
        raise InvalidInputError(f"{len(contents)} contents cannot change places; shuffle at least 2.")
    permuted = list(contents)
    for last in range(len(permuted) - 1, 0, -1):
        other = rng.randrange(last)
        permuted[last], permuted[other] = permuted[other], permuted[last]
    return permuted
