"""Which number type is the faster one on this CPU? Behind `hippo_adapters.fastest_dtype`; prints and keeps nothing.

    python benchmarks/number_types.py        # 1 minute on two idle cores

SmolLM2-135M reads sentences, and answers questions after the worked examples, in float32 and in bfloat16 by turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from hei_nw.suites import make_world
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel, compute_prefix, fastest_dtype, generate, load_model, read
from hippo_lab.environment import describe_hardware

ROUNDS, SENTENCES, QUESTIONS = 3, 128, 32


def tasks(model: LanguageModel) -> dict[str, Callable[[], object]]:
    """Return what is timed, warmed up."""
    world = make_world("scenario_a", seed=0, episodes=300, questions=QUESTIONS, split="dev")
    texts = [item.episode.text for item in world.items][:SENTENCES]
    prompts = [DEFAULT_TEMPLATE.prompt(question.text, texts[:1]) for question in world.questions]
    prefix = compute_prefix(model, DEFAULT_TEMPLATE.prefix())
    read(model, texts[:8])
    return {
        f"read {len(texts)} sentences": lambda: read(model, texts),
        f"answer {len(prompts)} questions": lambda: generate(model, prompts, prefix=prefix),
    }


def main() -> None:
    """Time both types in turns, and print the medians and their ratio."""
    timed = {dtype: tasks(load_model("smollm2-135m", dtype=dtype)) for dtype in ("float32", "bfloat16")}
    features = sorted(
        name.removeprefix("_is_").removesuffix("_supported") for name in dir(torch.cpu) if "_supported" in name
    )
    has = [name for name in features if getattr(torch.cpu, f"_is_{name}_supported")()]
    print(f"{describe_hardware()}; {', '.join(has)}; fastest_dtype says {fastest_dtype()}")
    for task in timed["float32"]:
        seconds: dict[str, list[float]] = {dtype: [] for dtype in timed}
        for _ in range(ROUNDS):
            for dtype, calls in timed.items():
                start = time.perf_counter()
                calls[task]()
                seconds[dtype].append(time.perf_counter() - start)
        full, half = median(seconds["float32"]), median(seconds["bfloat16"])
        print(f"{task}: float32 {full:.2f} s, bfloat16 {half:.2f} s, ratio {full / half:.2f}")


if __name__ == "__main__":
    main()
