"""`hippo-train train=lora` and `train=qlora`: supervised fine-tuning, or what it would take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from hippo_adapters import DEFAULT_TEMPLATE, KNOWN_MODELS, LanguageModel, fastest_dtype, load_model
from hippo_core.errors import InvalidInputError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hippo_train.adapters import training_clusters
from hippo_train.commands._output import output_folder
from hippo_train.commands._settings import settings
from hippo_train.data import TokenRow, prompted, read_rows
from hippo_train.lora import LoraConfig, LoraLogEntry, LoraTrainingConfig, train_lora
from hippo_train.shapes import KNOWN_SHAPES, ModelShape, account, training_flops_per_token

MADE_UP_CLUSTERS = 200


def run(resolved: Mapping[str, Any], *, command: str, console: Console) -> None:
    """Train LoRA and save it, or say what would be done."""
    chosen = dict(resolved["train"])
    dry_run, data = chosen.pop("dry_run"), chosen.pop("data")
    training = settings(LoraTrainingConfig, chosen, group="train")
    lora = settings(LoraConfig, resolved["lora"], group="lora")
    if dry_run:
        _show_plan(resolved["model"], training, lora, console)
        return
    folder = output_folder(resolved["output"])
    model = load_model(**resolved["model"])
    rows, cut = read_rows(data, model, seq_len=training.seq_len) if data else (_made_up(model, training), 0)
    said = data or "made-up episodes"
    console.print(
        f"{'QLoRA' if training.load_in_4bit else 'LoRA'} for {model.name}, in {resolved['output']}: {len(rows):,} "
        f"texts from {said}" + (f", {cut:,} of them cut to {training.seq_len:,} tokens" if cut else ""),
        highlight=False,
    )
    start = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        fitting = bars.add_task("Training", total=None)

        def stepped(done: int, total: int) -> None:
            bars.update(fitting, completed=done, total=total)

        def logged(entry: LoraLogEntry) -> None:
            loss = f"loss {entry.loss:.3f}" if entry.loss is not None else f"held-out loss {entry.eval_loss:.3f}"
            bars.console.print(f"step {entry.step:>5}  {loss}", highlight=False)

        train_lora(model, rows, folder, training, lora, command=command, on_log=logged, on_step=stepped)
    console.print(f"{time.perf_counter() - start:,.0f} s: {resolved['output']}", highlight=False)


def _made_up(model: LanguageModel, training: LoraTrainingConfig) -> list[TokenRow]:
    """Return questions with the episode that answers them in the prompt: reading what is recalled."""
    clusters = training_clusters(model, seed=training.seed, count=MADE_UP_CLUSTERS, held_out=False)
    form = replace(DEFAULT_TEMPLATE, examples=())
    return [
        prompted(
            form.prompt(question.text, [cluster.episodes[question.gold]]),
            f" {question.answer}\n",
            model,
            seq_len=training.seq_len,
        )
        for cluster in clusters
        for question in cluster.questions
    ]


def _show_plan(chosen: Mapping[str, Any], training: LoraTrainingConfig, lora: LoraConfig, console: Console) -> None:
    name = str(chosen["name"])
    known = KNOWN_MODELS.get(name)
    if known:
        shape, targets = KNOWN_SHAPES[name], lora.targets or known.lora_targets
        dtype = fastest_dtype(chosen["device"]) if chosen["dtype"] == "auto" else getattr(torch, chosen["dtype"])
    else:
        model = load_model(**chosen)
        shape, targets, dtype = ModelShape.of(model), lora.targets or model.lora_targets, model.dtype
    if missing := [target for target in targets if target not in shape.linears]:
        raise InvalidInputError(
            f"`lora.targets`: there is no layer {missing[0]!r}; there are {', '.join(shape.linears)}."
        )
    needs = account(
        shape,
        rank=lora.r,
        targets=targets,
        micro_batch=training.micro_batch,
        seq_len=training.seq_len,
        bytes_per_weight=dtype.itemsize,
        four_bit=training.load_in_4bit,
        checkpointing=training.gradient_checkpointing,
    )
    flops = training_flops_per_token(shape, seq_len=training.seq_len, checkpointing=training.gradient_checkpointing)
    speed = _operations_per_second(shape, dtype, chosen["device"])
    seconds = flops * training.seq_len * training.micro_batch * training.grad_accum / speed
    table = Table(title=f"{'QLoRA' if training.load_in_4bit else 'LoRA'} for {name}, nothing trained", box=None)
    table.add_column("")
    table.add_column("", justify="right")
    for what, value in (
        ("parameters of the base", f"{shape.parameters:,}"),
        (f"parameters of LoRA, rank {lora.r} on {', '.join(targets)}", f"{shape.lora_weights(lora.r, targets):,}"),
        ("tokens in a step", f"{training.seq_len * training.micro_batch * training.grad_accum:,}"),
        *((f"memory for {part}", f"{size / 2**30:.2f} GiB") for part, size in asdict(needs).items()),
        ("memory in all", f"{needs.total / 2**30:.2f} GiB"),
        (f"time of a step on this {chosen['device']}, at the speed of its matrix products", f"{seconds:,.1f} s"),
    ):
        table.add_row(what, value)
    console.print(table)


def _operations_per_second(shape: ModelShape, dtype: torch.dtype, device: str) -> float:
    inputs, outputs = shape.linears["gate_proj"]
    left, right = (torch.ones(size, dtype=dtype, device=device) for size in ((512, inputs), (inputs, outputs)))
    rounds, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < 0.3 or rounds < 2:
        (left @ right)[0, 0].item()
        rounds += 1
    return 2 * 512 * inputs * outputs * rounds / seconds
