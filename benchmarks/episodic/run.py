# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "apsw>=3.46",
#     "chromadb==1.5.9",
#     "faiss-cpu>=1.10",
#     "hippo-core",
#     "hippo-episodic",
#     "hippo-lab",
#     "lancedb==0.40.0",
#     "matplotlib>=3.9",
#     "mem0ai==2.2.1",
#     "numpy>=1.26.4",
#     "sqlite-vec==0.1.9",
# ]
#
# [tool.uv.sources]
# hippo-core = { path = "../../packages/hippo-core", editable = true }
# hippo-episodic = { path = "../../packages/hippo-episodic", editable = true }
# hippo-lab = { path = "../../apps/lab", editable = true }
# ///
"""The episodic store beside its peers: writing, recall, start-up and size, in one run on one machine.

    uv run benchmarks/episodic/run.py                      # 1,000, 10,000 and 100,000 rows, every peer
    uv run benchmarks/episodic/run.py --sizes 1000000      # the million; its rows join the others'
    uv run benchmarks/episodic/run.py --peers raw_faiss,hippo_hnsw

What is measured and how is in the README.md beside this file.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import Dataset
from peers import PEERS, peer_class
from plots import draw
from processes import build, measure
from results import cause_of, merge, with_ratios
from trial import SINGLE_WRITES, Settings

ROOT = Path(__file__).resolve().parents[2]
K = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, checked."""

    sizes: tuple[int, ...]
    peers: tuple[str, ...]
    out: Path | None
    threads: int
    queries: int
    query_seconds: float
    limit_s: float | None
    dim: int
    seed: int


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    command = shlex.join(["uv", "run", "benchmarks/episodic/run.py", *arguments])
    results = (options.out or ROOT / "benchmarks" / "results") / "episodic.json"
    pictures = options.out or ROOT / "docs" / "pictures"
    start = time.monotonic()
    entries: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hippo-episodic-benchmark-") as temporary:
        work = Path(temporary)
        failures = {name: build(name, work / "builds") for name in options.peers}
        dataset = Dataset(work / "data", dim=options.dim, seed=options.seed)
        for size in options.sizes:
            dataset.grow(size + SINGLE_WRITES)
            dataset.truth(size, options.queries, K)
            say(start, f"{size:,} rows and their true neighbours made")
            of_size: list[dict[str, Any]] = []
            for name in options.peers:
                began = time.monotonic()
                figures = one(name, size, options, work, failures[name])
                cause = cause_of(
                    command,
                    peer_class(name).packages,
                    threads=options.threads,
                    seed=options.seed,
                    folder=work,
                    seconds=time.monotonic() - began,
                    built=work / "builds" / name,
                )
                entry = {"peer": name, "rows": size, "durability": peer_class(name).durability}
                of_size.append(entry | figures | {"cause": cause})
                say(start, f"{size:>9,}  {name:<12} {summary(figures)}")
            entries += with_ratios(of_size)
            document = merge(results, entries)  # after each size, so that a run that is stopped leaves what it had
    for path in draw(document, pictures):
        say(start, f"wrote {path}")
    say(start, f"wrote {results}")
    return 0


def one(name: str, size: int, options: Options, work: Path, failure: str) -> dict[str, Any]:
    """Return the figures of one peer at one size, or why there are none."""
    most = peer_class(name).most_rows
    if failure:
        return {"status": "missing", "reason": failure}
    if most is not None and size > most:
        return {"status": "not run", "reason": f"at most {most:,} rows: {peer_class(name).why_most_rows}"}
    with tempfile.TemporaryDirectory(dir=work, prefix=f"{name}-") as temporary:
        trial = Path(temporary)
        (trial / "store").mkdir()
        settings = Settings(
            phase="write",
            peer=name,
            rows=size,
            dim=options.dim,
            seed=options.seed,
            k=K,
            queries=options.queries,
            query_seconds=options.query_seconds,
            threads=options.threads,
            data=str(work / "data"),
            store=str(trial / "store"),
            figures=str(trial / "figures.jsonl"),
        )
        limit_s = options.limit_s or max(240.0, 0.0024 * size)
        return measure(settings, limit_s=limit_s, builds=work / "builds")


def parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000", help="rows, with commas between (default: %(default)s)")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, with commas between (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, help="folder of results and pictures; by default benchmarks/results and docs/pictures"
    )
    parser.add_argument("--threads", type=int, default=2, help="of every peer (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=300, help="timed, with and without a filter (default: 300)")
    parser.add_argument(
        "--query-seconds", type=float, default=10.0, help="ask fewer queries where they would take longer (default: 10)"
    )
    parser.add_argument(
        "--limit", type=float, help="seconds for one peer at one size; by default 240, or 2,400 a million rows if more"
    )
    parser.add_argument("--seed", type=int, default=0, help="of vectors and queries (default: 0)")
    parsed = parser.parse_args(arguments)
    peers = tuple(dict.fromkeys(parsed.peers.split(",")))
    if unknown := [name for name in peers if name not in PEERS]:
        parser.error(f"no peer {unknown[0]!r}; there are: {', '.join(PEERS)}")
    try:
        sizes = tuple(sorted({int(size) for size in parsed.sizes.split(",")}))
    except ValueError:
        parser.error(f"--sizes takes whole numbers with commas between, not {parsed.sizes!r}")
    if sizes[0] < 1 or parsed.threads < 1 or parsed.queries < 1:
        parser.error("--sizes, --threads and --queries must be at least 1")
    return Options(
        sizes=sizes,
        peers=peers,
        out=parsed.out.resolve() if parsed.out else None,
        threads=parsed.threads,
        queries=parsed.queries,
        query_seconds=parsed.query_seconds,
        limit_s=parsed.limit,
        dim=384,
        seed=parsed.seed,
    )


def summary(figures: dict[str, Any]) -> str:
    """Return one line about one trial."""
    if figures["status"] != "ok":
        return f"{figures['status']}: {figures['reason']}"
    plain, filtered = figures["recall"], figures["filtered_recall"]
    return (
        f"{figures['rows_acknowledged'] / figures['write_seconds']:>9,.0f} writes/s  "
        f"recall {plain['p50_ms']:.2f} ms, filtered {filtered['p50_ms']:.2f} ms  "
        f"recall@{K} {plain[f'at_{K}']:.3f}, filtered {filtered[f'at_{K}']:.3f}"
    )


def say(start: float, text: str) -> None:
    """Print a line with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - start), 60)
    print(f"[{minutes}:{seconds:02d}] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
