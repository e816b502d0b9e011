"""What a frozen model reads through each reader, with the gold trace among K that are as similar as can be.

    python benchmarks/cross_attention.py                       # about 15 minutes on two idle cores
    python benchmarks/cross_attention.py --questions 5 --counts 1,8   # a glance; printed, not kept
    python benchmarks/cross_attention.py --split dev           # to choose by; kept under another name

Questions of scenarios A to D on their test worlds, whose names, values and sentence forms the adapter was never trained
on. The other K - 1 traces are those of the same world that share most slots with the gold one and do not answer.
`text` has the prompt form that reads one, two and eight traces best on development worlds (`prompt_forms_traces.py`),
and `kv` the same; both also without worked examples. `cross_attention` has nothing before the question.
Then the same without the gold trace: how often is a part of some other trace given as the answer?
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    CrossAttentionReader,
    CrossAttentionReaderConfig,
    EpisodicAdapter,
    KvReader,
    KvReaderConfig,
    LanguageModel,
    PromptTemplate,
    Reader,
    TextReader,
    TextReaderConfig,
    attached,
    generate,
    load_adapter,
    load_model,
    read_traces,
)
from hippo_core import Episode, Hit
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import exact_match, normalise
from hippo_lab.statistics import mean_interval, paired_difference
from similar_traces import SEEDS, SUITES, Item, make_items

QUESTIONS = 25
COUNTS = (1, 2, 8, 32)
FEW_COUNTS = (1, 2, 8)
"""For text and kv; the controls have one and eight."""
NEVER = "\0"  # stops no answer
RESULTS = Path(__file__).parent / "results"


def readers(model: LanguageModel, adapter: EpisodicAdapter) -> dict[str, tuple[Callable[[int], Reader], bool]]:
    """Return each arm's reader by number of traces, and whether it takes its own traces or another question's."""
    random_one = EpisodicAdapter(adapter.config, rng=torch.Generator().manual_seed(0))

    def text(k: int) -> Reader:
        return TextReader(TextReaderConfig(template=replace(DEFAULT_TEMPLATE, traces=k)))

    def kv(k: int) -> Reader:
        return KvReader(KvReaderConfig(template=replace(DEFAULT_TEMPLATE, traces=k)))

    def cross(k: int, one: EpisodicAdapter = adapter) -> Reader:
        return CrossAttentionReader(CrossAttentionReaderConfig(traces=k), adapter=one)

    return {
        "cross_attention": (cross, False),
        "cross_attention, random weights": (lambda k: cross(k, random_one), False),
        "cross_attention, shuffled": (cross, True),
        "text": (text, False),
        "kv": (kv, False),
        "text, no examples": (lambda k: TextReader(TextReaderConfig(template=PromptTemplate(traces=k))), False),
        "kv, no examples": (lambda k: KvReader(KvReaderConfig(template=PromptTemplate(traces=k))), False),
    }


def from_traces(said: str, hits: Sequence[Hit[Episode]]) -> float:
    """Return whether an answer is a part of some trace, word for word."""
    answer = normalise(said)
    return float(bool(answer) and any(f" {answer} " in f" {normalise(hit.item.text)} " for hit in hits))


def measure(model: LanguageModel, items: Sequence[Item], counts: Sequence[int]) -> dict[str, Any]:
    """Return the figures of every arm and number of traces."""
    adapter = load_adapter("smollm2-135m", model)
    seeds = [item.seed for item in items]
    questions = [item.question for item in items]
    reader = CrossAttentionReader(adapter=adapter)
    unaided = reader.answer(model, questions, [[] for _ in items])
    found: dict[str, Any] = {"none": {"em": _interval(_right(unaided, items), seeds)}}
    right: dict[tuple[str, int], list[float]] = {}
    for name, (make, shuffled) in readers(model, adapter).items():
        few = (1, 8) if name.startswith("cross_attention,") else FEW_COUNTS
        for k in counts if name == "cross_attention" else [k for k in few if k in counts]:
            start = time.perf_counter()
            hits = [item.hits(k) for item in items]
            shown = hits[len(hits) // 2 :] + hits[: len(hits) // 2] if shuffled else hits
            said = make(k).answer(model, questions, shown)
            right[name, k] = _right(said, items)
            row = {
                "em": _interval(right[name, k], seeds),
                "em by suite": _by_suite(right[name, k], items),
                "prompt_tokens": float(np.mean([one.prompt_tokens for one in said])),
                "memory_slots": float(np.mean([one.memory_slots for one in said])),
                "seconds": round(time.perf_counter() - start, 1),
            }
            found[f"{name} @{k}"] = row
            print(f"{name} @{k}: EM {np.mean(right[name, k]):.3f} {row['em by suite']}, {row['seconds']} s", flush=True)
    for k in counts:
        if ("text", k) in right:
            difference, p = paired_difference(
                right["cross_attention", k], right["text", k], seeds, rng=np.random.default_rng(0)
            )
            found[f"cross_attention @{k}"]["minus text"] = {**asdict(difference), "p": p}
            for form in ("", ", no examples"):
                kv, text = right[f"kv{form}", k], right[f"text{form}", k]
                difference, p = paired_difference(kv, text, seeds, rng=np.random.default_rng(0))
                found[f"kv{form} @{k}"]["minus text"] = {**asdict(difference), "p": p}
    found["decoding"] = decoding_ratio(model, items)
    found["unanswerable"] = _unanswerable(model, items, adapter, unaided, seeds)
    return found


def _unanswerable(
    model: LanguageModel, items: Sequence[Item], adapter: EpisodicAdapter, unaided: Sequence[Any], seeds: Sequence[int]
) -> dict[str, Any]:
    """Share of answers that are a part of one of eight traces none of which answers."""
    questions = [item.question for item in items]
    hits = [item.hits(8, gold=False) for item in items]
    text = TextReader(TextReaderConfig(template=replace(DEFAULT_TEMPLATE, traces=8)))
    cross = CrossAttentionReader(CrossAttentionReaderConfig(traces=8), adapter=adapter)
    found: dict[str, Any] = {}
    taken: dict[str, list[float]] = {}
    read = cross.answer(model, questions, hits)
    for name, said in (
        ("none", unaided),
        ("cross_attention @8", read),
        ("text @8", text.answer(model, questions, hits)),
    ):
        taken[name] = [from_traces(one.text, shown) for one, shown in zip(said, hits, strict=True)]
        found[name] = {"taken from a trace": _interval(taken[name], seeds), "by suite": _by_suite(taken[name], items)}
        difference, p = paired_difference(taken[name], taken["none"], seeds, rng=np.random.default_rng(0))
        found[name]["minus none"] = {**asdict(difference), "p": p}
        print(f"unanswerable, {name}: {np.mean(taken[name]):.3f} {found[name]['by suite']}", flush=True)
    same = [float(one.tokens == bare.tokens) for one, bare in zip(read, unaided, strict=True)]
    found["cross_attention @8"]["says what the base model says"] = _interval(same, seeds)
    return found


def decoding_ratio(
    model: LanguageModel, items: Sequence[Item], *, rounds: int = 15, tokens: int = 32
) -> dict[str, Any]:
    """Return milliseconds a token with an adapter that reads eight traces, and without one, taken in turns."""
    adapter = load_adapter("smollm2-135m", model)
    prompts = [PromptTemplate().prompt(item.question) for item in items[:rounds]]
    traces = [
        read_traces(model, [hit.item.text for hit in item.hits(8)], adapter.config) for item in items[: len(prompts)]
    ]
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    with attached(model, adapter):
        for prompt, row in zip(prompts, traces, strict=True):
            for name, shown in (("with", [row]), ("without", None)):
                took: list[tuple[float, int]] = []
                for count in (1, 1 + tokens):
                    start = time.perf_counter()
                    (said,) = generate(model, [prompt], traces=shown, max_new_tokens=count, stop=(NEVER,))
                    took.append((time.perf_counter() - start, said.new_tokens))
                (first, one), (whole, all_of_them) = took
                if all_of_them > one:
                    seconds[name].append((whole - first) / (all_of_them - one))
    with_it, without = (1000 * float(np.median(seconds[name])) for name in ("with", "without"))
    found = {
        "ms a token": round(with_it, 2),
        "ms a token without": round(without, 2),
        "ratio": round(with_it / without, 3),
    }
    print(f"decoding with eight traces: {found}", flush=True)
    return found


def _right(said: Sequence[Any], items: Sequence[Item]) -> list[float]:
    return [exact_match(one.text, item.answer) for one, item in zip(said, items, strict=True)]


def _interval(values: Sequence[float], seeds: Sequence[int]) -> dict[str, Any]:
    return asdict(mean_interval(values, seeds, rng=np.random.default_rng(0)))


def _by_suite(values: Sequence[float], items: Sequence[Item]) -> dict[str, float]:
    return {
        suite: round(
            float(np.mean([value for value, item in zip(values, items, strict=True) if item.suite == suite])), 3
        )
        for suite in dict.fromkeys(item.suite for item in items)
    }


def main(split: str, count: int, counts: Sequence[int]) -> None:
    model = load_model("smollm2-135m")
    items = [item for suite in SUITES for seed in SEEDS[split] for item in make_items(suite, seed, split, count)]
    source = source_state(Path(__file__).parent)
    start = time.perf_counter()
    figures = measure(model, items, counts)
    cause = {
        "command": "python benchmarks/cross_attention.py" + ("" if split == "test" else f" --split {split}"),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-adapters", "torch", "transformers"]),
        "model": "smollm2-135m",
        "dtype": str(model.dtype),
        "split": split,
        "seeds": list(SEEDS[split]),
        "questions a suite and seed": count,
        "seconds": round(time.perf_counter() - start),
    }
    if count == QUESTIONS and tuple(counts) == COUNTS:
        name = "cross_attention--smollm2-135m" + ("" if split == "test" else f"--{split}")
        target = RESULTS / f"{name}.json"
        target.write_text(json.dumps({"cause": cause, "cross_attention": figures}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--counts", type=lambda text: tuple(map(int, text.split(","))), default=COUNTS)
    chosen = parser.parse_args()
    main(chosen.split, chosen.questions, chosen.counts)
