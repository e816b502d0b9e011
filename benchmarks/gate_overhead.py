"""How much does the write gate add to a write? A store of 100,000 memories, with the gate and without.

    python benchmarks/gate_overhead.py            # about three minutes on two idle cores
    python benchmarks/gate_overhead.py 1000       # another number of memories; the result is printed, not kept

Two copies of one store take in the same new episodes in turn, in durable batches of 1,000 and one at a time, encoded by
the default encoder, and in batches whose vectors are given, where the gate weighs most. The gate lets everything
through, so that both write the same rows, and the index is one that needs no work. The model's forward pass, which
measures surprise, is not part of it. Medians over the rounds.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Episode, HashingEncoder, Provenance, Salience, Vector
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from numpy.typing import NDArray

MEMORIES = 100_000
BATCH = 1_000
SINGLES = 100
ROUNDS = 31
DIM = HashingEncoder().dim
RESULT = Path(__file__).parent / "results" / "gate_overhead.json"


class Stream:
    """Endless episodes of about 25 words, drawn from 50,000 words by Zipf's law, with random vectors."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        letters = random.Random(seed)
        self._words = [
            "".join(letters.choices("abcdefghijklmnoprstuvwz", k=letters.randint(2, 9))) for _ in range(50_000)
        ]
        weights = 1 / np.arange(1, len(self._words) + 1)
        self._shares = weights / weights.sum()
        self._count = 0

    def take(self, count: int) -> tuple[list[Episode], NDArray[np.float32]]:
        """Return the next episodes and their vectors."""
        drawn = self._rng.choice(len(self._words), size=(count, 25), p=self._shares)
        episodes: list[Episode] = []
        for row in drawn:
            self._count += 1
            text = " ".join(self._words[i] for i in row) + f" {self._count}"
            episodes.append(
                Episode(
                    text=text,
                    provenance=Provenance(source="benchmark", doc_id=str(self._count)),
                    salience=Salience(surprise=3.2),
                )
            )
        vectors = self._rng.standard_normal((count, DIM)).astype(np.float32)
        return episodes, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def seconds(store: EpisodicStore, episodes: Sequence[Episode], keys: Sequence[Vector] | None, *, batch: bool) -> float:
    """Return the time that one write took: of the whole batch, or the mean of the single ones."""
    start = time.perf_counter()
    if batch:
        store.write_many(episodes, keys=keys)
        return time.perf_counter() - start
    for episode in episodes:
        store.write(episode)
    return (time.perf_counter() - start) / len(episodes)


def measure(memories: int, folder: Path) -> dict[str, Any]:
    stream = Stream(0)
    with EpisodicStore(folder / "plain.db") as store:
        for start in range(0, memories, 10_000):
            episodes, vectors = stream.take(min(10_000, memories - start))
            store.write_many(episodes, keys=list(vectors))
    for file in list(folder.glob("plain.db*")):
        shutil.copy(file, folder / file.name.replace("plain", "gated"))
    gates = {"plain": None, "gated": WriteGate(threshold=-1.0)}
    # Exact: a graph that grows in the background would be timed with whatever happens to be written meanwhile
    stores = {name: EpisodicStore(folder / f"{name}.db", gate=gate, index="exact") for name, gate in gates.items()}
    kinds = {"batch": BATCH, "batch, vectors given": BATCH, "single": SINGLES}
    times: dict[str, list[float]] = {f"{kind}, {name}": [] for kind in kinds for name in stores}
    for number in range(ROUNDS + 1):  # the first one warms up and is not counted
        for kind, count in kinds.items():
            episodes, vectors = stream.take(count)
            keys = list(vectors) if "given" in kind else None
            # Each goes first in every other round: what the disk still has to do for one is paid by the next
            for name in sorted(stores, reverse=number % 2 == 0):
                spent = seconds(stores[name], episodes, keys, batch=kind != "single")
                if number:
                    times[f"{kind}, {name}"].append(spent)
    for store in stores.values():
        store.close()
    found: dict[str, Any] = {}
    for kind in kinds:
        pairs = list(zip(times[f"{kind}, gated"], times[f"{kind}, plain"], strict=True))
        found[kind] = {
            "milliseconds without": round(1000 * statistics.median(plain for _, plain in pairs), 3),
            "milliseconds with": round(1000 * statistics.median(gated for gated, _ in pairs), 3),
            "ratio": round(statistics.median(gated / plain for gated, plain in pairs), 3),
            "ratios": [round(gated / plain, 3) for gated, plain in pairs],
        }
    return found


def main(memories: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measure(memories, Path(folder))
    source = source_state(Path(__file__).parent)
    cause = {
        "command": "python benchmarks/gate_overhead.py",
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "numpy"]),
        "memories": memories,
        "batch": BATCH,
        "singles": SINGLES,
        "rounds": ROUNDS,
        "seed": 0,
    }
    document = {"cause": cause, "gate_overhead": found}
    print(json.dumps(document, indent=2))
    if memories == MEMORIES:
        RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MEMORIES)
