"""The two stages of a run: teach, then answer. They meet on disk alone.

Each stage is done by worker processes, one a core and one thread each (two threads of one process wait for each other
whenever something else runs on a core). The answering processes are fresh: all they know is what teaching left on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from hippo_core import HippoError, utc_now
from hippo_lab.arms import ArmName, parse_arm
from hippo_lab.guard import DecodingGuard
from hippo_lab.predictions import Prediction
from hippo_lab.progress import progress
from hippo_lab.runs import RunFolder
from hippo_lab.worlds import World
from hippo_train import adapted
from rich.console import Console

from hei_nw.answering import LONG_CONTEXT_QUESTIONS, answer_world
from hei_nw.build import GATE, Bench, build
from hei_nw.config import CONSOLIDATED, LOCOMO, NIGHT, SMALL, RunConfig
from hei_nw.memories import STORES, Teaching, read_predictions, read_teaching, reopen, teach, write_predictions
from hei_nw.reading import Answerer
from hei_nw.sleeping import Rested, has_rested, make_night_world, read_rested, rest, take_shipped_night
from hei_nw.suites import make_small_world, make_world

Stage = Literal["teach", "rest", "answer"]
_POLL_S = 0.2
_ARM_STORES = {"text_hidden": "hidden", "text_gated": "gated", "emptied": "emptied"}


class StageFailedError(HippoError, RuntimeError):
    """A worker process ended with an error; its own message was printed above."""


def bench_of(config: RunConfig) -> Bench:
    """Return the model and encoder that a run is configured for."""
    return build(model=config.model, adapter=config.adapter, dtype=config.dtype, batch_size=config.batch_size)


def generated_suites(config: RunConfig) -> tuple[str, ...]:
    """Return the run's suites that are generated rather than read from a file."""
    return tuple(name for name in config.suite if name != LOCOMO)


def worlds_of(config: RunConfig) -> list[tuple[str, int]]:
    """Return the run's worlds as (suite, seed), in the order of the results."""
    return [(suite, seed) for suite in generated_suites(config) for seed in config.seeds_of(suite)]


def nights_of(config: RunConfig) -> list[tuple[str, int]]:
    """Return those of the run's worlds that are consolidated."""
    return [world for world in worlds_of(config) if world[0].endswith(NIGHT)]


def nights_to_do(config: RunConfig, run: Path) -> list[tuple[str, int]]:
    """Return those of the run's worlds that still wait for their nights."""
    return [world for world in nights_of(config) if not has_rested(folder_of(run, *world))]


def world_of(config: RunConfig, suite: str, seed: int) -> World:
    """Return the world that one suite and seed of a run is about."""
    if suite.endswith(NIGHT):
        count = config.days * config.questions_of(suite)
        return make_night_world(suite.removesuffix(NIGHT), seed=seed, facts=count)
    if suite.endswith(SMALL):
        return replace(make_small_world(suite.removesuffix(SMALL), seed=seed), suite=suite)
    return make_world(suite, seed=seed, episodes=config.episodes, questions=config.questions_of(suite))


def folder_of(run: Path, suite: str, seed: int) -> Path:
    """Return where everything about one suite and seed lies."""
    return run / "worlds" / f"{suite}-{seed}"


def run_stage(stage: Stage, config: RunConfig, folder: RunFolder, *, console: Console) -> None:
    """Do one stage in worker processes, and show how far they are.

    Raises:
        StageFailedError: a worker failed; the others were ended. What was committed stays in the run folder.
    """
    worlds = _worlds_in(stage, config, folder.path)
    command = [sys.executable, "-m", "hei_nw.stages", stage, str(folder.path)]
    # Each worker loads its own model; more workers than worlds would load it for nothing
    count = min(config.workers or len(os.sched_getaffinity(0)), len(worlds))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1") if count > 1 else {}
    workers = [subprocess.Popen(command, env={**os.environ, **threads}) for _ in range(count)]
    try:
        what = {"teach": "Teaching worlds", "rest": "Steps of nights", "answer": "Answering worlds"}[stage]
        each = config.days * config.consolidation().steps if stage == "rest" else 1
        with progress(what, total=each * len(worlds), console=console) as advance:
            shown = 0
            while any(worker.poll() is None for worker in workers):
                if any(worker.returncode for worker in workers):
                    break
                time.sleep(_POLL_S)
                done = sum(_done(_claim(folder.path, stage, *world), each) for world in worlds)
                advance(done - shown)
                shown = done
            advance(each * len(worlds) - shown if not any(worker.returncode for worker in workers) else 0)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.terminate()
            worker.wait()
    if any(worker.returncode for worker in workers):
        raise StageFailedError(f"A process of the stage {stage!r} failed; see above. Run folder: {folder.path}.")


def collect_teaching(config: RunConfig, folder: RunFolder) -> list[Teaching]:
    """Return the figures of every taught world."""
    return [read_teaching(folder_of(folder.path, *world)) for world in worlds_of(config)]


def collect_rested(config: RunConfig, folder: RunFolder) -> list[Rested]:
    """Return what every world's nights did."""
    return [read_rested(folder_of(folder.path, *world)) for world in nights_of(config)]


