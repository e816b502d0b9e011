"""From scores to a threshold: which τ keeps the share you want, or the precision, and what does it cost in recall?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hippo_core import InvalidInputError
from hippo_core.checks import checked_number
from numpy.typing import ArrayLike, NDArray

from hippo_episodic.errors import CalibrationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A threshold, and what it does on the data that it was chosen on."""

    threshold: float
    """τ: an item is kept iff its score is above it. It lies halfway between the lowest score kept and the highest left
    out."""
    items: int
    """Scores that it was chosen on."""
    kept: int
    """Those above τ."""
    rate: float
    """kept / items."""
    per_1000_tokens: float | None
    """Writes per 1,000 tokens; None where no token counts were given."""
    precision: float | None
    """Share of the kept items that are labelled; None without labels, or where nothing is kept."""
    recall: float | None
    """Share of the labelled items that are kept; None without labels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeepCurve:
    """What every threshold would do, from keeping nothing to keeping everything; one point for each distinct score."""

    thresholds: NDArray[np.float64]
    """τ, falling, shape (points,)."""
    kept: NDArray[np.int64]
    """Items above τ, rising, shape (points,)."""
    rate: NDArray[np.float64]
    """kept / items."""
    precision: NDArray[np.float64] | None
    """Share of the kept that are labelled; NaN where nothing is kept. None without labels."""
    recall: NDArray[np.float64] | None
    """Share of the labelled that are kept. None without labels."""


def keep_curve(scores: ArrayLike, labels: ArrayLike | None = None) -> KeepCurve:
    """Return the share kept, and of labelled items the precision and the recall, at every threshold.

    Args:
        scores: the gate's S of each item (`Receipt.score`), shape (items,).
        labels: whether each was worth keeping, shape (items,); at least one must be.

    Cost:
        O(items · log items).

    Raises:
        InvalidInputError: no scores, a score that is not finite, or labels that do not fit them.

    Example:
        >>> curve = keep_curve([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
        >>> curve.kept.tolist(), curve.recall.tolist()
        ([0, 1, 3, 4], [0.0, 0.5, 1.0, 1.0])
    """
    values = _checked_scores(scores)
    order = np.argsort(-values, kind="stable")
    falling = values[order]
    # Items with one score are kept or left together, so a cut is possible only where the score changes
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(falling)) + 1, [len(falling)]])
    above, below = falling[cuts[1:-1] - 1], falling[cuts[1:-1]]
    between = below + (above - below) / 2
    between = np.where(between < above, between, below)  # neighbouring floats have nothing between them
    thresholds = np.concatenate([falling[:1], between, [np.nextafter(falling[-1], -np.inf)]])
    precision = recall = None
    if labels is not None:
        hits = np.concatenate([[0], np.cumsum(_checked_labels(labels, len(values))[order])])[cuts]
        precision = np.full(len(cuts), np.nan)
        np.divide(hits, cuts, out=precision, where=cuts > 0)
        recall = hits / hits[-1]
    return KeepCurve(
        thresholds=thresholds,
        kept=cuts.astype(np.int64),
        rate=cuts / len(values),
        precision=precision,
        recall=recall,
    )


def calibrate(
    scores: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    tokens: ArrayLike | None = None,
    target_rate: float | None = None,
    target_per_1000_tokens: float | None = None,
    target_precision: float | None = None,
    tolerance: float = 0.1,
) -> Calibration:
    """Choose the gate's threshold from the scores of items like those to come.

    Give one target: a share of items, a number of writes per 1,000 tokens, or a precision. With labels and no target,
    τ is where F1 is highest. A rate is met when the nearest reachable one is within `tolerance` of it; a precision is
    a lower bound, and the lowest τ that holds it is taken, which keeps most.

    Args:
        scores: the gate's S of each item (`Receipt.score`, of a gate with τ = −1), shape (items,).
        labels: whether each item was worth keeping, shape (items,).
        tokens: the length of each item in tokens, shape (items,).
        target_rate: share of items to keep, in (0, 1].
        target_per_1000_tokens: writes per 1,000 tokens, above 0; needs `tokens`.
        target_precision: share of the kept items that must be labelled, in (0, 1]; needs `labels`.
        tolerance: how far a rate may be from its target, as a share of the target, in [0, 1).

    Returns:
        τ with what it does on these items. On others it will do somewhat less well.

    Raises:
        CalibrationError: no threshold meets the target, for instance because most scores are the same; names the
            nearest value that one does meet.
        InvalidInputError: no target or several, a target out of range, or data that does not fit.

    Example:
        >>> found = calibrate([0.1, 0.2, 0.3, 0.4, 0.5], target_rate=0.4)
        >>> round(found.threshold, 2), found.kept
        (0.35, 2)
    """
    targets = {
        "target_rate": target_rate,
        "target_per_1000_tokens": target_per_1000_tokens,
        "target_precision": target_precision,
    }
    given = {name: checked_number(value, name=name) for name, value in targets.items() if value is not None}
    if len(given) > 1 or not (given or labels is not None):
        raise InvalidInputError(
            f"calibrate takes one of target_rate, target_per_1000_tokens and target_precision, or labels alone; "
            f"it got {' and '.join(given) or 'none of them'}."
        )
    _check_ranges(given, tolerance)
    curve = keep_curve(scores, labels)
    items = int(curve.kept[-1])
    total = None if tokens is None else _checked_tokens(tokens, items)
    if target_precision is not None:
        place = _precise_enough(curve, given["target_precision"])
    elif target_rate is not None:
        place = _nearest(curve.rate, given["target_rate"], tolerance, unit="of the items")
    elif target_per_1000_tokens is not None:
        if total is None:
            raise InvalidInputError("`target_per_1000_tokens` needs `tokens`, the length of each item in tokens.")
        place = _nearest(
            1000 * curve.kept / total, given["target_per_1000_tokens"], tolerance, unit="writes per 1,000 tokens"
        )
    else:
        place = _best_f1(curve)
    kept = int(curve.kept[place])
    return Calibration(
        threshold=float(curve.thresholds[place]),
        items=items,
        kept=kept,
        rate=kept / items,
        per_1000_tokens=None if total is None else 1000 * kept / total,
        precision=None if curve.precision is None or not kept else float(curve.precision[place]),
        recall=None if curve.recall is None else float(curve.recall[place]),
    )


def _nearest(reachable: NDArray[np.float64], target: float, tolerance: float, *, unit: str) -> int:
    """Return the place of the reachable rate nearest to the target; of two, the lower rate. Keeping nothing is none."""
    place = 1 + int(np.argmin(np.abs(reachable[1:] - target)))
    # Room for rounding: 0.4 ± 10 % is met by 0.44
    if abs(reachable[place] - target) > tolerance * target + 1e-9:
        below = [f"{value:.4g}" for value in reachable[1:] if value < target][-1:]
        above = [f"{value:.4g}" for value in reachable[1:] if value > target][:1]
        raise CalibrationError(
            f"No threshold keeps {target:g} {unit} within {tolerance:.0%}; the nearest that one keeps is "
            f"{' below and '.join(below + above)}{' above' if below and above else ''}. Items with the same score are "
            "kept or left together: give more items, another target, or a wider tolerance."
        )
    return place


def _precise_enough(curve: KeepCurve, target: float) -> int:
    if curve.precision is None:
        raise InvalidInputError("`target_precision` needs `labels`: whether each item was worth keeping.")
    reached = np.flatnonzero(curve.precision[1:] >= target - 1e-9)
    if not len(reached):
        raise CalibrationError(
            f"No threshold has a precision of {target:g}; the highest that one has is "
            f"{curve.precision[1:].max():.4g}. The scores do not tell the labelled items well enough from the others."
        )
    return 1 + int(reached[-1])


def _best_f1(curve: KeepCurve) -> int:
    if curve.precision is None or curve.recall is None:  # pragma: no cover - calibrate has seen to it
        raise InvalidInputError("`labels` are needed.")
    # Kept and labelled over the mean of the two counts; nothing kept has F1 = 0
    labelled_share = curve.precision[-1]
    f1 = 2 * curve.recall * labelled_share / (curve.rate + labelled_share)
    return int(np.argmax(f1))


def _checked_scores(scores: ArrayLike) -> NDArray[np.float64]:
    try:
        values = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"`scores` must be numbers: {exc}. A merged write has no score; leave it out.") from exc
    if values.ndim != 1 or not len(values):
        raise InvalidInputError(f"`scores` must be a list of at least one number; it has shape {values.shape}.")
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InvalidInputError(
            f"`scores[{bad}]` is {values[bad]}; every score must be finite. A merged write has none; leave it out."
        )
    return values


def _checked_labels(labels: ArrayLike, items: int) -> NDArray[np.bool_]:
    values = np.asarray(labels)
    if values.shape != (items,):
        raise InvalidInputError(f"`labels` has shape {values.shape} for {items} scores; give one each.")
    if values.dtype != np.bool_ and not np.isin(values, (0, 1)).all():
        raise InvalidInputError("`labels` must be true or false (1 or 0) for each item.")
    if not values.any():
        raise InvalidInputError("`labels` marks no item as worth keeping, so there is nothing to find.")
    return values.astype(np.bool_)


def _checked_tokens(tokens: ArrayLike, items: int) -> float:
    values = np.asarray(tokens, dtype=np.float64)
    if values.shape != (items,):
        raise InvalidInputError(f"`tokens` has shape {values.shape} for {items} scores; give one count each.")
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise InvalidInputError("`tokens` must be counts of at least 0, and not all 0.")
    return float(values.sum())


def _check_ranges(given: dict[str, float], tolerance: float) -> None:
    for name, value in given.items():
        is_share = name != "target_per_1000_tokens"
        if value <= 0 or (is_share and value > 1):
            raise InvalidInputError(f"`{name}` must be above 0{' and at most 1' if is_share else ''}, not {value!r}.")
    if not 0 <= checked_number(tolerance, name="tolerance") < 1:
        raise InvalidInputError(f"`tolerance` must lie in [0, 1), not {tolerance!r}.")
