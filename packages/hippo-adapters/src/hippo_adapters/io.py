"""Adapters on disk: weights in safetensors, and what they are in JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from hippo_core.errors import InvalidInputError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from hippo_adapters.adapter_config import EpisodicAdapterConfig
from hippo_adapters.episodic_adapter import EpisodicAdapter
from hippo_adapters.errors import AdapterFileError
from hippo_adapters.models import LanguageModel

WEIGHTS, DESCRIPTION = "adapter.safetensors", "adapter.json"
FORMAT = "hippo-episodic-adapter-4"


def save_adapter(
    adapter: EpisodicAdapter, folder: str | Path, *, model: LanguageModel, training: Mapping[str, Any] | None = None
) -> None:
    """Write an adapter's weights (float16) and description into a folder, which is made.

    Args:
        adapter: what to save.
        folder: two files go there; those of an earlier save are replaced.
        model: the model it was trained for; another one is refused at loading.
        training: how it came about, as JSON types: command, seed, commit, figures.

    Raises:
        InvalidInputError: the adapter was trained or loaded for another model.
        OSError: the folder cannot be written.
    """
    adapter.check_model(model)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    tensors = {name: part.detach().to("cpu", torch.float16).contiguous() for name, part in adapter.state_dict().items()}
    (target / WEIGHTS).write_bytes(save(tensors))
    description = {
        "format": FORMAT,
        "config": asdict(adapter.config),
        "parameters": adapter.parameter_count,
        "model": {"name": model.name, "digest": model.adapter_digest},
        "training": dict(training or {}),
    }
    (target / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_adapter(source: str | Path, model: LanguageModel) -> EpisodicAdapter:
    """Return an adapter for a model, float32, in eval mode.

    Args:
        source: a folder that `save_adapter` wrote, or the name of a model whose adapter comes with this package:
            `shipped_adapters()`.
        model: the model that will read with it.

    Raises:
        AdapterFileError: no such folder or name, or its files are not an adapter.
        InvalidInputError: it was trained for another model.
    """
    folder = _folder_of(source)
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if description.get("format") != FORMAT:
            raise AdapterFileError(
                f"{folder / DESCRIPTION} is no {FORMAT}: another release made it, or something else. Train the adapter "
                "again (hippo-train train=adapter), or use the release that made it."
            )
        adapter = EpisodicAdapter(EpisodicAdapterConfig(**description["config"]))
        adapter.load_state_dict({name: part.float() for name, part in load_file(folder / WEIGHTS).items()})
        trained_for = description["model"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as exc:
        if isinstance(exc, (AdapterFileError, InvalidInputError)):
            raise
        first = (str(exc).strip() or type(exc).__name__).splitlines()[0]
        raise AdapterFileError(f"{folder} does not hold an adapter that can be read: {first}.") from exc
    if trained_for["digest"] != model.adapter_digest:
        raise InvalidInputError(
            f"The adapter in {folder} was trained for {trained_for['name']} (digest {trained_for['digest'][:12]}…), "
            f"not for {model.name} ({model.adapter_digest[:12]}…), whose states mean something else. Train one: "
            f"hippo-train train=adapter model={model.name}."
        )
    adapter.model_digest = model.adapter_digest
    return adapter.to(model.device).eval()


def describe_adapter(source: str | Path) -> dict[str, Any]:
    """Return an adapter's description: its config, its model and how it was trained.

    Raises:
        AdapterFileError: no such folder or name, or it holds no description.
    """
    folder = _folder_of(source)
    try:
        return json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise AdapterFileError(f"{folder} does not hold an adapter's description: {exc}.") from exc


def shipped_adapters() -> list[str]:
    """Return the names of the models whose adapters come with this package, sorted."""
    return sorted(path.name for path in _shipped().iterdir() if (path / DESCRIPTION).is_file())


def _shipped() -> Path:
    return Path(str(resources.files("hippo_adapters") / "adapters"))


def _folder_of(source: str | Path) -> Path:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if str(source) in shipped_adapters():
        return _shipped() / str(source)
    raise AdapterFileError(
        f"There is no adapter {str(source)!r}: neither a folder of that name nor one that comes with this package "
        f"({', '.join(shipped_adapters())})."
    )
