"""The two stages of a run. They meet on disk alone: the second one is started as a process of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from hippo_core import utc_now
from hippo_lab.arms import parse_arm
from hippo_lab.guard import DecodingGuard
from hippo_lab.progress import progress
from hippo_lab.runs import RunFolder
from hippo_lab.worlds import World
from rich.console import Console

from hei_nw.answering import LONG_CONTEXT_QUESTIONS, answer_world
from hei_nw.build import GATE, Bench, build
from hei_nw.config import LOCOMO, SMALL, RunConfig
from hei_nw.memories import STORES, Teaching, folder_of, reopen, teach
from hei_nw.suites import make_small_world, make_world

_ARM_STORES = {"text_hidden": "hidden", "text_gated": "gated", "emptied": "emptied"}


def bench_of(config: RunConfig) -> Bench:
    """Return the model and encoder that a run is configured for."""
    return build(model=config.model, dtype=config.dtype, batch_size=config.batch_size)


def generated_suites(config: RunConfig) -> tuple[str, ...]:
    """Return the run's suites that are generated rather than read from a file."""
    return tuple(name for name in config.suite if name != LOCOMO)


def world_of(config: RunConfig, suite: str, seed: int) -> World:
    """Return the world that one suite and seed of a run is about."""
    if suite.endswith(SMALL):
        return replace(make_small_world(suite.removesuffix(SMALL), seed=seed), suite=suite)
    return make_world(suite, seed=seed, episodes=config.episodes, questions=config.n)


def teach_all(config: RunConfig, folder: RunFolder, *, console: Console) -> list[Teaching]:
    """Teach every suite and seed into stores under the run folder."""
    bench = bench_of(config)
    suites = generated_suites(config)
    figures: list[Teaching] = []
    with progress("Teaching", total=len(suites) * len(config.seed), console=console) as advance:
        for suite in suites:
            for seed in config.seed:
                world = world_of(config, suite, seed)
                bases = {parse_arm(arm).base for arm in config.arms_of(suite)}
                wanted = {"plain", *(_ARM_STORES[base] for base in bases if base in _ARM_STORES)}
                figures.append(
                    teach(
                        world,
                        folder_of(folder.path, suite, seed),
                        stores=[name for name in STORES if name in wanted],
                        encoder=bench.encoder,
                        language=bench.language,
                        gate=GATE,
                        events=folder.events,
                    )
                )
                folder.events.log("taught", "hei_nw", suite=suite, seed=seed, episodes=len(world.items))
                advance(1)
    return figures


def answer_all(config: RunConfig, folder: RunFolder, *, console: Console) -> None:
    """Open the stores and answer every question in every arm, into predictions.jsonl."""
    bench = bench_of(config)
    guard = DecodingGuard()
    suites = generated_suites(config)
    per_seed = LONG_CONTEXT_QUESTIONS // len(config.seed)
    with progress("Answering", total=len(suites) * len(config.seed), console=console) as advance:
        for suite in suites:
            for seed in config.seed:
                taught = reopen(folder_of(folder.path, suite, seed), encoder=bench.encoder, language=bench.language)
                predictions = answer_world(
                    taught,
                    [parse_arm(arm) for arm in config.arms_of(suite)],
                    bench.answerer,
                    guard=guard,
                    timed=seed == config.seed[0],
                    long_context_questions=per_seed,
                )
                folder.add_predictions(predictions)
                folder.events.log("answered", "hei_nw", suite=suite, seed=seed, predictions=len(predictions))
                advance(1)
    guard.report(prediction.fault for prediction in folder.predictions()).require()


def main() -> None:
    """Answer for the run folder named on the command line, which holds the configuration."""
    folder = RunFolder(Path(sys.argv[1]), clock=utc_now)
    answer_all(RunConfig.from_document(folder.config), folder, console=Console())


if __name__ == "__main__":
    main()
