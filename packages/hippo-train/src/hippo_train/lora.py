"""Supervised fine-tuning of LoRA and QLoRA: transformers' Trainer and PEFT, set up right and checked beforehand."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from hippo_adapters import LanguageModel
from hippo_core.errors import InvalidInputError, MissingExtraError
from safetensors import safe_open
from torch import Tensor, nn

from hippo_train.data import IGNORED, TokenRow, pack
from hippo_train.out_of_memory import memory_explained

_NOTE = "run.json"
"""What a folder's checkpoints are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """The added weights (source: Hu et al. 2021, arXiv:2106.09685).

    Raises:
        InvalidInputError: a number out of its range.
    """

    r: int = 16
    """Rank."""
    alpha: float = 32.0
    """What is added is scaled by alpha / r."""
    dropout: float = 0.05
    """Of the added path's input, in training."""
    targets: tuple[str, ...] | None = None
    """Linear layers by the last part of their name; None is the model's own list (`LanguageModel.lora_targets`)."""

    def __post_init__(self) -> None:
        if not isinstance(self.r, int) or self.r < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInputError(f"`lora.r` must be a whole number from 1, not {self.r!r}.")
        if self.alpha <= 0:
            raise InvalidInputError(f"`lora.alpha` must be above 0, not {self.alpha!r}.")
        if not 0 <= self.dropout < 1:
            raise InvalidInputError(f"`lora.dropout` must lie in [0, 1), not {self.dropout!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraTrainingConfig:
    """How LoRA is trained.

    Raises:
        InvalidInputError: a number out of its range.
    """

    load_in_4bit: bool = False
    """QLoRA: the frozen linear layers of the blocks in NF4, through bitsandbytes, on CUDA and on the CPU."""
    gradient_checkpointing: bool = True
    """Keep only each block's input and compute the rest again: a third slower, several times smaller."""
    micro_batch: int = 1
    """Rows in one forward pass."""
    grad_accum: int = 8
    """Forward passes in one step."""
    seq_len: int = 1024
    """Tokens in a row; longer texts are cut there."""
    packing: bool = True
    """Whether short texts share a row. None sees another one."""
    epochs: float = 1.0
    """Times the data is seen."""
    learning_rate: float = 2e-4
    """At its highest; a cosine brings it down to 0."""
    warmup: float = 0.03
    """Share of the steps over which it rises."""
    eval_share: float = 0.05
    """Share of the rows that are kept for evaluation, at least one where there are two."""
    log_every: int = 1
    """Steps."""
    save_every: int = 50
    """Steps between checkpoints and evaluations."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("micro_batch", "grad_accum", "seq_len", "log_every", "save_every"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InvalidInputError(f"`train.{name}` must be a whole number from 1, not {getattr(self, name)!r}.")
        if self.epochs <= 0 or not 0 < self.learning_rate < 1:
            raise InvalidInputError(
                f"`train.epochs` must be above 0 and `train.learning_rate` between 0 and 1, not {self.epochs!r} and "
                f"{self.learning_rate!r}."
            )
        for name in ("warmup", "eval_share"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidInputError(f"`train.{name}` must lie in [0, 1), not {getattr(self, name)!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraLogEntry:
    """Where a run stands."""

    step: int
    loss: float | None
    """Mean cross-entropy of the steps since the last entry, in nats a learnt token; None in an evaluation's entry."""
    eval_loss: float | None
    """The same on the rows kept for evaluation."""


def quantise(model: LanguageModel) -> None:
    """Put the linear layers of the model's blocks into NF4, in place (source: Dettmers et al. 2023, arXiv:2305.14314).

    Embedding, norms and the output layer stay as they are. There is no way back: load the model again for that.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
    """
    try:
        import bitsandbytes.nn as packing  # pyright: ignore[reportMissingImports]
    except ImportError as exc:
        raise MissingExtraError("QLoRA needs bitsandbytes. Run: pip install 'hippo-train[qlora]'") from exc
    four_bits: Any = packing
    network: Any = model.model
    head = network.get_output_embeddings()
    for name, layer in list(network.named_modules()):
        if type(layer) is not nn.Linear or layer is head:
            continue
        bias: Any = layer.bias
        packed = four_bits.Linear4bit(
            layer.in_features, layer.out_features, bias is not None, compute_dtype=model.dtype, quant_type="nf4"
        )
        packed.weight = four_bits.Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
        packed.bias = bias
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, packed.to(model.device))
    network.is_loaded_in_4bit = True  # what PEFT asks before it adapts such layers


