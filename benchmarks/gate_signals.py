"""Which signal finds the turns that will be asked about? Evidence kept and recall at equal numbers of kept turns.

    python benchmarks/gate_signals.py PATH                    # LoCoMo's file; about five minutes on two cores
    python benchmarks/gate_signals.py PATH --cache FILE.npz   # keeps what the model read, for another look

Each signal ranks the turns of a conversation as if everything before had been written; the best share of them goes
into a store, which is then asked the conversation's questions. `development` (conv-26) chose the gate's signals and
constants; `held_out` is for the report and chose nothing.
"""

from __future__ import annotations

import json
import math
import random
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hei_nw.build import Bench, build
from hei_nw.encoded import Encoded, store_ranking
from hei_nw.keeping import DEVELOPMENT, RANDOM_DRAWS
from hei_nw.suites import load_locomo
from hippo_adapters import read
from hippo_episodic.novelty import NEW_WORDS, RecentWords, words
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import recall_at_k
from hippo_lab.statistics import mean_interval, paired_difference
from numpy.typing import NDArray

RATES = (0.2, 0.4, 0.6)
KS = (5, 10)
CONTROL = "characters"
RESULT = Path(__file__).parent / "results" / "gate_signals--smollm2-135m--locomo.json"

Tokens = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Nats of surprise and of entropy, token by token, of one turn."""


def signals(one: Encoded, read_as: Sequence[Tokens]) -> dict[str, list[float]]:
    """Return each signal's score of each turn."""
    texts = [item.episode.text for item in one.conversation.items]
    nll, entropy = [turn[0] for turn in read_as], [turn[1] for turn in read_as]
    mean, total = [float(turn.mean()) for turn in nll], [float(turn.sum()) for turn in nll]
    new, dense = new_words(texts), dense_novelty(one.keys)
    return {
        CONTROL: [float(len(text)) for text in texts],
        "words": [float(len(text.split())) for text in texts],
        "tokens": [float(len(turn)) for turn in nll],
        "mean nll": mean,
        "mean entropy": [float(turn.mean()) for turn in entropy],
        "summed nll": total,
        "summed entropy": [float(turn.sum()) for turn in entropy],
        "summed nll above 4 nats a token": [float(np.maximum(turn - 4, 0).sum()) for turn in nll],
        "summed nll beyond entropy": [
            float((turn - expected).sum()) for turn, expected in zip(nll, entropy, strict=True)
        ],
        "dense novelty": dense,
        "new words": new,
        "summed idf in the store so far": idf_mass(texts),
        "mean nll / 4 + dense novelty (the gate before)": added(mean, 4, dense, 1),
        "mean nll / 4 + new words / 6 (the gate)": added(mean, 4, new, NEW_WORDS),
        "mean entropy / 3.4 + new words / 6": added([float(turn.mean()) for turn in entropy], 3.4, new, NEW_WORDS),
        "summed nll / 220 + new words / 6": added(total, 220, new, NEW_WORDS),
        "summed nll / 120 + dense novelty": added(total, 120, dense, 1),
        "characters / 220 + new words / 6": added([len(text) for text in texts], 220, new, NEW_WORDS),
    }


def added(a: Sequence[float], a_unit: float, b: Sequence[float], b_unit: float) -> list[float]:
    return [one / a_unit + two / b_unit for one, two in zip(a, b, strict=True)]


def new_words(texts: Sequence[str]) -> list[float]:
    recent = RecentWords()
    found: list[float] = []
    for text in texts:
        found.append(NEW_WORDS * recent.novelty(words(text)))
        recent.add(words(text))
    return found


def dense_novelty(keys: NDArray[np.float32]) -> list[float]:
    cosine = np.tril(keys @ keys.T, -1)
    return (1 - cosine.max(axis=1).clip(0, 1)).tolist()


def idf_mass(texts: Sequence[str]) -> list[float]:
    seen: Counter[str] = Counter()
    found: list[float] = []
    for place, text in enumerate(texts, start=1):
        found.append(sum(math.log(place / (seen[word] + 0.5)) for word in words(text)))
        seen.update(words(text))
    return found


def top(scores: Sequence[float], count: int) -> list[int]:
    return sorted(np.argsort(-np.asarray(scores), kind="stable")[:count].tolist())


def measured(
    encoded: Sequence[Encoded], keeps: Sequence[Sequence[Sequence[int]]], bench: Bench
) -> dict[str, list[float]]:
    """Return each question's figures, averaged over the draws of its conversation."""
    found: dict[str, list[float]] = {"evidence kept": [], **{f"recall@{k}": [] for k in KS}}
    for one, draws in zip(encoded, keeps, strict=True):
        chosen = [{one.conversation.items[i].key for i in keep} for keep in draws]
        rankings = [store_ranking(one, bench, keep=keep) for keep in draws]
        for question in one.questions:
            gold = question.evidence
            found["evidence kept"].append(float(np.mean([key in keys for keys in chosen for key in gold])))
            for k in KS:
                recalls = [recall_at_k(ranking[question.id], gold, k) for ranking in rankings]
                found[f"recall@{k}"].append(float(np.mean(recalls)))
    return found


