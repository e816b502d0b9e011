"""Pictures of results, as PNG bytes. Drawn without a display; the palette is readable to the colour-blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from hippo_core import InvalidInputError
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito 2008
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("--", ":", "-.")
_INK = "#24292f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a plot, or single points.

    Raises:
        InvalidInputError: lengths that differ, or no points.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    """Lower ends of the intervals; empty for none."""
    high: tuple[float, ...] = ()
    baseline: bool = False
    """Drawn dashed and grey, to compare with."""

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y), len(self.low) or len(self.x), len(self.high) or len(self.x)}
        if lengths == {0} or len(lengths) != 1 or bool(self.low) != bool(self.high):
            raise InvalidInputError(
                f"curve {self.label!r} needs as many x as y, low and high: {len(self.x)}, {len(self.y)}, "
                f"{len(self.low)}, {len(self.high)}."
            )


def arms_plot(arms: Mapping[str, Mapping[str, Any]], *, metric: str, title: str) -> bytes:
    """Return a bar for each arm that has `metric`, with its 95 % interval and its value.

    Args:
        arms: as in `metrics.json`: arm to metric to `{mean, low, high}`.
        metric: which one; values in [0, 1].
        title: above the plot.

    Raises:
        InvalidInputError: no arm has the metric.
    """
    rows = [(arm, values[metric]) for arm, values in arms.items() if metric in values]
    if not rows:
        raise InvalidInputError(f"no arm has the metric {metric!r}; there are {sorted(arms)}.")
    figure, axes = _axes(width=max(4.5, 1.1 + 0.8 * len(rows)), title=title)
    means = [row["mean"] for _, row in rows]
    errors = [[row["mean"] - row["low"] for _, row in rows], [row["high"] - row["mean"] for _, row in rows]]
    axes.bar(range(len(rows)), means, width=0.66, color=_COLOURS[0], alpha=0.9, zorder=2)
    axes.errorbar(range(len(rows)), means, yerr=errors, fmt="none", ecolor=_INK, elinewidth=1.2, capsize=3, zorder=3)
    for place, (_, row) in enumerate(rows):
        axes.annotate(
            f"{row['mean']:.2f}", (place, row["high"]), xytext=(0, 4), textcoords="offset points", ha="center",
            fontsize=8.5, color=_INK,
        )  # fmt: skip
    axes.set_xticks(range(len(rows)), [arm for arm, _ in rows], rotation=30 if len(rows) > 5 else 0, ha="center")
    axes.set_ylim(0, 1.12)
    axes.set_ylabel(metric)
    return _png(figure)


def curves_plot(curves: Sequence[Curve], *, title: str, x_label: str, y_label: str, log_x: bool = False) -> bytes:
    """Return lines with markers and shaded intervals; baselines dashed.

    Raises:
        InvalidInputError: no curves.
    """
    if not curves:
        raise InvalidInputError("a plot needs at least one curve.")
    figure, axes = _axes(width=6.2, title=title)
    for number, curve in enumerate(curves):
        colour = "#8C8C8C" if curve.baseline else _COLOURS[number % len(_COLOURS)]
        style = _DASHES[number % len(_DASHES)] if curve.baseline else "-"
        axes.plot(curve.x, curve.y, style, marker="o", markersize=4, linewidth=1.8, color=colour, label=curve.label)
        if curve.low:
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.13, linewidth=0)
    if log_x:
        axes.set_xscale("log")
        ticks = sorted({value for curve in curves for value in curve.x})
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.minorticks_off()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, fontsize=9)
    return _png(figure)


def recall_plot(curves: Sequence[Curve], *, title: str = "Recall of evidence") -> bytes:
    """Return recall@k (y) against k (x, logarithmic)."""
    return curves_plot(curves, title=title, x_label="k", y_label="recall@k", log_x=True)


def _axes(*, width: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#d8dee4", linewidth=0.8, zorder=0)
    axes.tick_params(colors=_INK, labelsize=9)
    return figure, axes


def _png(figure: Figure) -> bytes:
    target = BytesIO()
    # No software stamp: the same results make the same bytes
    figure.savefig(target, format="png", dpi=150, metadata={"Software": None})
    return target.getvalue()
