"""The steps of a night, of LoRA or of whole layers: traces and the model's own text mixed in every step."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hippo_adapters import LanguageModel
from torch import Tensor, nn

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.lessons import Lesson, loss_of
from hippo_train.consolidation.split import SplitModel
from hippo_train.consolidation.stillness import Stillness
from hippo_train.peft_layers import worn

_MLP = ("gate_proj", "up_proj", "gate_up_proj", "down_proj", "fc1", "fc2")
_WARMUP, _END = 15, 1 / 30
_ROWS_AT_ONCE = 10  # of similar length: less padding, and small batches are as fast a token


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curriculum:
    """What the steps draw from."""

    questions: Sequence[Lesson]
    """About the traces, in rows of some."""
    statements: Sequence[Lesson]
    """What the traces say, in other words."""
    near: Sequence[Lesson]
    """Questions that no trace answers, with the base model's expectations."""
    own: Sequence[Lesson]
    """The model's own text, with its expectations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLosses:
    """Mean losses of a step, in nats a token; None where nothing of the kind was drawn."""

    step: int
    traces: float | None
    """Cross-entropy of answers and statements."""
    near: float | None
    """KL from the base model on questions that no trace answers."""
    own: float | None
    """KL from the base model on its own text."""
    change: float | None
    """What changes of what the layers say in ordinary text, as a share, summed over the layers (`Stillness`)."""


@contextmanager
def learning_layers(model: LanguageModel, config: ConsolidationConfig, parent: Path | None) -> Generator[Any]:
    """Put what learns beside the model's weights, `parent`'s layers or new ones, and take it away again at the end.

    Whole layers are copies that stand in for the model's own, which are never written to.

    Yields:
        PEFT's model around it, to be trained and saved.
    """
    from peft import PeftModel, get_peft_model

    def put_on(network: Any) -> Any:
        torch.manual_seed(config.seed)
        if parent is None:
            return get_peft_model(network, _peft_config(model, config))
        return PeftModel.from_pretrained(network, str(parent), is_trainable=True)

    with worn(model, put_on) as adapted:
        adapted.peft_config["default"].base_model_name_or_path = None
        yield adapted


def _peft_config(model: LanguageModel, config: ConsolidationConfig) -> Any:
    from peft import LoraConfig
    from peft.utils.constants import DUMMY_TARGET_MODULES

    network: Any = model.model
    blocks = list(config.blocks(model.layers))
    if config.target != "lora":
        return LoraConfig(
            target_modules=DUMMY_TARGET_MODULES,
            modules_to_save=[f"layers.{block}.mlp" for block in blocks],
            task_type="CAUSAL_LM",
        )
    names = {name.rpartition(".")[2] for name, layer in network.named_modules() if isinstance(layer, nn.Linear)}
    return LoraConfig(
        r=config.r,
        lora_alpha=config.alpha,  # pyright: ignore[reportArgumentType] - a float does as well
        target_modules=[name for name in _MLP if name in names],
        layers_to_transform=blocks,
        task_type="CAUSAL_LM",
    )


def save_layers(adapted: Any, folder: Path, *, base: str) -> None:
    """Write PEFT's two files into a folder."""
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # a form to fill in
    described = folder / "adapter_config.json"
    settings = json.loads(described.read_text(encoding="utf-8")) | {"base_model_name_or_path": base}
    described.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def learn(
    adapted: Any,
    split: SplitModel,
    curriculum: Curriculum,
    config: ConsolidationConfig,
    on_step: Callable[[StepLosses], None] | None = None,
    *,
    order: Iterator[Sequence[Lesson]] | None = None,
) -> list[StepLosses]:
    """Train the layers and return the losses of every step.

    Args:
        adapted: what `learning_layers` yields.
        split: the same model, cut below the layers.
        curriculum: what the steps draw from.
        config: how.
        on_step: called after each step.
        order: the rows about traces of each step; None is every row in turn, shuffled anew each time.
    """
    rng = random.Random(config.seed)
    weights: list[Tensor] = [weight for weight in adapted.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.rate, weight_decay=0.0, betas=(0.9, 0.98))
    order = order or _turns(curriculum.questions, config.questions, rng)
    weight = {"traces": 1.0, "near": config.reminder_weight, "own": config.reminder_weight}
    still = Stillness.of(adapted, split, [*curriculum.near, *curriculum.own]) if config.stillness_weight else None
    log: list[StepLosses] = []
    for step in range(config.steps):
        rate = config.rate * _warm_cosine(step, config.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        taught = [*next(order), *rng.sample(curriculum.statements, min(config.statements, len(curriculum.statements)))]
        kinds = {
            "traces": taught,
            "near": rng.sample(curriculum.near, min(config.near, len(curriculum.near))),
            "own": rng.sample(curriculum.own, min(config.own, len(curriculum.own))),
        }
        optimizer.zero_grad()
        found: dict[str, float] = {}
        for kind, lessons in kinds.items():
            if lessons:
                found[kind] = _backward(split, lessons, weight[kind])
        if still is not None:
            change = still.change()
            (config.stillness_weight * change).backward()
            found["change"] = change.item()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        losses = StepLosses(
            step=step + 1,
            traces=found.get("traces"),
            near=found.get("near"),
            own=found.get("own"),
            change=found.get("change"),
        )
        log.append(losses)
        if on_step is not None:
            on_step(losses)
    return log


def _backward(split: SplitModel, lessons: Sequence[Lesson], weight: float) -> float:
    """Add the gradient of the mean loss of a token, times its weight, and return the loss."""
    ordered = sorted(lessons, key=lambda lesson: len(lesson.states))
    tokens = sum(len(lesson.learnt) for lesson in ordered)
    total = 0.0
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        part = ordered[start : start + _ROWS_AT_ONCE]
        loss = loss_of(split, part) * (sum(len(lesson.learnt) for lesson in part) / tokens)
        (weight * loss).backward()  # pyright: ignore[reportUnknownMemberType]
        total += loss.item()
    return total


def _turns(rows: Sequence[Lesson], questions: int, rng: random.Random) -> Iterator[list[Lesson]]:
    """Yield rows that ask at least so many questions together; none where there are none."""
    waiting: list[Lesson] = []
    while True:
        found: list[Lesson] = []
        while rows and sum(row.questions for row in found) < questions:
            waiting = waiting or rng.sample(rows, len(rows))
            found.append(waiting.pop())
        yield found


def _warm_cosine(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARMUP) * (_END + (1 - _END) * 0.5 * (1 + math.cos(math.pi * step / steps)))
