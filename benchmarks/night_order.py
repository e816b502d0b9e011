"""Does the order in which a night replays traces matter to a language model? Three orders, everything else the same.

    python benchmarks/night_order.py              # nine short nights; half an hour on two cores

Question, written before the run: with the same facts, rows and number of updates, does the store's interleaved,
prioritised order leave more facts answered than shuffled passes, or than uniform draws? The figure: paired differences
of EM, 95 % interval over facts and seeds.

64 facts of scenario B's test worlds, seeds 1 to 3, are written to a store with the defaults of `EpisodicStore`. A step
asks one question of each of 16 traces, in the order that the arm gives; a trace's questions come in turn.

- `interleaved`: `replay_batches` as it is: by priority, traces that resemble each other apart; a pass has a seed of its
  own.
- `shuffled`: the same with `ReplayConfig(order="shuffled")`.
- `uniform`: traces drawn with replacement.

The number of steps stops the night in the middle of its learning, where an order could show.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from hippo_adapters import DEFAULT_TEMPLATE, generate, load_model
from hippo_core import Provenance
from hippo_episodic import EpisodicStore, ReplayConfig
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import exact_match
from hippo_lab.statistics import mean_interval, paired_difference
from hippo_train import ConsolidationConfig, rewrite_traces
from hippo_train.consolidation.guards import answers_to
from hippo_train.consolidation.learning import Curriculum, StepLosses, learn, learning_layers
from hippo_train.consolidation.lessons import Lesson, as_lessons, as_reminders, held_out, questions_row, text_row
from hippo_train.consolidation.own_text import EVERYDAY_QUESTIONS, sample_anywhere
from hippo_train.consolidation.split import SplitModel
from nights import facts_of, paraphrases

ARMS = ("interleaved", "shuffled", "uniform")
RESULT = Path(__file__).parent / "results" / "night_order--smollm2-135m.json"
_TRACES_A_STEP = 16


def passes(store: EpisodicStore, arm: str, rng: random.Random) -> Iterator[int]:
    """Yield ids without end."""
    ids = [hit.id for batch in store.replay_batches(_TRACES_A_STEP) for hit in batch]
    number = 0
    while True:
        if arm == "uniform":
            yield rng.choice(ids)
        else:
            yield from [hit.id for batch in store.replay_batches(_TRACES_A_STEP, seed=number) for hit in batch]
        number += 1


def steps(order: Iterator[int], lessons: dict[int, list[Lesson]], rng: random.Random) -> Iterator[list[Lesson]]:
    """Yield the rows of each step."""
    turns = {id: cycle(rng.sample(several, len(several))) for id, several in lessons.items()}
    while True:
        yield [next(turns[id]) for id in (next(order) for _ in range(_TRACES_A_STEP))]


def measure(seed: int, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Return for each arm whether each fact's question is answered."""
    model = load_model("smollm2-135m", dtype="float32")
    texts = facts_of("relations", seed, arguments.facts, "test")
    questions = paraphrases(texts, seed)
    config = ConsolidationConfig(steps=arguments.steps, near=2, own=1, seed=seed)
    split = SplitModel(model, config.blocks(model.layers).start)
    asked = list(EVERYDAY_QUESTIONS)
    near = [questions_row(model, [pair]) for pair in zip(asked, answers_to(model, asked), strict=True)]
    own = [text_row(row) for row in sample_anywhere(model, 64, tokens=64, seed=seed)]
    reminders = {"near": as_reminders(split, near), "own": as_reminders(split, own)}
    rewrites = rewrite_traces(texts)
    rows = [
        [
            questions_row(model, [(each.text, each.answer)])
            for each in held_out(rewrite, check=2, most=24, rng=random.Random(f"{seed}/{number}"))[0]
        ]
        for number, rewrite in enumerate(rewrites)
    ]
    states = iter(as_lessons(split, [row for several in rows for row in several]))
    taught = [[next(states) for _ in several] for several in rows]
    found: dict[str, list[float]] = {}
    for arm in ARMS:
        replay = ReplayConfig(order="shuffled") if arm == "shuffled" else ReplayConfig()
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, EpisodicStore(Path(folder) / "x.db", replay=replay) as store:
            ids = [store.write(text, provenance=Provenance(source="told")).id for text in texts]
            lessons = {id: several for id, several in zip(ids, taught, strict=True) if several}
            order = (id for id in passes(store, arm, random.Random(seed)) if id in lessons)
            with learning_layers(model, config, None) as adapted:
                curriculum = Curriculum(questions=[], statements=[], **reminders)
                rng = random.Random(seed)
                log = learn(adapted, split, curriculum, config, _told(arm), order=steps(order, lessons, rng))
                said = generate(model, [DEFAULT_TEMPLATE.prompt(text, []) for text, _ in questions], batch_size=64)
        found[arm] = [float(exact_match(one.text, gold)) for one, (_, gold) in zip(said, questions, strict=True)]
        print(
            f"seed {seed} {arm}: EM {np.mean(found[arm]):.3f} of {len(questions)}, loss {log[-1].traces:.3f}, "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )
    return found


def _told(arm: str) -> Any:
    def told(losses: StepLosses) -> None:
        if losses.step % 20 == 0:
            print(f"  {arm} step {losses.step}, loss {losses.traces:.3f}", flush=True)

    return told


def main(arguments: argparse.Namespace) -> None:
    start = time.perf_counter()
    state = source_state(Path(__file__).parent)
    runs = {seed: measure(seed, arguments) for seed in arguments.seeds}
    labels = [seed for seed, run in runs.items() for _ in run[ARMS[0]]]
    joined = {arm: [x for run in runs.values() for x in run[arm]] for arm in ARMS}
    arms = {arm: asdict(mean_interval(values, labels, rng=np.random.default_rng(0))) for arm, values in joined.items()}
    against: dict[str, Any] = {}
    for arm in ARMS[1:]:
        difference, p = paired_difference(joined["interleaved"], joined[arm], labels, rng=np.random.default_rng(0))
        against[arm] = asdict(difference) | {"p": p}
    figures = {"em": arms, "interleaved minus": against}
    print(json.dumps(figures, indent=2))
    if arguments.keep:
        cause = {
            "command": f"python benchmarks/night_order.py --facts {arguments.facts} --steps {arguments.steps} "
            f"--seeds {' '.join(map(str, arguments.seeds))}",
            "config": asdict(replace(ConsolidationConfig(), steps=arguments.steps, near=2, own=1)),
            "commit": state.commit,
            "dirty": state.dirty,
            "hardware": describe_hardware(),
            "versions": installed_versions(["hippo-train", "hippo-episodic", "torch", "transformers", "peft"]),
            "model": "smollm2-135m",
            "split": "test",
            "seconds": round(time.perf_counter() - start),
        }
        RESULT.write_text(json.dumps({"cause": cause, **figures}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=64)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results")
    main(parser.parse_args())
