"""What a model's blocks put out during a forward pass."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from hippo_adapters.errors import UnsupportedModelError
from hippo_adapters.models import LanguageModel


class _ReadEnoughError(Exception):
    """Ends a forward pass once the last wanted block has spoken."""


def decoder_blocks(model: LanguageModel) -> Any:
    """Return the model's decoder blocks, in order.

    Raises:
        UnsupportedModelError: a decoder that does not hold them in `layers`.
    """
    decoder: Any = model.model.get_decoder()
    if not hasattr(decoder, "layers"):
        raise UnsupportedModelError(
            f"{model.name} cannot be read from: its decoder ({type(decoder).__name__}) has no `layers`. Decoder blocks "
            "are looked for in `get_decoder().layers`, as in Llama, Qwen2, Mistral and Phi-3."
        )
    return decoder.layers


def output_of(output: Any) -> Tensor:
    """Return the states in what a block returned: a tensor, or a tuple that starts with it."""
    return output if isinstance(output, Tensor) else output[0]


@contextmanager
def watching(model: LanguageModel, blocks: Collection[int], *, stop: bool = False) -> Generator[dict[int, Tensor]]:
    """Collect the outputs (rows, columns, dim) of some blocks, counted from 1, of the latest forward pass inside.

    Args:
        model: whose blocks.
        blocks: which of them.
        stop: end a forward pass after the last of them, by an exception that this context swallows; so one pass only.
    """
    seen: dict[int, Tensor] = {}
    last = max(blocks)

    def keeper(block: int) -> Any:
        def keep(module: Any, arguments: Any, output: Any) -> None:
            seen[block] = output_of(output)
            if stop and block == last:
                raise _ReadEnoughError

        return keep

    handles = [decoder_blocks(model)[block - 1].register_forward_hook(keeper(block)) for block in sorted(set(blocks))]
    try:
        yield seen
    except _ReadEnoughError:
        pass
    finally:
        for handle in handles:
            handle.remove()
