"""Keys and values of remembered tokens: taken off their rotary positions, and put onto new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from hippo_core import LayeredMemory
from torch import Tensor

from hippo_adapters.errors import UnsupportedModelError
from hippo_adapters.models import LanguageModel


def slots_of(memory: LayeredMemory | None) -> int:
    """Return how many slots a memory has; None has none."""
    return 0 if memory is None else len(memory.mask)


def rotary_of(model: LanguageModel) -> Any:
    """Return the module that makes the model's rotary positions.

    Raises:
        UnsupportedModelError: it has none, or several.
    """
    found = {id(part): part for name, part in model.model.named_modules() if name.split(".")[-1] == "rotary_emb"}
    if len(found) != 1:
        lacks = "no module `rotary_emb`" if not found else f"{len(found)} different modules `rotary_emb`"
        raise UnsupportedModelError(
            f"{model.name} ({type(model.model).__name__}) has {lacks}: without one kind of rotary positions for all "
            "layers its keys cannot be moved. Use the reader 'text' with it."
        )
    return next(iter(found.values()))


def rotated(model: LanguageModel, keys: Tensor, positions: Tensor, *, back: bool = False) -> Tensor:
    """Return keys turned to their positions, or (`back`) turned back from them, in float32.

    Positions turn pairs of dimensions that lie half of the rotary width apart, as in Llama, Mistral, Qwen2 and Phi-3;
    a model that rotates a part of each head only has the other dimensions pass through.

    Args:
        model: whose rotary positions.
        keys: shape (..., rows, slots, kv_heads, head_dim).
        positions: shape (rows, slots).
        back: take the positions off.
    """
    cos, sin = (part.float()[:, :, None] for part in rotary_of(model)(keys.new_zeros(1).float(), positions))
    width = cos.shape[-1]
    turned, rest = keys[..., :width].float(), keys[..., width:].float()
    first, second = turned.chunk(2, dim=-1)
    half = torch.cat((-second, first), dim=-1)
    # A scaled rotation (YaRN) is undone by the opposite one over the square of its scale
    result = (turned * cos - half * sin) / (cos**2 + sin**2) if back else turned * cos + half * sin
    return torch.cat((result, rest), dim=-1)


def placed(
    model: LanguageModel, memories: Sequence[LayeredMemory | None], *, first_position: int
) -> tuple[Tensor, Tensor]:
    """Return the keys, with their rotary positions, and the values of a batch of memories.

    Args:
        model: where they go.
        memories: one a row, padded on the right; None for an empty row.
        first_position: of every row's first slot.

    Returns:
        Both of shape (layers, rows, kv_heads, slots of the longest, head_dim), in the model's number type.
    """
    room = max(map(slots_of, memories))
    shape = (model.layers, len(memories), room, model.kv_heads, model.head_dim)
    keys, values = (torch.zeros(shape, dtype=torch.float32, device=model.device) for _ in range(2))
    for row, memory in enumerate(memories):
        if memory is not None:
            keys[:, row, : slots_of(memory)] = torch.as_tensor(memory.keys, device=model.device).float()
            values[:, row, : slots_of(memory)] = torch.as_tensor(memory.values, device=model.device).float()
    positions = torch.arange(first_position, first_position + room, device=model.device)[None].expand(len(memories), -1)
    keys = rotated(model, keys, positions)
    return keys.to(model.dtype).transpose(2, 3), values.to(model.dtype).transpose(2, 3)
