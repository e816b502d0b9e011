"""The command `hippo-train`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn

from hippo_core import HippoError
from hippo_core.errors import InvalidInputError

from hippo_train.adapters import AdapterTrainingConfig, LogEntry, train_adapter, training_clusters


def main() -> None:
    """Run what the command line asks for; errors are one sentence, not a traceback."""
    try:
        import hydra
        from omegaconf import DictConfig, OmegaConf
    except ImportError as exc:
        sys.exit(f"hippo-train: the command needs {exc.name}. Run: pip install 'hippo-train[cli]'")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    arguments = sys.argv[1:]

    @hydra.main(version_base="1.3", config_path=str(Path(__file__).parent / "conf"), config_name="config")
    def run(config: DictConfig) -> None:
        resolved: Any = OmegaConf.to_container(config, resolve=True)
        try:
            _train(resolved, command=shlex.join(["hippo-train", *arguments]))
        except HippoError as exc:  # Hydra would show a traceback
            _fail(exc)
        except KeyboardInterrupt:
            sys.exit(130)

    run()


def _fail(error: HippoError) -> NoReturn:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True).print(f"[red]hippo-train:[/red] {escape(str(error))}", highlight=False)
    sys.exit(1)


def _train(resolved: Mapping[str, Any], *, command: str) -> None:
    from hippo_adapters import EpisodicAdapterConfig, load_model, save_adapter
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    chosen = dict(resolved["train"])
    dry_run = chosen.pop("dry_run")
    chosen["trace_counts"] = tuple(chosen["trace_counts"])
    known = [field.name for field in fields(AdapterTrainingConfig)]
    if unknown := sorted(set(chosen) - set(known)):
        raise InvalidInputError(f"`train.{unknown[0]}` is no key of the training; known are {', '.join(known)}.")
    training = AdapterTrainingConfig(**chosen)
    model = load_model(resolved["model"], dtype=resolved["dtype"], device=resolved["device"])
    shape = EpisodicAdapterConfig.of(model)
    if dry_run:
        _show_plan(model, training, shape, console)
        return
    console.print(
        f"An adapter for {model.name}, in {resolved['output']}: {training.clusters:,} clusters of episodes, "
        f"{training.steps:,} steps",
        highlight=False,
    )
    start, commit = time.perf_counter(), _commit()  # of the code that runs, whatever is committed meanwhile
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        reading = bars.add_task("Reading episodes", total=None)
        fitting = bars.add_task("Training", total=training.steps)

        told = 0

        def read(done: int, total: int) -> None:
            nonlocal told
            bars.update(reading, completed=done, total=total)
            if 10 * done // total > told and not console.is_terminal:  # a log file shows no bars
                told = 10 * done // total
                bars.console.print(f"read {done:,} of {total:,} texts", highlight=False)

        def stepped(done: int) -> None:
            bars.update(fitting, completed=done)

        def logged(entry: LogEntry) -> None:
            em = "  ".join(f"EM@{k} {value:.3f}" for k, value in entry.em.items())
            bars.console.print(
                f"step {entry.step:>5}  loss {entry.loss:.3f}  {em}  refused {entry.refused:.3f}", highlight=False
            )

        adapter, log = train_adapter(model, training, shape=shape, on_read=read, on_step=stepped, on_log=logged)
    seconds = round(time.perf_counter() - start)
    save_adapter(
        adapter,
        resolved["output"],
        model=model,
        training={
            "command": command,
            "commit": commit,
            "dtype": str(model.dtype).removeprefix("torch."),
            "seconds": seconds,
            **asdict(training),
            "log": [asdict(entry) for entry in log],
        },
    )
    console.print(f"{adapter.parameter_count:,} parameters in {seconds:,} s: {resolved['output']}", highlight=False)


def _show_plan(model: Any, training: AdapterTrainingConfig, shape: Any, console: Any) -> None:
    clusters = training_clusters(model, seed=training.seed, count=3, held_out=False)
    console.print(f"{model.name}, {model.layers} blocks: {shape}", highlight=False)
    console.print(f"{training}\n\nEpisodes and questions such as these:", highlight=False)
    for cluster in clusters:
        for question in cluster.questions[:2]:
            console.print(
                f"\n  {cluster.episodes[question.gold]}\n  {question.text}  →  {question.answer}",
                highlight=False,
                markup=False,
            )


def _commit() -> str | None:
    asked = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
