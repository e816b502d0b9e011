"""PEFT's layers on a model for a while."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from hippo_adapters import LanguageModel


@contextmanager
def worn(model: LanguageModel, put_on: Callable[[Any], Any]) -> Generator[Any]:
    """Put layers on a model while the context lasts; afterwards it is the model it was, to the last bit.

    Args:
        model: the base.
        put_on: given the network, returns PEFT's model around it.

    Yields:
        PEFT's model.
    """
    network: Any = model.model
    # By its name PEFT would ask the Hugging Face hub about the model
    named, network.name_or_path = network.name_or_path, None
    adapted = put_on(network)
    # `unload` leaves the trained copy of a whole layer in the place of the layer
    replaced = [
        (name, module.original_module) for name, module in network.named_modules() if hasattr(module, "original_module")
    ]
    try:
        yield adapted
    finally:
        adapted.unload()
        for name, original in replaced:
            parent, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(parent), attribute, original)
        network.name_or_path = named
        network.requires_grad_(False).eval()
