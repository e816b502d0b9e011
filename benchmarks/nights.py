"""What a night teaches, and what it costs: made-up facts told once, asked with the store off in wordings never taught.

    python benchmarks/nights.py --facts 64 --seed 101                       # one night, development world
    python benchmarks/nights.py --facts 16 --set steps=100 learning_rate=0.004
    python benchmarks/nights.py --drift-text wiki.valid.tokens              # perplexity on a text, by path

The facts are events of scenario A ("Corwin repaired the denim bracelet at the pier on 4 May."), in which most words
recur, or with --world relations those of scenario B ("The passcode of the barn is 4821."). Printed and, with --keep,
written to benchmarks/results. The guards only measure here: a night that costs too much is not refused.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from hei_nw.rephrasing import reworded, taught_wordings
from hei_nw.suites import make_world
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel, compute_prefix, generate, load_model
from hippo_core import Provenance
from hippo_episodic import EpisodicStore
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import exact_match
from hippo_train import ConsolidationConfig, Nights, adapted, consolidate
from hippo_train.consolidation import Clause, read_clause

WORLDS = {"events": "scenario_a", "relations": "scenario_b"}
RESULTS = Path(__file__).parent / "results"
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


def em(model: LanguageModel, questions: Sequence[Question], *, examples: bool) -> float:
    """Return exact match with nothing recalled, after the worked examples or without them."""
    prefix = compute_prefix(model, DEFAULT_TEMPLATE.prefix()) if examples else ""
    said = generate(model, [DEFAULT_TEMPLATE.prompt(text, []) for text, _ in questions], prefix=prefix, batch_size=64)
    return sum(exact_match(one.text, answer) for one, (_, answer) in zip(said, questions, strict=True)) / len(questions)


def measure(arguments: argparse.Namespace, config: ConsolidationConfig) -> dict[str, Any]:
    """Return the figures of one night."""
    model = load_model("smollm2-135m", dtype="float32")
    texts = facts_of(arguments.world, arguments.seed, arguments.facts, arguments.split)
    questions = paraphrases(texts, arguments.seed, arguments.split)
    text = Path(arguments.drift_text).read_text("utf-8") if arguments.drift_text else None
    unlimited = replace(config, perplexity_limit=1e9, divergence_limit=1e9, locality_limit=0.0, retention_limit=0.0)
    found: dict[str, Any] = {"questions": len(questions), "base em": em(model, questions, examples=False)}
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
            found["em"] = em(taught, questions, examples=False)
            found["em after worked examples"] = em(taught, questions, examples=True)
    held = [each.right for each in report.checked]
    found |= {"em on taught wordings of other questions": sum(held) / len(held), "seconds": report.seconds}
    found |= {"guards": asdict(report.guards), "last losses": asdict(report.losses[-1])}
    return found


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
    figures = measure(arguments, config)
    print(json.dumps(figures, indent=2))
    if arguments.keep:
        cause = {
            "command": f"python benchmarks/nights.py --world {arguments.world} --facts {arguments.facts} "
            f"--seed {arguments.seed}",
            "config": asdict(config),
            "commit": state.commit,
            "dirty": state.dirty,
            "hardware": describe_hardware(),
            "versions": installed_versions(["hippo-train", "torch", "transformers", "peft"]),
            "model": "smollm2-135m",
            "split": arguments.split,
            "seed": arguments.seed,
        }
        target = (
            RESULTS
            / f"nights--smollm2-135m--{arguments.world}-{arguments.facts}--{arguments.split}{arguments.seed}.json"
        )
        target.write_text(json.dumps({"cause": cause, "night": figures}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=tuple(WORLDS), default="events")
    parser.add_argument("--facts", type=int, default=64)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--drift-text", help="a text file; without it, what the model says by itself")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of ConsolidationConfig")
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results")
    main(parser.parse_args())
