"""The result file as Markdown tables, for `benchmarks/report.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def tables(path: Path, rows: int | None) -> list[str]:
    """Return the lines of one table a size, with their cause.

    Args:
        path: the result file.
        rows: only this size; None for all.
    """
    entries: list[Entry] = json.loads(path.read_text("utf-8"))["entries"] if path.exists() else []
    sizes = sorted({entry["rows"] for entry in entries if rows in (None, entry["rows"])})
    if not sizes:
        return ["", "Not measured yet: `uv run benchmarks/episodic/run.py` does it.", ""]
    lines: list[str] = []
    for size in sizes:
        lines += _table(size, [entry for entry in entries if entry["rows"] == size])
    return [*lines, "", f"All figures are in `benchmarks/results/{path.name}`.", ""]


def _table(size: int, entries: list[Entry]) -> list[str]:
    return [
        "",
        f"| {size:,} memories | {' | '.join(_COLUMNS)} |",
        "|---|" + "---|" * len(_COLUMNS),
        *(f"| `{entry['peer']}` | {' | '.join(_cells(entry))} |" for entry in entries),
        "",
        *_notes(entries),
        *_causes(entries),
    ]


def _cells(entry: Entry) -> list[str]:
    cells: list[str] = []
    for value in _COLUMNS.values():
        try:
            cells.append(value(entry))
        except KeyError:  # it did not come that far; the note below the table says why
            cells.append("")
    return cells


def _notes(entries: list[Entry]) -> list[str]:
    notes = [
        f"- `{entry['peer']}`: {entry['status']}: {entry['reason']}." for entry in entries if entry["status"] != "ok"
    ]
    notes += [
        f"- `{entry['peer']}`: batch writes {ratios['batch_writes']:.2f} of raw FAISS's "
        f"({ratios['batch_writes_acknowledged']:.2f} until acknowledged); recall p50 "
        f"{ratios['recall_p50']:.2f} of raw FAISS plus reading the rows."
        for entry in entries
        if (ratios := entry.get("to_raw_faiss"))
    ]
    return [*notes, ""] if notes else []


def _causes(entries: list[Entry]) -> list[str]:
    """Return a sentence for each run that made some of the entries."""
    versions: dict[str, dict[str, str]] = {}
    seconds: dict[str, float] = {}
    for cause in (entry["cause"] for entry in entries):
        changed = " with uncommitted changes" if cause["dirty"] else ""
        run = (
            f"`{cause['command']}`, {cause['hardware']}, {cause['filesystem']}, {cause['threads']} threads, "
            f"seed {cause['seed']}, commit `{cause['commit'][:10]}`{changed}"
        )
        versions[run] = versions.get(run, {}) | cause["versions"]
        seconds[run] = seconds.get(run, 0.0) + cause["seconds"]
    return [
        f"{run}, {seconds[run]:.0f} s; {', '.join(f'{name} {version}' for name, version in sorted(of_run.items()))}."
        for run, of_run in versions.items()
    ]


def _batch_writes(entry: Entry) -> str:
    acknowledged = entry["rows_acknowledged"] / entry["acknowledged_seconds"]
    if "write_seconds" not in entry:
        return f"({acknowledged:,.0f} for {entry['rows_acknowledged']:,} rows)"
    return f"{entry['rows_acknowledged'] / entry['write_seconds']:,.0f} ({acknowledged:,.0f})"


def _latency(name: str) -> Callable[[Entry], str]:
    def cell(entry: Entry) -> str:
        return f"{entry[name]['p50_ms']:.2f} / {entry[name]['p99_ms']:.2f}"

    return cell


_COLUMNS: dict[str, Callable[[Entry], str]] = {
    "when acknowledged": lambda entry: entry["durability"],
    "batch writes/s, indexed (acknowledged)": _batch_writes,
    "single writes/s": lambda entry: f"{entry['single_write']['per_second']:,.0f}",
    "recall p50 / p99 ms": _latency("recall"),
    "in one session of 100": _latency("filtered_recall"),
    "recall@10": lambda entry: f"{entry['recall']['at_10']:.3f}",
    "in one session": lambda entry: f"{entry['filtered_recall']['at_10']:.3f}",
    "open, first answer s": lambda entry: f"{entry['open_seconds']:.2f}, {entry['first_answer_seconds']:.2f}",
    "bytes each": lambda entry: f"{entry['size_bytes'] / entry['rows']:,.0f}",
    "peak MB, writing / recalling": lambda entry: (
        f"{entry['peak_memory_bytes_write'] / 1e6:,.0f} / {entry['peak_memory_bytes_recall'] / 1e6:,.0f}"
    ),
}
