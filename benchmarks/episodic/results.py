"""The result file: one entry a peer and size, each with its cause, so that sizes may be run apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from hippo_lab.environment import describe_hardware, installed_versions, source_state
from peers import PEERS

HERE = Path(__file__).parent


def cause_of(
    command: str, packages: Iterable[str], *, threads: int, seed: int, folder: Path, seconds: float, built: Path
) -> dict[str, Any]:
    """Return what one entry came from.

    Args:
        command: as it was typed.
        packages: whose versions to name.
        threads: of every peer.
        seed: of vectors and queries.
        folder: where the peers' files were.
        seconds: what it took, in wall-clock time.
        built: folder of libraries that were built apart; may be missing.
    """
    apart = {found.name: found.version for found in distributions(path=[str(built)])}
    source = source_state(HERE)
    return {
        "command": command,
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "filesystem": filesystem_of(folder),
        "threads": threads,
        "seed": seed,
        "versions": installed_versions([*packages, "numpy"]) | apart,
        "seconds": round(seconds, 1),
    }


def filesystem_of(folder: Path) -> str:
    """Return the kind of file system, which decides what a sync costs; "unknown" where the system does not tell."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    lines = [line.split() for line in mounts.read_text("utf-8").splitlines()]
    holding = [(len(line[1]), line[2]) for line in lines if folder.resolve().is_relative_to(line[1])]
    return max(holding)[1] if holding else "unknown"


def with_ratios(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of one size and run, with Hippo's set against the raw FAISS index of the same run.

    Batch writes are compared with the index having everything; recall with the raw index plus reading the rows.
    """
    raw = next((entry for entry in entries if entry["peer"] == "raw_faiss" and entry["status"] == "ok"), None)
    return [
        entry | {"to_raw_faiss": _ratios(entry, raw)}
        if raw is not None and entry["status"] == "ok" and entry["peer"].startswith("hippo")
        else entry
        for entry in entries
    ]


def merge(path: Path, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put entries in the place of those of the same peer and size in the file at `path`; return what it then holds."""
    held = json.loads(path.read_text("utf-8"))["entries"] if path.exists() else []
    by_key = {(entry["rows"], entry["peer"]): entry for entry in [*held, *entries]}
    order = list(PEERS)
    ordered = sorted(by_key.values(), key=lambda entry: (entry["rows"], order.index(entry["peer"])))
    document = {"benchmark": "episodic", "entries": ordered}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return document


def _ratios(entry: dict[str, Any], raw: dict[str, Any]) -> dict[str, float]:
    return {
        "batch_writes": raw["write_seconds"] / entry["write_seconds"],
        "batch_writes_acknowledged": raw["write_seconds"] / entry["acknowledged_seconds"],
        "recall_p50": entry["recall"]["p50_ms"] / raw["recall"]["p50_ms"],
        "filtered_recall_p50": entry["filtered_recall"]["p50_ms"] / raw["filtered_recall"]["p50_ms"],
    }