def compared(encoded: Sequence[Encoded], readings: Mapping[str, Sequence[Tokens]], bench: Bench) -> dict[str, Any]:
    """Return the figures of every signal at every rate, and its difference from keeping the longest turns."""
    groups = [number for number, one in enumerate(encoded) for _ in one.questions]
    scores = [signals(one, readings[one.conversation.id]) for one in encoded]
    turns = [len(one.conversation.items) for one in encoded]
    everything = measured(encoded, [[range(count)] for count in turns], bench)
    table: dict[str, Any] = {"everything": {"1.0": summary(everything, everything, groups)}}
    for rate in RATES:
        counts = [round(rate * count) for count in turns]
        keeps = {
            name: [[top(one[name], count)] for one, count in zip(scores, counts, strict=True)] for name in scores[0]
        }
        keeps["random"] = [
            [sorted(random.Random(draw).sample(range(n), count)) for draw in range(RANDOM_DRAWS)]
            for n, count in zip(turns, counts, strict=True)
        ]
        control = measured(encoded, keeps[CONTROL], bench)
        for name, chosen in keeps.items():
            row = summary(measured(encoded, chosen, bench), control, groups)
            table.setdefault(name, {})[str(rate)] = row
            print(rate, name, {measure: round(values["mean"], 3) for measure, values in row.items()}, flush=True)
    return table


def summary(found: dict[str, list[float]], control: dict[str, list[float]], groups: Sequence[int]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for measure, values in found.items():
        interval = mean_interval(values, groups, rng=np.random.default_rng(0))
        gain, _ = paired_difference(values, control[measure], groups, rng=np.random.default_rng(0))
        row[measure] = {
            "mean": interval.mean,
            "low": interval.low,
            "high": interval.high,
            f"minus {CONTROL}": {"mean": gain.mean, "low": gain.low, "high": gain.high},
        }
    return row


def read_all(conversations: Sequence[Any], bench: Bench, cache: Path | None) -> dict[str, list[Tokens]]:
    """Return every turn's token signals, from the cache if it is there."""
    if cache is not None and cache.is_file():
        kept = np.load(cache)
        return {
            one.id: [(turn[0], turn[1]) for turn in np.split(kept[one.id], kept[f"{one.id} ends"][:-1], axis=1)]
            for one in conversations
        }
    found: dict[str, list[Tokens]] = {}
    for one in conversations:
        texts = [item.episode.text for item in one.items]
        sessions = [item.episode.session for item in one.items]
        before = [texts[i - 1] if i and sessions[i - 1] == session else None for i, session in enumerate(sessions)]
        found[one.id] = [(turn.token_nll, turn.token_entropy) for turn in read(bench.language, texts, contexts=before)]
    if cache is not None:
        arrays = {id: np.concatenate([np.stack(turn) for turn in turns], axis=1) for id, turns in found.items()}
        ends = {f"{id} ends": np.cumsum([len(turn[0]) for turn in turns]) for id, turns in found.items()}
        np.savez(cache, allow_pickle=False, **arrays, **ends)
    return found


def main(path: str, cache: Path | None) -> None:
    bench = build(model="smollm2-135m")
    conversations = load_locomo(path)
    readings = read_all(conversations, bench, cache)
    encoded = [
        Encoded(
            conversation=one,
            keys=bench.encoder.encode([item.episode.text for item in one.items]),
            surprises=tuple(float(turn[0].mean()) for turn in readings[one.id]),
            tokens=tuple(len(turn[0]) for turn in readings[one.id]),
        )
        for one in conversations
    ]
    parts = {
        "development": [one for one in encoded if one.conversation.id in DEVELOPMENT],
        "held_out": [one for one in encoded if one.conversation.id not in DEVELOPMENT],
    }
    source = source_state(Path(__file__).parent)
    cause = {
        "command": shlex.join(["python", "benchmarks/gate_signals.py", "PATH"]),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "hippo-adapters", "sentence-transformers", "torch"]),
        "model": "smollm2-135m",
        "conversations": {name: [one.conversation.id for one in part] for name, part in parts.items()},
        "turns": {one.conversation.id: len(one.conversation.items) for one in encoded},
        "questions": {one.conversation.id: len(one.questions) for one in encoded},
        "random_draws": RANDOM_DRAWS,
    }
    tables = {name: compared(part, readings, bench) for name, part in parts.items()}
    RESULT.write_text(json.dumps({"cause": cause, **tables}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[3]) if "--cache" in sys.argv[2:3] else None)
