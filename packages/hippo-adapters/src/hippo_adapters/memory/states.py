"""A text's own keys and values, as the model computes them when it reads the text: made, joined, packed into bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import torch
from hippo_core import LayeredMemory
from hippo_core.errors import InvalidInputError
from numpy.typing import NDArray

from hippo_adapters._cascade import cascade_attention
from hippo_adapters._rotary import rotary_of, rotated
from hippo_adapters.generation import PrefixCache, run_rows
from hippo_adapters.models import LanguageModel

Precision = Literal["float32", "float16", "int8"]


@torch.inference_mode()
def compute_states(
    model: LanguageModel, texts: Sequence[str], *, sink: PrefixCache, batch_size: int = 32
) -> list[LayeredMemory]:
    """Return the keys, without rotary positions, and the values of each text's tokens, read after the sink.

    The texts do not see each other. The sink takes the attention that a model spends on the first tokens whatever they
    say; states that were computed after the same sink can stand behind it together (source: APE, arXiv:2502.05431).

    Args:
        model: reads the texts.
        texts: what to read; not empty.
        sink: what stands before each of them, and before them all when they are read.
        batch_size: texts in one forward pass.

    Returns:
        One memory a text, float32, with trace id 0 throughout.

    Cost:
        One forward pass over the texts. A token's states take twice `model.kv_bytes_per_token` of a 16-bit model.

    Raises:
        UnsupportedModelError: the model's positions are not rotary.
        InvalidInputError: an empty text, or a sink that another model made.
    """
    rotary_of(model)
    if not sink.fits(model):
        raise InvalidInputError(f"The sink was not computed by {model.name} as it is now; call compute_prefix again.")
    rows = [model.encode(text) for text in texts]
    for text, row in zip(texts, rows, strict=True):
        if not row:
            raise InvalidInputError(f"The text {text!r} has no tokens, so there is nothing to remember.")
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    found: dict[int, LayeredMemory] = {}
    with cascade_attention(model.model):
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            keys, values, lengths = run_rows(model, [rows[i] for i in batch], sink)
            width = keys.shape[2]
            first = len(sink.tokens)
            positions = first + torch.arange(width, device=keys.device)[None] - (width - lengths)[:, None]
            keys = rotated(model, keys, positions, back=True)
            for place, i in enumerate(batch):
                n = len(rows[i])
                found[i] = LayeredMemory(
                    keys=keys[:, place, width - n :].float().cpu().numpy(),
                    values=values[:, place, width - n :].float().cpu().numpy(),
                    mask=np.ones(n, dtype=bool),
                    trace_ids=np.zeros(n, dtype=np.int64),
                )
    return [found[index] for index in range(len(rows))]


def last_slots(memory: LayeredMemory, count: int | None) -> LayeredMemory:
    """Return the last `count` slots of a memory, which have seen all before them; None returns it as it is."""
    if count is None or count >= len(memory.mask):
        return memory
    return LayeredMemory(
        keys=memory.keys[:, -count:],
        values=memory.values[:, -count:],
        mask=memory.mask[-count:],
        trace_ids=memory.trace_ids[-count:],
    )


def joined(memories: Sequence[LayeredMemory], trace_ids: Sequence[int]) -> LayeredMemory | None:
    """Return memories one after the other, each under its trace's id; None where there are none."""
    if not memories:
        return None
    return LayeredMemory(
        keys=np.concatenate([memory.keys.astype(np.float32) for memory in memories], axis=1),
        values=np.concatenate([memory.values.astype(np.float32) for memory in memories], axis=1),
        mask=np.concatenate([memory.mask for memory in memories]),
        trace_ids=np.repeat(np.array(trace_ids, dtype=np.int64), [len(memory.mask) for memory in memories]),
    )


def pack_states(memory: LayeredMemory, precision: Precision) -> bytes:
    """Return a memory's keys and values as bytes, to be kept beside its episode.

    Args:
        memory: of one trace.
        precision: of the numbers; "int8" has one scale for each head of each slot.

    Returns:
        Slots × layers × 2 × kv_heads × head_dim numbers, and about 1 kB.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, array in (("keys", memory.keys), ("values", memory.values)):
        if precision == "int8":
            scales = np.abs(array).max(axis=-1, keepdims=True) / 127
            arrays[name] = np.round(array / np.maximum(scales, np.finfo(np.float32).tiny)).astype(np.int8)
            arrays[f"{name}_scales"] = scales.astype(np.float32)
        else:
            arrays[name] = array.astype(precision)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType] - it also has an argument of its own
    return buffer.getvalue()


def unpack_states(data: bytes) -> LayeredMemory:
    """Return what `pack_states` packed, float32.

    Raises:
        InvalidInputError: these bytes are something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            parts = {
                name: arrays[name].astype(np.float32) * arrays.get(f"{name}_scales", np.float32(1))
                for name in ("keys", "values")
            }
        n = parts["keys"].shape[1]
        return LayeredMemory(**parts, mask=np.ones(n, dtype=bool), trace_ids=np.zeros(n, dtype=np.int64))
    except (OSError, EOFError, ValueError, KeyError, IndexError, BadZipFile) as exc:
        raise InvalidInputError(
            f"These {len(data):,} bytes are not packed states ({exc}); compute them again."
        ) from exc
