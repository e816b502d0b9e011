"""One phase of one peer at one size, in a process of its own; `run.py` starts it.

    python trial.py SETTINGS    # a JSON object with the fields of `Settings`

Each figure is appended to a file as soon as it is known, so that what a killed process had measured is kept.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from data import SESSIONS, Dataset, session_of, text_of
from peers import peer_class
from peers.base import Batch, Peer

BATCH_ROWS = 1_000
SINGLE_WRITES = 200
WARM_UP_QUERIES = 20
FEWEST_QUERIES = 30
"""Asked even where that takes longer than `query_seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a trial is told."""

    phase: Literal["write", "recall"]
    """`recall` opens what `write` has left, in a fresh process."""
    peer: str
    rows: int
    dim: int
    seed: int
    k: int
    queries: int
    query_seconds: float
    """No further query is asked after this time, filtered and unfiltered apart."""
    threads: int
    data: str
    """Folder of the dataset."""
    store: str
    """Folder of the peer's files."""
    figures: str
    """File to append the figures to, a JSON object a line."""

    def to_json(self) -> str:
        """Return the command-line argument."""
        return json.dumps(asdict(self))


def main(settings: Settings) -> None:
    keep_offline()
    keep_to_cores(settings.threads)
    dataset = Dataset(Path(settings.data), dim=settings.dim, seed=settings.seed)
    start = time.perf_counter()
    peer = peer_class(settings.peer)()
    imported = time.perf_counter() - start
    if settings.phase == "write":
        write(peer, dataset, settings)
    else:
        record(settings, import_seconds=imported)
        recall(peer, dataset, settings)
    record(settings, **{f"peak_memory_bytes_{settings.phase}": peak_memory_bytes()})


def write(peer: Peer, dataset: Dataset, settings: Settings) -> None:
    """Fill an empty peer in batches, and wait until its index has everything."""
    peer.open(Path(settings.store), dim=settings.dim, threads=settings.threads)
    acknowledged = 0.0
    for start in range(0, settings.rows, BATCH_ROWS):
        batch = make_batch(dataset, start, min(start + BATCH_ROWS, settings.rows))
        began = time.perf_counter()
        peer.write(batch)
        acknowledged += time.perf_counter() - began
        peer.write_aside(batch)
        record(settings, rows_acknowledged=start + len(batch.numbers), acknowledged_seconds=acknowledged)
    began = time.perf_counter()
    peer.settle()
    peer.recall(dataset.queries(1)[0], settings.k)  # some peers take in new rows when they are next asked
    settled = time.perf_counter() - began
    record(settings, settle_seconds=settled, write_seconds=acknowledged + settled)
    began = time.perf_counter()
    peer.close()
    record(settings, close_seconds=time.perf_counter() - began)


def recall(peer: Peer, dataset: Dataset, settings: Settings) -> None:
    """Open, ask, and at last write single rows."""
    cues = dataset.queries(settings.queries)
    truths = dataset.truth(settings.rows, settings.queries, settings.k)

    began = time.perf_counter()
    peer.open(Path(settings.store), dim=settings.dim, threads=settings.threads)
    opened = time.perf_counter() - began
    peer.recall(cues[0], settings.k)
    record(settings, open_seconds=opened, first_answer_seconds=time.perf_counter() - began)

    for name, filtered, truth in (("recall", False, truths[0]), ("filtered_recall", True, truths[1])):
        answers: list[list[tuple[int, str]]] = []
        seconds: list[float] = []
        for query in range(WARM_UP_QUERIES):
            peer.recall(cues[query % len(cues)], settings.k, session=session_of(query) if filtered else None)
        end = time.perf_counter() + settings.query_seconds
        for query, cue in enumerate(cues):
            session = session_of(query % SESSIONS) if filtered else None
            began = time.perf_counter()
            answers.append(peer.recall(cue, settings.k, session=session))
            seconds.append(time.perf_counter() - began)
            if time.perf_counter() > end and len(seconds) >= FEWEST_QUERIES:
                break
        check_texts(answers)
        record(settings, **{name: latency(seconds) | {f"at_{settings.k}": mean_recall(answers, truth)}})

    seconds = []
    for row in range(settings.rows, settings.rows + SINGLE_WRITES):
        batch = make_batch(dataset, row, row + 1)
        began = time.perf_counter()
        peer.write(batch)
        seconds.append(time.perf_counter() - began)
    record(settings, single_write=latency(seconds) | {"per_second": len(seconds) / sum(seconds)})
    peer.close()


def make_batch(dataset: Dataset, start: int, stop: int) -> Batch:
    """Return rows start to stop."""
    numbers = range(start, stop)
    return Batch(
        numbers=list(numbers),
        texts=[text_of(row) for row in numbers],
        vectors=dataset.read(start, stop),
        sessions=[session_of(row) for row in numbers],
    )


def latency(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile in milliseconds, and how many were timed."""
    p50, p99 = np.percentile(seconds, (50, 99)) * 1_000
    return {"p50_ms": float(p50), "p99_ms": float(p99), "n": len(seconds)}


def mean_recall(answers: list[list[tuple[int, str]]], truth: np.ndarray) -> float:
    """Return the mean share of the true neighbours that were answered."""
    shares: list[float] = []
    for answer, row in zip(answers, truth, strict=False):  # the time for queries may have run out
        wanted = {int(number) for number in row if number >= 0}
        shares.append(len(wanted & {number for number, _ in answer}) / len(wanted))
    return float(np.mean(shares))


def check_texts(answers: list[list[tuple[int, str]]]) -> None:
    """Raise if a row came back with another row's text: a memory that is fast and wrong is not measured."""
    for number, text in (row for answer in answers for row in answer):
        if text != text_of(number):
            raise RuntimeError(f"Row {number} came back as {text!r}, not as {text_of(number)!r}.")


def record(settings: Settings, **figures: Any) -> None:
    """Append figures to the file that `run.py` reads."""
    with Path(settings.figures).open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")


def peak_memory_bytes() -> int:
    """Return the most memory this process has held.

    From /proc where there is one: `ru_maxrss` of a child counts what its parent held when it was started.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")
        )
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def keep_offline() -> None:
    """Refuse every network address that Python code asks for, whatever a peer's settings say."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
            raise OSError("The benchmark runs offline.")

    sys.addaudithook(refuse)


def keep_to_cores(count: int) -> None:
    """Run on `count` cores only, where the system allows it: not every library can be told its threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


if __name__ == "__main__":
    main(Settings(**json.loads(sys.argv[1])))