@memory_explained("a smaller `micro_batch` or `seq_len`, or load the base in 4 bits (train=qlora)")
def train_lora(
    model: LanguageModel,
    rows: Sequence[TokenRow],
    output: str | Path,
    training: LoraTrainingConfig | None = None,
    lora: LoraConfig | None = None,
    *,
    command: str | None = None,
    on_log: Callable[[LoraLogEntry], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> list[LoraLogEntry]:
    """Train LoRA on texts, and leave PEFT's files in `output`.

    A run that was stopped goes on from its last checkpoint in `output` when it is called again with the same arguments,
    and ends with the same losses to the last bit on the same machine. The model is left as it was found, except that
    `load_in_4bit` packs its linear layers.

    Args:
        model: the frozen base.
        rows: from `read_rows`.
        output: a folder; `checkpoint-N` lie in it while the run lasts.
        training: how; the defaults if None.
        lora: what is added; the defaults if None.
        command: noted in `run.json`, for whoever finds the files.
        on_log: called with each new entry of the log.
        on_step: called with (steps done, steps in all).

    Returns:
        The log, that of the earlier part of a resumed run included.

    Raises:
        InvalidInputError: no rows, a layer name that the model lacks, or checkpoints of another run in `output`.
        MissingExtraError: `load_in_4bit` without bitsandbytes.
        OutOfMemoryError: too little memory; the message says what to lower.
    """
    training, lora = training or LoraTrainingConfig(), lora or LoraConfig()
    if not rows:
        raise InvalidInputError("There are no rows to train on.")
    layers = {name.rpartition(".")[2] for name, layer in model.model.named_modules() if isinstance(layer, nn.Linear)}
    if missing := sorted(set(lora.targets or model.lora_targets) - layers):
        raise InvalidInputError(
            f"`lora.targets`: {model.name} has no layer {missing[0]!r}; it has {', '.join(sorted(layers))}."
        )
    output = Path(output)
    start = _checkpoint(output, _identity(model, rows, training, lora))
    kept, learnt = _split(rows, training)
    if training.load_in_4bit:
        quantise(model)
    log = _train(model, kept, learnt, output, training, lora, start, on_log, on_step)
    note = json.loads((output / _NOTE).read_text(encoding="utf-8"))
    note |= {"command": command, "log": [asdict(entry) for entry in log]}
    (output / _NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return log


def _split(rows: Sequence[TokenRow], training: LoraTrainingConfig) -> tuple[list[TokenRow], list[TokenRow]]:
    """Return the rows for evaluation and those for training, packed."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(training.seed)).tolist()
    count = max(1, round(training.eval_share * len(rows))) if training.eval_share and len(rows) > 1 else 0
    kept, learnt = [rows[i] for i in order[:count]], [rows[i] for i in order[count:]]
    return kept, pack(learnt, seq_len=training.seq_len) if training.packing else learnt


def _train(
    model: LanguageModel,
    kept: list[TokenRow],
    learnt: list[TokenRow],
    output: Path,
    training: LoraTrainingConfig,
    lora: LoraConfig,
    start: Path | None,
    on_log: Callable[[LoraLogEntry], None] | None,
    on_step: Callable[[int, int], None] | None,
) -> list[LoraLogEntry]:
    from peft import LoraConfig as PeftConfig
    from peft import get_peft_model
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    class Telling(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if on_log is not None and logs and (entry := _entry(state.log_history[-1])):
                on_log(entry)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if on_step is not None:
                on_step(state.global_step, state.max_steps)

    network: Any = model.model
    # transformers 5.2x calls it by another name, and warns of the old one
    word = "activation" if hasattr(network, "activation_checkpointing_disable") else "gradient"
    checkpointing: dict[str, Any] = {
        f"{word}_checkpointing": training.gradient_checkpointing,
        f"{word}_checkpointing_kwargs": {"use_reentrant": False},
    }
    used_cache = network.config.use_cache
    # By its name PEFT would ask the Hugging Face hub about the model at every checkpoint
    named, network.name_or_path = network.name_or_path, None
    network.config.use_cache = False  # with a cache, packed texts would see each other
    torch.manual_seed(training.seed)
    adapted: Any = get_peft_model(
        network,
        PeftConfig(
            r=lora.r,
            lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType] - a float does as well
            lora_dropout=lora.dropout,
            target_modules=list(lora.targets or model.lora_targets),
            task_type="CAUSAL_LM",
        ),
    )
    steps = -(-len(learnt) // (training.micro_batch * training.grad_accum)) * training.epochs
    try:
        trainer = Trainer(
            model=adapted,
            args=TrainingArguments(
                output_dir=str(output),
                per_device_train_batch_size=training.micro_batch,
                per_device_eval_batch_size=training.micro_batch,
                gradient_accumulation_steps=training.grad_accum,
                num_train_epochs=training.epochs,
                learning_rate=training.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=round(training.warmup * steps),
                logging_steps=training.log_every,
                eval_strategy="steps" if kept else "no",
                eval_steps=training.save_every,
                save_steps=training.save_every,
                save_total_limit=2,
                **checkpointing,
                seed=training.seed,
                use_cpu=model.device.type == "cpu",
                report_to=[],
                disable_tqdm=True,
                remove_unused_columns=False,
                label_names=["labels"],
            ),
            data_collator=lambda batch: _collated(batch, network.config.eos_token_id or 0),
            train_dataset=_Rows(learnt),
            eval_dataset=_Rows(kept) if kept else None,
            callbacks=[Telling()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=None if start is None else str(start))
        adapted.save_pretrained(output)
        (output / "README.md").unlink(missing_ok=True)  # a form to fill in
        described = output / "adapter_config.json"
        settings = json.loads(described.read_text(encoding="utf-8")) | {"base_model_name_or_path": model.name}
        described.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        return [entry for logs in trainer.state.log_history if (entry := _entry(logs))]
    finally:
        adapted.unload()
        getattr(network, f"{word}_checkpointing_disable")()
        network.config.use_cache, network.name_or_path = used_cache, named
        network.eval()


class _Rows(torch.utils.data.Dataset[TokenRow]):
    def __init__(self, rows: Sequence[TokenRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> TokenRow:
        return self._rows[place]


def _collated(rows: Sequence[TokenRow], padding: int) -> dict[str, Tensor]:
    width = max(len(row.ids) for row in rows)

    def filled(parts: Sequence[Sequence[int]], value: int) -> Tensor:
        return torch.tensor([[*part, *[value] * (width - len(part))] for part in parts])

    # No attention mask: transformers then keeps packed texts apart by their positions, and padding, which stands at
    # position 0, is a text of its own in each column
    return {
        "input_ids": filled([row.ids for row in rows], padding),
        "labels": filled([row.labels for row in rows], IGNORED),
        "position_ids": filled([row.positions for row in rows], 0),
    }


def _entry(logs: dict[str, Any]) -> LoraLogEntry | None:
    if "loss" not in logs and "eval_loss" not in logs:
        return None
    return LoraLogEntry(step=int(logs["step"]), loss=logs.get("loss"), eval_loss=logs.get("eval_loss"))


def _identity(
    model: LanguageModel, rows: Sequence[TokenRow], training: LoraTrainingConfig, lora: LoraConfig
) -> dict[str, Any]:
    content = hashlib.sha256(repr([(row.ids, row.labels) for row in rows]).encode()).hexdigest()
    settings = {"train": asdict(training), "lora": asdict(lora)}
    return json.loads(json.dumps({"model": model.digest, "dtype": str(model.dtype), "rows": content, **settings}))


def _checkpoint(output: Path, identity: dict[str, Any]) -> Path | None:
    """Return the newest checkpoint of this run that can be read, None for a fresh start; note whose run it is.

    Raises:
        InvalidInputError: the folder holds another run's checkpoints.
    """
    found = sorted(output.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    note = output / _NOTE
    if found:
        earlier = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
        if different := [name for name, value in identity.items() if earlier.get(name) != value]:
            raise InvalidInputError(
                f"{output} holds checkpoints of another run: {', '.join(different)} differ. Continue it with what it "
                "began with, or choose another folder."
            )
        for path in found:
            if _readable(path):
                return path
            warnings.warn(f"{path} is damaged and passed over; an earlier one is used if there is any.", stacklevel=3)
    output.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(identity, indent=2) + "\n", encoding="utf-8")
    return None


def _readable(path: Path) -> bool:
    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        with safe_open(path / "adapter_model.safetensors", framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - it is no mapping
                tensors.get_tensor(name)
        for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
            torch.load(path / name, weights_only=False)
    except Exception:  # whatever a torn file makes these raise
        return False
    return True
