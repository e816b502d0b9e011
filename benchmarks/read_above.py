"""How sure must an adapter be before it reads? Answers and false answers at several thresholds, to choose by.

    python benchmarks/read_above.py                          # the shipped adapter, about 8 minutes on two idle cores
    python benchmarks/read_above.py --adapter my-adapter --above 0.9   # printed, not kept

Questions of scenarios A to D on development worlds, seeds 103 to 106, each with eight traces as similar as can be: with
the gold one among them (EM), and without it (a part of some trace given as the answer; the base model's share beside).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from cross_attention import from_traces
from hippo_adapters import CrossAttentionReader, CrossAttentionReaderConfig, load_adapter, load_model
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import exact_match
from hippo_lab.statistics import mean_interval, paired_difference
from similar_traces import SUITES, Item, make_items

SEEDS, QUESTIONS, TRACES = (103, 104, 105, 106), 30, 8
ABOVE = (0.5, 0.8, 0.86, 0.91)
RESULTS = Path(__file__).parent / "results"


def measure(source: str, items: Sequence[Item], above: Sequence[float]) -> dict[str, Any]:
    """Return EM and false answers by threshold."""
    model = load_model("smollm2-135m")
    adapter = load_adapter(source, model)
    seeds, questions = [item.seed for item in items], [item.question for item in items]
    reader = CrossAttentionReader(CrossAttentionReaderConfig(traces=TRACES), adapter=adapter)
    with_gold = [item.hits(TRACES) for item in items]
    without = [item.hits(TRACES, gold=False) for item in items]

    def taken(shown: Sequence[Any]) -> list[float]:
        said = reader.answer(model, questions, shown)
        return [from_traces(one.text, hits) for one, hits in zip(said, without, strict=True)]

    bare = taken([[] for _ in items])
    found: dict[str, Any] = {"none": {"taken from a trace": asdict(_interval(bare, seeds))}}
    print(f"base model: {np.mean(bare):.4f} taken", flush=True)
    for threshold in above:
        adapter.config = replace(adapter.config, read_above=threshold)
        answers = reader.answer(model, questions, with_gold)
        right = [exact_match(one.text, item.answer) for one, item in zip(answers, items, strict=True)]
        wrong = taken(without)
        more, p = paired_difference(wrong, bare, seeds, rng=np.random.default_rng(0))
        by_suite = {
            suite: round(float(np.mean([em for em, item in zip(right, items, strict=True) if item.suite == suite])), 3)
            for suite in SUITES
        }
        found[f"above {threshold}"] = {
            "em": asdict(_interval(right, seeds)),
            "em by suite": by_suite,
            "taken from a trace": asdict(_interval(wrong, seeds)),
            "minus none": {**asdict(more), "p": p},
        }
        print(f"above {threshold}: EM {np.mean(right):.4f} {by_suite}, {np.mean(wrong):.4f} taken", flush=True)
    return found


def _interval(values: Sequence[float], seeds: Sequence[int]) -> Any:
    return mean_interval(values, seeds, rng=np.random.default_rng(0))


def main(source: str, above: Sequence[float]) -> None:
    items = [item for suite in SUITES for seed in SEEDS for item in make_items(suite, seed, "dev", QUESTIONS)]
    state, start = source_state(Path(__file__).parent), time.perf_counter()
    figures = measure(source, items, above)
    cause = {
        "command": "python benchmarks/read_above.py",
        "commit": state.commit,
        "dirty": state.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-adapters", "torch", "transformers"]),
        "model": "smollm2-135m",
        "split": "dev",
        "seeds": list(SEEDS),
        "questions": len(items),
        "seconds": round(time.perf_counter() - start),
    }
    if source == "smollm2-135m" and tuple(above) == ABOVE:
        target = RESULTS / "read_above--smollm2-135m--dev.json"
        target.write_text(json.dumps({"cause": cause, "read_above": figures}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", default="smollm2-135m", help="a folder, or the name of one that is shipped")
    parser.add_argument("--above", type=lambda text: tuple(map(float, text.split(","))), default=ABOVE)
    chosen = parser.parse_args()
    main(chosen.adapter, chosen.above)
