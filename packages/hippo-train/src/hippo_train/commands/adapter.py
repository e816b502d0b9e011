"""`hippo-train train=adapter`: an `EpisodicAdapter`, trained on made-up episodes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hippo_adapters import EpisodicAdapterConfig, load_model, save_adapter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hippo_train.adapters import AdapterTrainingConfig, LogEntry, train_adapter, training_clusters
from hippo_train.commands._output import keep_other_adapters, output_folder
from hippo_train.commands._settings import commit, settings


def run(resolved: Mapping[str, Any], *, command: str, console: Console) -> None:
    """Train an adapter and save it, or say what would be done."""
    chosen = dict(resolved["train"])
    dry_run = chosen.pop("dry_run")
    training = settings(AdapterTrainingConfig, chosen, group="train")
    folder = Path() if dry_run else output_folder(resolved["output"])
    model = load_model(**resolved["model"])
    shape = EpisodicAdapterConfig.of(model)
    if dry_run:
        _show_plan(model, training, shape, console)
        return
    keep_other_adapters(folder, model)
    console.print(
        f"An adapter for {model.name}, in {resolved['output']}: {training.clusters:,} clusters of episodes, "
        f"{training.steps:,} steps",
        highlight=False,
    )
    start, of = time.perf_counter(), commit()  # of the code that runs, whatever is committed meanwhile
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
        folder,
        model=model,
        training={
            "command": command,
            "commit": of,
            "dtype": str(model.dtype).removeprefix("torch."),
            "seconds": seconds,
            **asdict(training),
            "log": [asdict(entry) for entry in log],
        },
    )
    console.print(f"{adapter.parameter_count:,} parameters in {seconds:,} s: {resolved['output']}", highlight=False)


def _show_plan(model: Any, training: AdapterTrainingConfig, shape: EpisodicAdapterConfig, console: Console) -> None:
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
