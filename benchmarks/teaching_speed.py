"""How many episodes a second a store takes in, with each encoder and with the model's surprise.

    python benchmarks/teaching_speed.py           # about a minute on two cores

One durable batch of 1,000 episodes of scenario A, seed 0, into a file; best of three: other work only slows it down.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hei_nw.build import GATE
from hei_nw.suites import make_world
from hippo_adapters import load_model, read
from hippo_core import Encoder, HashingEncoder, Salience, SentenceEncoder
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.environment import describe_hardware, installed_versions, source_state

EPISODES = [item.episode for item in make_world("scenario_a", seed=0).items]
RESULT = Path(__file__).parent / "results" / "teaching_speed.json"


def per_second(write: Callable[[Path], None]) -> float:
    best = float("inf")
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            write(Path(folder) / "memory.db")
            best = min(best, time.perf_counter() - start)
    return len(EPISODES) / best


def into_store(encoder: Encoder, gate: WriteGate | None = None) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with EpisodicStore(path, encoder=encoder, gate=gate) as store:
            store.write_many(EPISODES)

    return write


def main() -> None:
    sentences, language = SentenceEncoder(), load_model("smollm2-135m")

    def surprised(path: Path) -> None:
        readings = read(language, [episode.text for episode in EPISODES])
        drafts = [
            replace(episode, salience=Salience(surprise=reading.nll))
            for episode, reading in zip(EPISODES, readings, strict=True)
        ]
        with EpisodicStore(path, encoder=sentences, gate=GATE) as store:
            store.write_many(drafts)

    rates = {
        "HashingEncoder": per_second(into_store(HashingEncoder())),
        "HashingEncoder, gate with novelty alone": per_second(into_store(HashingEncoder(), WriteGate.diary())),
        "SentenceEncoder": per_second(into_store(sentences)),
        "SentenceEncoder, gate with the model's surprise": per_second(surprised),
    }
    source = source_state(Path(__file__).parent)
    cause = {
        "command": "python benchmarks/teaching_speed.py",
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "sentence-transformers", "torch"]),
        "model": language.name,
        "dtype": str(language.dtype),
        "episodes": len(EPISODES),
        "seed": 0,
    }
    document = {"cause": cause, "episodes_per_second": {name: round(rate, 1) for name, rate in rates.items()}}
    RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(json.dumps(document["episodes_per_second"], indent=2))


if __name__ == "__main__":
    main()
