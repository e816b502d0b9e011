"""What a night teaches, and what it costs: made-up facts told once, asked with the store off in wordings never taught.

    python benchmarks/nights.py --facts 64 --seed 101                       # one night, development world
    python benchmarks/nights.py --facts 16 --set steps=100 learning_rate=0.004
    python benchmarks/nights.py --drift-text wiki.valid.tokens              # perplexity on a text, by path
    python benchmarks/nights.py --world relations --facts 256 --steps 400 800 --keep   # what more steps buy and cost

The facts are events of scenario A ("Corwin repaired the denim bracelet at the pier on 4 May."), in which most words
recur, or with --world relations those of scenario B ("The passcode of the barn is 4821."). Printed and, with --keep,
written to benchmarks/results. The guards only measure here: a night that costs too much is not refused.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from hei_nw.rephrasing import reworded, taught_wordings
from hei_nw.suites import make_world
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel, compute_prefix, generate, load_model
from hippo_core import Provenance
from hippo_episodic import EpisodicStore
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.plots import Curve, curves_plot
from hippo_lab.scoring import exact_match
from hippo_lab.statistics import mean_interval
from hippo_train import ConsolidationConfig, Nights, adapted, consolidate
from hippo_train.consolidation import Clause, read_clause

WORLDS = {"events": "scenario_a", "relations": "scenario_b"}
RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_SHOWN = 12
Question = tuple[str, str]  # and its answer


def facts_of(world: str, seed: int, count: int, split: Literal["dev", "test"]) -> list[str]:
    """Return `count` sentences, none of which corrects another."""
    drawn = make_world(WORLDS[world], seed=seed, episodes=max(400, 8 * count), questions=60, split=split)
    texts = [item.episode.text for item in drawn.items if item.event != "filler"]
    if world == "relations":
        by_subject = {clause.subject: text for text in reversed(texts) if (clause := read_clause(text))}
        first = set(by_subject.values())
        texts = [text for text in dict.fromkeys(texts) if text in first]
    return texts[:count]


def paraphrases(texts: Sequence[str], seed: int, split: Literal["dev", "test"] = "dev") -> list[Question]:
    """Return a question about each part of each fact that exactly one fact answers, in no wording of the rewriter."""
    rng = random.Random(seed)
    clauses = [clause for text in texts if (clause := read_clause(text)) and clause.object]
    taught = taught_wordings(texts)
    found: list[Question] = []
    for clause in clauses:
        for role in ("object",) if clause.copular else clause.parts:
            others = [other for other in clause.parts if other != role]
            cues = [cue for size in range(1, len(others) + 1) for cue in combinations(others, size)]
            single = [
                cue
                for cue in cues
                if len({each.answer(role) for each in clauses if _fits(each, clause, role, cue)}) == 1
            ]
            if single and (text := reworded(clause, role, rng.choice(single), split, rng)) and text not in taught:
                found.append((text, clause.answer(role)))
    return found


def _fits(other: Clause, clause: Clause, role: str, cue: Sequence[str]) -> bool:
    said = set(other.parts.values())
    return other.verb == clause.verb and role in other.parts and all(clause.parts[each] in said for each in cue)


def answered(model: LanguageModel, questions: Sequence[Question], *, examples: bool) -> list[float]:
    """Return exact match of each answer with nothing recalled, after the worked examples or without them."""
    prefix = compute_prefix(model, DEFAULT_TEMPLATE.prefix()) if examples else ""
    said = generate(model, [DEFAULT_TEMPLATE.prompt(text, []) for text, _ in questions], prefix=prefix, batch_size=64)
    return [float(exact_match(one.text, answer)) for one, (_, answer) in zip(said, questions, strict=True)]


def measure(arguments: argparse.Namespace, config: ConsolidationConfig, model: LanguageModel) -> dict[str, Any]:
    """Return the figures of one night."""
    texts = facts_of(arguments.world, arguments.seed, arguments.facts, arguments.split)
    questions = paraphrases(texts, arguments.seed, arguments.split)
    text = Path(arguments.drift_text).read_text("utf-8") if arguments.drift_text else None
    unlimited = replace(config, perplexity_limit=1e9, divergence_limit=1e9, locality_limit=0.0, retention_limit=0.0)
    found: dict[str, Any] = {"steps": config.steps, "questions": len(questions)}
    found["base em"] = _interval(answered(model, questions, examples=False))
    with tempfile.TemporaryDirectory() as folder, EpisodicStore(Path(folder) / "memory.db") as store:
        for each in texts:
            store.write(each, provenance=Provenance(source="told"))
        report = consolidate(
            store, model, Nights(Path(folder) / "nights"), unlimited, drift_text=text, progress=_told()
        )
        if report.night is None or report.guards is None:
            raise ValueError("There was nothing to learn.")
        with adapted(model, report.night) as taught:
            asked = questions[:_SHOWN]
            said = generate(taught, [DEFAULT_TEMPLATE.prompt(text, []) for text, _ in asked])
            for one, (text, answer) in zip(said, asked, strict=True):
                print(f"  {text} {one.text} ({answer})", flush=True)
            found["em"] = _interval(answered(taught, questions, examples=False))
            found["em after worked examples"] = _interval(answered(taught, questions, examples=True))
    held = [float(each.right) for each in report.checked]
    found |= {"em in the rewriter's own wordings, held out": _interval(held), "seconds": report.seconds}
    found |= {"guards": asdict(report.guards), "last losses": asdict(report.losses[-1])}
    return found


def _interval(right: Sequence[float]) -> dict[str, float]:
    return asdict(mean_interval(right, [0] * len(right), rng=np.random.default_rng(0)))


def picture_of(nights: Sequence[dict[str, Any]], facts: int) -> bytes:
    """Return exact match against what it costs, a point for each number of steps."""
    curve = Curve(
        label=f"{facts} facts; " + ", ".join(str(night["steps"]) for night in nights) + " steps",
        x=tuple(night["guards"]["perplexity_ratio"] for night in nights),
        y=tuple(night["em"]["mean"] for night in nights),
        low=tuple(night["em"]["low"] for night in nights),
        high=tuple(night["em"]["high"] for night in nights),
    )
    return curves_plot(
        [curve],
        title="What one night teaches, and what it costs",
        x_label="perplexity on other text, after to before",
        y_label="exact match, store off, wordings never taught",
    )


def keep(path: Path, cause: dict[str, Any], night: dict[str, Any]) -> list[dict[str, Any]]:
    """Add a night to those of its file, by number of steps, and return them all; each has its own cause."""
    kept: list[dict[str, Any]] = []
    if path.exists():
        before = json.loads(path.read_text("utf-8"))
        kept = [{"cause": before.get("cause"), **each} for each in before["nights"] if each["steps"] != night["steps"]]
    kept = sorted([*kept, {"cause": cause, **night}], key=lambda each: each["steps"])
    path.write_text(json.dumps({"nights": kept}, indent=2) + "\n", "utf-8")
    return kept


def _without_folder(argument: str) -> str:
    return Path(argument).name if "/" in argument else argument


def _told() -> Any:
    last = {"": 0.0}

    def told(what: str, done: int, total: int) -> None:
        if done in (0, total) or time.perf_counter() - last.get(what, 0.0) > 20:
            last[what] = time.perf_counter()
            print(f"  {what} {done}/{total}", flush=True)

    return told


def main(arguments: argparse.Namespace) -> None:
    changed = {name: json.loads(value) for name, _, value in (each.partition("=") for each in arguments.set)}
    config = ConsolidationConfig(**{"traces": arguments.facts, **changed})
    state = source_state(Path(__file__).parent)
    model = load_model("smollm2-135m", dtype="float32")
    name = f"nights--smollm2-135m--{arguments.world}-{arguments.facts}--{arguments.split}{arguments.seed}"
    cause = {
        "command": shlex.join(["python", "benchmarks/nights.py", *(_without_folder(each) for each in sys.argv[1:])]),
        "config": asdict(config),
        "commit": state.commit,
        "dirty": state.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-train", "torch", "transformers", "peft"]),
        "model": "smollm2-135m",
        "split": arguments.split,
        "seed": arguments.seed,
    }
    for steps in arguments.steps or [config.steps]:
        print(f"{steps} steps", flush=True)
        night = measure(arguments, replace(config, steps=steps), model)
        print(json.dumps(night, indent=2), flush=True)
        if arguments.keep:  # after every night: the next may take an hour
            kept = keep(RESULTS / f"{name}.json", cause, night)
            if len(kept) > 1:
                picture = PICTURES / f"nights-{arguments.world}-{arguments.facts}.png"
                picture.write_bytes(picture_of(kept, arguments.facts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=tuple(WORLDS), default="events")
    parser.add_argument("--facts", type=int, default=64)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--steps", type=int, nargs="+", help="a night for each number of steps; one of the default's")
    parser.add_argument("--drift-text", help="a text file; without it, what the model says by itself")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of ConsolidationConfig")
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results")
    main(parser.parse_args())
