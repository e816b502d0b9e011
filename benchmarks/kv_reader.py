"""Does the kv reader say what the text reader says? Both on the same questions, traces and prompt form.

    python benchmarks/kv_reader.py               # about 15 minutes on two idle cores
    python benchmarks/kv_reader.py --items 10    # another number of questions a seed; printed, not kept

K traces a question: the one that answers it and distractors of the same sentence form that share slots with it, in
random order. With worked examples before them and without, the same in both arms. Development questions of
`prompt_forms_world.py`; nothing is chosen here.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    KvReader,
    KvReaderConfig,
    LanguageModel,
    PromptTemplate,
    TextReader,
    TextReaderConfig,
    load_model,
)
from hippo_core import Episode, Hit, Provenance
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import exact_match
from hippo_lab.statistics import mean_interval, paired_difference
from prompt_forms_world import Item, make_items

SEEDS = (100, 101, 102)
ITEMS = 34
COUNTS = (1, 2, 4)
TEMPLATES = {"worked examples": DEFAULT_TEMPLATE, "bare": PromptTemplate()}
RESULT = Path(__file__).parent / "results" / "kv_reader--smollm2-135m.json"


def readers(template: PromptTemplate) -> dict[str, TextReader | KvReader]:
    """Return the arms of one prompt form."""
    return {
        "text": TextReader(TextReaderConfig(template=template)),
        "kv": KvReader(KvReaderConfig(template=template)),
        "kv, int8": KvReader(KvReaderConfig(template=template, precision="int8")),
        "kv, last 2": KvReader(KvReaderConfig(template=template, slots=2)),
    }


def traces(items: Sequence[Item], k: int) -> list[list[Hit[Episode]]]:
    """Return `k` hits a question, the gold one among them at a random place."""
    found: list[list[Hit[Episode]]] = []
    for number, item in enumerate(items):
        texts = [item.gold, *item.distractors[: k - 1]]
        random.Random(f"{number}/{item.gold}").shuffle(texts)
        source = Provenance(source="benchmark")
        found.append(
            [
                Hit(id=8 * number + place, item=Episode(text=text, provenance=source), score=1.0)
                for place, text in enumerate(texts, start=1)
            ]
        )
    return found


def measure(model: LanguageModel, items: Sequence[Item], seeds: Sequence[int]) -> dict[str, Any]:
    """Return the figures of every prompt form, number of traces and arm."""
    found: dict[str, Any] = {}
    for form, template in TEMPLATES.items():
        for k in COUNTS:
            recalled = traces(items, k)
            right: dict[str, list[float]] = {}
            arms: dict[str, Any] = {}
            for name, reader in readers(replace(template, traces=k)).items():
                start = time.perf_counter()
                said = reader.answer(model, [item.question for item in items], recalled)
                seconds = time.perf_counter() - start
                right[name] = [exact_match(one.text, item.answer) for one, item in zip(said, items, strict=True)]
                arms[name] = {
                    "em": asdict(mean_interval(right[name], seeds, rng=np.random.default_rng(0))),
                    "prompt_tokens": float(np.mean([one.prompt_tokens for one in said])),
                    "memory_slots": float(np.mean([one.memory_slots for one in said])),
                    "seconds": round(seconds, 1),
                }
                if name != "text":
                    difference, p = paired_difference(right[name], right["text"], seeds, rng=np.random.default_rng(0))
                    arms[name]["minus text"] = {**asdict(difference), "p": p}
                print(f"{form}, K = {k}, {name}: EM {np.mean(right[name]):.3f}, {seconds:.0f} s", flush=True)
            found[f"{form}, K = {k}"] = arms
    return found


def main(count: int) -> None:
    model = load_model("smollm2-135m")
    items = [item for seed in SEEDS for item in make_items(seed, count)]
    seeds = [seed for seed in SEEDS for _ in range(count)]
    source = source_state(Path(__file__).parent)
    start = time.perf_counter()
    figures = measure(model, items, seeds)
    cause = {
        "command": "python benchmarks/kv_reader.py",
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-adapters", "torch", "transformers"]),
        "model": "smollm2-135m",
        "dtype": str(model.dtype),
        "split": "development",
        "seeds": list(SEEDS),
        "questions a seed": count,
        "seconds": round(time.perf_counter() - start),
    }
    if count == ITEMS:
        RESULT.write_text(json.dumps({"cause": cause, "kv_reader": figures}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=ITEMS)
    main(parser.parse_args().items)
