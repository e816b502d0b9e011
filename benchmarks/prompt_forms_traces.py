"""Search the prompt form for the text reader when it is shown several traces, on development worlds.

    python benchmarks/prompt_forms_traces.py                  # about 15 minutes on two idle cores
    python benchmarks/prompt_forms_traces.py --questions 3    # a glance; printed, not kept

The same questions and traces as `cross_attention.py --split dev`: the gold trace among K - 1 that share slots with it,
at a random place. The default form was the best of them (docs/LOG.md), which is why that benchmark uses it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from hippo_adapters import DEFAULT_TEMPLATE, PromptTemplate, TextReader, TextReaderConfig, WorkedExample, load_model
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import exact_match
from hippo_lab.statistics import mean_interval
from similar_traces import SEEDS, SUITES, make_items

COUNTS = (2, 8)
QUESTIONS = 10
RESULT = Path(__file__).parent / "results" / "prompt_forms_traces--smollm2-135m--dev.json"
NEAR = (
    "The batch number of the wicker shed is KT118.",
    "On day 54, server omega runs gopher on port 6120.",
    "On 29 April, Juno Hale hid the woolen glove at the pagoda.",
    "The paper crane was sold by Bertrand at the candy mall on Sunday noon.",
    "The nickname of the teak shed is Topaz 40.",
    "Agnetha repaired the purple sock on 2 June at the embassy.",
    "Wolfgang prefers violet syrup for his waffles.",
    "The caretaker of the teak shed is Bertrand.",
    "On day 951, server omega runs gopher on port 7733.",
    "On 3 October, the vinyl record was left at the karting club by Ottilie.",
    "The banjo was borrowed by Agnetha on Friday noon at the casino.",
    "On 31 July, the woolen ring was sold at the pagoda by Lucho.",
    "Juno Hale carried the knitted sock to the embassy on 30 December.",
)
"""For each worked example of the default form a trace that nearly answers it."""


def with_traces(template: PromptTemplate, count: int, examples: int = 13) -> PromptTemplate:
    """Return a template whose worked examples show `count` traces: the one that answers, a near one, others'."""
    rng = random.Random(0)
    shown: list[WorkedExample] = []
    golds = [example.traces[0] for example in template.examples]
    for place, example in enumerate(template.examples[:examples]):
        others = [text for text in (*golds, *NEAR) if text not in (golds[place], NEAR[place])]
        traces = [golds[place], NEAR[place], *rng.sample(others, k=count - 2)]
        rng.shuffle(traces)
        shown.append(replace(example, traces=tuple(traces)))
    return replace(template, examples=tuple(shown))


def forms(k: int) -> Mapping[str, PromptTemplate]:
    """Return the forms to compare for `k` traces."""
    default = replace(DEFAULT_TEMPLATE, traces=k)
    several = with_traces(default, k, examples=13 if k <= 4 else 6)
    lines = {"memory_header": "Memory:\n", "trace_form": "- {text}"}
    return {
        "examples with one trace (default)": default,
        "examples with one trace, question first": replace(default, question_first=True),
        "examples with two traces": with_traces(default, 2),
        f"examples with {k} traces": several,
        f"examples with {k} traces, question first": replace(several, question_first=True),
        f"examples with {k} traces, a list": replace(several, **lines),
        f"examples with {k} traces, a list, question first": replace(several, **lines, question_first=True),
        "examples with one trace, `Memory:` before each trace": replace(
            default, memory_header="", trace_form="Memory: {text}"
        ),
        f"examples with {k} traces, instruction": replace(
            several, instruction="Answer each question with words from the one memory that fits it."
        ),
        "no examples, question first": replace(PromptTemplate(traces=k), question_first=True),
        "no examples": PromptTemplate(traces=k),
    }


def main(questions: int) -> None:
    model = load_model("smollm2-135m")
    items = [item for suite in SUITES for seed in SEEDS["dev"] for item in make_items(suite, seed, "dev", questions)]
    source = source_state(Path(__file__).parent)
    start = time.perf_counter()
    found: dict[str, Any] = {}
    for k in COUNTS:
        for name, template in forms(k).items():
            begun = time.perf_counter()
            reader = TextReader(TextReaderConfig(template=template))
            said = reader.answer(model, [item.question for item in items], [item.hits(k) for item in items])
            right = [exact_match(one.text, item.answer) for one, item in zip(said, items, strict=True)]
            interval = mean_interval(right, [item.seed for item in items], rng=np.random.default_rng(0))
            tokens = float(np.mean([one.prompt_tokens for one in said]))
            found.setdefault(f"K = {k}", {})[name] = {"em": asdict(interval), "prompt_tokens": tokens}
            print(f"K = {k}, {name}: EM {interval.mean:.3f}, {time.perf_counter() - begun:.0f} s", flush=True)
    cause = {
        "command": "python benchmarks/prompt_forms_traces.py",
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-adapters", "torch", "transformers"]),
        "model": "smollm2-135m",
        "dtype": str(model.dtype),
        "split": "dev",
        "seeds": list(SEEDS["dev"]),
        "questions a suite and seed": questions,
        "seconds": round(time.perf_counter() - start),
    }
    if questions == QUESTIONS:
        RESULT.write_text(json.dumps({"cause": cause, "prompt_forms_traces": found}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="questions a suite and seed")
    main(parser.parse_args().questions)
