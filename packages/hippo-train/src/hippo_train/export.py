"""What was trained here, LoRA or whole layers: on a model for a while, or merged into a model of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hippo_adapters import LanguageModel
from hippo_core.errors import InvalidInputError
from safetensors import SafetensorError, safe_open

from hippo_train.peft_layers import worn

_WEIGHTS, _CONFIG = "adapter_model.safetensors", "adapter_config.json"
_NOTES = ("night.json", "run.json")  # of `consolidate` and of `train_lora`


@contextmanager
def adapted(model: LanguageModel, folder: str | Path) -> Generator[LanguageModel]:
    """Put an adapter's layers into a model while the context lasts; afterwards it is the model it was.

    Args:
        model: the base that the adapter was trained on.
        folder: a night of `Nights`, or the output of `train_lora`.

    Yields:
        The same network under a digest of its own, so that states that were kept for the base are not taken for its.

    Raises:
        InvalidInputError: no adapter there, a damaged one, or one of another base.
    """
    from peft import PeftModel

    source = _checked(folder, model)
    weights = hashlib.sha256((source / _WEIGHTS).read_bytes()).hexdigest()
    with worn(model, lambda network: PeftModel.from_pretrained(network, str(source)).eval()):
        yield replace(
            model,
            base_digest=model.adapter_digest,
            digest=hashlib.sha256(f"{model.digest}+{weights}".encode()).hexdigest(),
        )


def export_adapter(model: LanguageModel, folder: str | Path, output: str | Path) -> None:
    """Write the model with an adapter merged into its weights: a folder that needs neither PEFT nor Hippo.

    The adapter's own folder is PEFT's format already; `model` is left as it was, to the last bit. In float32 the merged
    logits equal those with the layers beside the weights within 1e-3.

    Args:
        model: the base that the adapter was trained on.
        folder: a night of `Nights`, or the output of `train_lora`.
        output: a folder that is empty or does not exist; `load_model` and transformers read it.

    Raises:
        InvalidInputError: no adapter there, a damaged one, one of another base, or something in the output folder.

    Cost:
        A copy of the weights it touches while it works, and the model's size on disk.
    """
    target = Path(output)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInputError(f"{target} is there already and not empty; choose another folder.")
    with adapted(model, folder):
        network: Any = model.model
        layers = [layer for layer in network.modules() if hasattr(layer, "merge") and hasattr(layer, "lora_A")]
        kept = [layer.base_layer.weight.data.clone() for layer in layers]
        try:
            for layer in layers:
                layer.merge()
            merged = {
                name.replace(".base_layer", "").replace(".modules_to_save.default", ""): tensor.contiguous()
                for name, tensor in network.state_dict().items()
                if ".lora_" not in name and ".original_module." not in name
            }
            network.save_pretrained(target, state_dict=merged)
            model.tokenizer.save_pretrained(target)
        finally:
            for layer, weight in zip(layers, kept, strict=True):
                layer.unmerge()
                layer.base_layer.weight.data.copy_(weight)  # unmerging subtracts, and rounds


def _checked(folder: str | Path, model: LanguageModel) -> Path:
    source = Path(folder)
    if missing := [name for name in (_CONFIG, _WEIGHTS) if not (source / name).is_file()]:
        raise InvalidInputError(f"{source} holds no LoRA adapter: {missing[0]} is missing.")
    try:
        with safe_open(source / _WEIGHTS, framework="pt") as file:
            file.keys()  # opening it compares its header with its length
    except SafetensorError as exc:
        raise InvalidInputError(
            f"{source / _WEIGHTS} is damaged ({exc}); restore it, or go back to an earlier night (`Nights.roll_back`)."
        ) from exc
    for name in _NOTES:
        if (source / name).is_file():
            noted = json.loads((source / name).read_text(encoding="utf-8")).get("model")
            digest = noted["digest"] if isinstance(noted, dict) else noted
            if digest != model.digest:
                base = json.loads((source / _CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"]
                raise InvalidInputError(
                    f"{source} was trained on {base} ({str(digest)[:12]}…), and {model.name} ({model.digest[:12]}…) "
                    "has other weights; load that model."
                )
    return source
