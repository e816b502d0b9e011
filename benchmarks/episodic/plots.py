"""How each figure grows with the number of rows, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

# Okabe and Ito 2008; Hippo is drawn thick, the raw indexes dashed, so that colour alone tells nothing
_STYLES = {
    "hippo_hnsw": {"color": "#0072B2", "marker": "o", "linewidth": 2.8, "zorder": 5},
    "hippo_exact": {"color": "#56B4E9", "marker": "s", "linewidth": 2.8, "zorder": 4},
    "raw_faiss": {"color": "#57606a", "marker": "v", "linestyle": "--"},
    "raw_hnswlib": {"color": "#9a9a9a", "marker": "^", "linestyle": ":"},
    "sqlite_vec": {"color": "#009E73", "marker": "D"},
    "chromadb": {"color": "#D55E00", "marker": "P"},
    "lancedb": {"color": "#CC79A7", "marker": "X"},
    "mem0": {"color": "#E69F00", "marker": "*"},
}
_INK = "#24292f"

Value = Callable[[dict[str, Any]], float]

FIGURES: dict[str, tuple[str, str, Value]] = {
    "writes": (
        "Batch writes, until the index has them",
        "rows a second",
        lambda entry: entry["rows_acknowledged"] / entry["write_seconds"],
    ),
    "latency": ("Recall, median", "milliseconds", lambda entry: entry["recall"]["p50_ms"]),
    "filtered-latency": (
        "Recall in one session of a hundred, median",
        "milliseconds",
        lambda entry: entry["filtered_recall"]["p50_ms"],
    ),
    "recall": ("Recall@10 against exact", "share found", lambda entry: entry["recall"]["at_10"]),
    "bytes": ("On disk", "bytes a memory", lambda entry: entry["size_bytes"] / entry["rows"]),
    "first-answer": ("Open and answer once", "seconds", lambda entry: entry["first_answer_seconds"]),
}
"""By file name: title, label of the y axis, value. Entries that lack the value have no point."""


def draw(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write `episodic-NAME.png` for each figure; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, (title, label, value) in FIGURES.items():
        paths.append(folder / f"episodic-{name}.png")
        figure = _figure(document["entries"], title=title, label=label, value=value, log_y=name != "recall")
        figure.savefig(paths[-1], dpi=150, metadata={"Software": None})  # the same results make the same bytes
    return paths


def _figure(entries: list[dict[str, Any]], *, title: str, label: str, value: Value, log_y: bool) -> Figure:
    figure = Figure(figsize=(6.6, 3.8), layout="constrained")
    axes = figure.subplots()
    for peer in dict.fromkeys(entry["peer"] for entry in entries):
        points = sorted(_points(entries, peer, value))
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, label=peer, markersize=6, **{"linewidth": 1.5} | _STYLES.get(peer, {"marker": "."}))
    axes.set_xscale("log")
    axes.set_xlabel("memories", color=_INK)
    axes.set_ylabel(label, color=_INK)
    sizes = sorted({entry["rows"] for entry in entries})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    if log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.10g}"))
    else:
        axes.set_ylim(None, 1.01)
    axes.minorticks_off()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#d8dee4", linewidth=0.8, zorder=0)
    axes.tick_params(colors=_INK, labelsize=9)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _points(entries: list[dict[str, Any]], peer: str, value: Value) -> list[tuple[int, float]]:
    points: list[tuple[int, float]] = []
    for entry in entries:
        if entry["peer"] == peer:
            try:
                points.append((entry["rows"], value(entry)))
            except KeyError:  # it had not come that far
                continue
    return points