def collect_predictions(config: RunConfig, folder: RunFolder) -> list[Prediction]:
    """Put the answers of all worlds into the run's predictions.jsonl, in order, and return them.

    Raises:
        TooManyMalformedError: so many are no answers that the run is worth nothing.
    """
    predictions = [one for world in worlds_of(config) for one in read_predictions(folder_of(folder.path, *world))]
    folder.add_predictions(predictions)
    # `shuffled` and `none` may well make the model say nothing; the arms that hold the answer may not
    held = [one.fault for one in predictions if one.arm in ("oracle", "text")]
    DecodingGuard().report(held).require()
    return predictions


def _unclaimed(stage: Stage, config: RunConfig, run: Path) -> Iterator[tuple[str, int]]:
    """Yield worlds that no other worker has taken. Making a folder is atomic, so each is taken once."""
    for world in _worlds_in(stage, config, run):
        claim = _claim(run, stage, *world)
        try:
            claim.mkdir(parents=True)
        except FileExistsError:
            continue
        yield world
        claim.with_suffix(".done").touch()


def _worlds_in(stage: Stage, config: RunConfig, run: Path) -> list[tuple[str, int]]:
    """Return the worlds of one stage in the order in which they are taken."""
    if stage == "rest":
        return nights_to_do(config, run)
    worlds = worlds_of(config)
    if stage == "teach":
        return worlds
    # The most work first, or at the end one worker answers alone while the others have nothing left to take
    return sorted(worlds, key=lambda one: -len(config.arms_of(one[0])) * config.questions_of(one[0]))


def _done(claim: Path, each: int) -> int:
    """Return how many of a world's steps are done; a stage without steps of its own is one."""
    if claim.with_suffix(".done").exists():
        return each
    steps = claim.with_suffix(".steps")
    return min(each - 1, int(steps.read_text() or 0)) if steps.exists() else 0


def _claim(run: Path, stage: Stage, suite: str, seed: int) -> Path:
    return run / "worlds" / ".claims" / f"{stage}-{suite}-{seed}"


def _teach(config: RunConfig, folder: RunFolder) -> None:
    bench = bench_of(config)
    for suite, seed in _unclaimed("teach", config, folder.path):
        bases = {parse_arm(arm).base for arm in config.arms_of(suite)}
        wanted = {"plain", *(_ARM_STORES[base] for base in bases if base in _ARM_STORES)}
        world = world_of(config, suite, seed)
        teach(
            world,
            folder_of(folder.path, suite, seed),
            stores=[name for name in STORES if name in wanted],
            encoder=bench.encoder,
            language=lambda: bench.language,
            gate=GATE,
            events=folder.events,
        )
        folder.events.log("taught", "hei_nw", suite=suite, seed=seed, episodes=len(world.items))
        if suite.endswith(NIGHT) and config.days == 1:
            take_shipped_night(world, folder_of(folder.path, suite, seed), lambda: bench.language)


def _rest(config: RunConfig, folder: RunFolder) -> None:
    bench = bench_of(config)
    drift_text = None if config.drift_text is None else Path(config.drift_text).read_text(encoding="utf-8")
    for suite, seed in _unclaimed("rest", config, folder.path):
        rested = rest(
            world_of(config, suite, seed),
            folder_of(folder.path, suite, seed),
            days=config.days,
            config=config.consolidation(),
            encoder=bench.encoder,
            language=lambda: bench.language,
            answer_with=bench.answerer_with,
            drift_text=drift_text,
            progress=partial(_note_steps, _claim(folder.path, "rest", suite, seed).with_suffix(".steps")),
        )
        folder.events.log("rested", "hei_nw", suite=suite, seed=seed, nights=len(rested.nights))


def _note_steps(path: Path, done: int) -> None:
    path.write_text(str(done))


def _answer(config: RunConfig, folder: RunFolder) -> None:
    bench = bench_of(config)
    for suite, seed in _unclaimed("answer", config, folder.path):
        place = folder_of(folder.path, suite, seed)
        arms = [parse_arm(arm) for arm in config.arms_of(suite)]
        rested = [arm for arm in arms if arm.base.startswith(CONSOLIDATED)]
        ask = partial(_ask_world, config, suite, seed, place, bench)
        predictions = ask([arm for arm in arms if arm not in rested], bench.answerer)
        if rested:
            weights = read_rested(place).weights
            with adapted(bench.language, weights) if weights else nullcontext(bench.language) as language:
                predictions += ask(rested, bench.answerer_with(language))
        write_predictions(place, predictions)
        folder.events.log("answered", "hei_nw", suite=suite, seed=seed, predictions=len(predictions))


def _ask_world(
    config: RunConfig, suite: str, seed: int, place: Path, bench: Bench, arms: list[ArmName], answerer: Answerer
) -> list[Prediction]:
    return answer_world(
        reopen(place, encoder=bench.encoder, language=lambda: bench.language),
        arms,
        answerer,
        guard=DecodingGuard(),
        timed=seed == config.seed[0],
        long_context_questions=LONG_CONTEXT_QUESTIONS if suite.endswith(SMALL) or seed == config.seed[0] else 0,
    )


def main() -> None:
    """Work on the stage and run folder named on the command line until nothing is left to take."""
    from hei_nw.cli import quiet_libraries

    quiet_libraries()
    stage, path = sys.argv[1:]
    folder = RunFolder(Path(path), clock=utc_now)
    config = RunConfig.from_document(folder.config)
    {"teach": _teach, "rest": _rest, "answer": _answer}[stage](config, folder)


if __name__ == "__main__":
    main()
