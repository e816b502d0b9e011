"""Attention over a prefix that all rows share, kept once, and over each row's own memory and tokens.

The prefix's keys and values are never copied per row: scores against it are one matrix product for the whole batch,
and the two softmaxes are joined through their maxima and sums. A row's own keys go into buffers of the final size, so
nothing is concatenated while generating. The state travels as a keyword argument through the model's own forward
pass to this attention function; the model's `Cache` classes are not used.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NAME = "hippo_cascade"
_SCORE_BYTES = 64 * 2**20  # of float32 prefix scores alive at a time; larger blocks were not faster


class OwnKeys:
    """Keys and values of the rows' own memory and tokens, per layer, in buffers of the final size.

    Prompts are padded on the left, so the newest token of every row is in the last column.
    """

    def __init__(self, *, prefix: list[tuple[Tensor, Tensor]], real: Tensor) -> None:
        """Start empty.

        Args:
            prefix: per layer, keys and values (kv_heads, prefix tokens, head_dim); empty for no prefix.
            real: (rows, columns) bool, False where a column is padding. As many columns as the longest memory, the
                longest prompt and the tokens to generate.
        """
        self.prefix = prefix
        self.real = real
        self.width = real.shape[1]
        self.filled = 0
        self.buffers: dict[int, tuple[Tensor, Tensor]] = {}
        self.mask = torch.empty(0)

    def begin(self, new: int) -> None:
        """Announce a forward pass over `new` columns, and build its mask (rows, 1, new, columns)."""
        columns = torch.arange(self.filled + new, device=self.real.device)
        queries = torch.arange(self.filled, self.filled + new, device=self.real.device)
        causal = columns[None, :] <= queries[:, None]
        self.mask = (causal[None] & self.real[:, None, : self.filled + new])[:, None]

    def end(self, new: int) -> None:
        """Count the columns of the pass that `begin` announced."""
        self.filled += new

    def start_from(self, keys: Tensor, values: Tensor) -> None:
        """Fill the first columns from memory, (layers, rows, kv_heads, columns, head_dim); before the first pass."""
        for layer, (some_keys, some_values) in enumerate(zip(keys, values, strict=True)):
            self.append(layer, some_keys, some_values)
        self.filled = keys.shape[3]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values (rows, kv_heads, new, head_dim); return all of the layer's so far."""
        if layer not in self.buffers:
            shape = (*keys.shape[:2], self.width, keys.shape[3])
            self.buffers[layer] = (keys.new_zeros(shape), values.new_zeros(shape))
        stop = self.filled + keys.shape[2]
        all_keys, all_values = self.buffers[layer]
        all_keys[:, :, self.filled : stop] = keys
        all_values[:, :, self.filled : stop] = values
        return all_keys[:, :, :stop], all_values[:, :, :stop]

    def keep(self, rows: Tensor) -> None:
        """Drop every row but `rows` (indices)."""
        self.real = self.real[rows]
        self.buffers = {layer: (keys[rows], values[rows]) for layer, (keys, values) in self.buffers.items()}

    @property
    def size_bytes(self) -> int:
        """Bytes in the buffers, the shared prefix not counted."""
        return sum(keys.nbytes + values.nbytes for keys, values in self.buffers.values())


@contextmanager
def cascade_attention(model: PreTrainedModel) -> Generator[None]:
    """Make the model attend through this module inside the block, and as before after it."""
    config = model.config
    before = config._attn_implementation  # pyright: ignore[reportPrivateUsage]
    _register()
    config._attn_implementation = _NAME  # pyright: ignore[reportPrivateUsage]
    try:
        yield
    finally:
        config._attn_implementation = before  # pyright: ignore[reportPrivateUsage]


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _attend)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **arguments: Any
) -> tuple[Tensor, None]:
    """Attend from query (rows, heads, new, head_dim); returns (rows, new, heads, head_dim)."""
    state: OwnKeys = arguments["hippo_own_keys"]
    scaling: float = arguments.get("scaling") or query.shape[-1] ** -0.5
    keys, values = state.append(module.layer_idx, key, value)
    if not state.prefix:
        groups = query.shape[1] // keys.shape[1]
        out = torch.nn.functional.scaled_dot_product_attention(
            query,
            keys.repeat_interleave(groups, dim=1),
            values.repeat_interleave(groups, dim=1),
            # A padded query has no key at all, and its softmax would be NaN: it may look at itself.
            attn_mask=state.mask | _diagonal(state.mask),
            scale=scaling,
        )
        return out.transpose(1, 2), None
    prefix_keys, prefix_values = state.prefix[module.layer_idx]
    out = _joined(query * scaling, keys, values, state.mask, prefix_keys, prefix_values)
    return out.transpose(1, 2), None


def _diagonal(mask: Tensor) -> Tensor:
    new, columns = mask.shape[-2:]
    return torch.ones(new, columns, dtype=torch.bool, device=mask.device).tril(columns - new).triu(columns - new)


def _joined(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, prefix_keys: Tensor, prefix_values: Tensor
) -> Tensor:
    rows, heads, new, dim = query.shape
    kv_heads, prefix_tokens, _ = prefix_keys.shape
    groups = heads // kv_heads
    # (kv_heads, rows · groups · new, dim): every row's queries meet the prefix in one product
    flat = query.reshape(rows, kv_heads, groups, new, dim).permute(1, 0, 2, 3, 4).reshape(kv_heads, -1, dim)
    top, total, prefix_out = _over_prefix(flat, prefix_keys, prefix_values, prefix_tokens)
    shape = (kv_heads, rows, groups * new)
    top, total = (part.view(*shape, 1).transpose(0, 1) for part in (top, total))
    prefix_out = prefix_out.view(*shape, dim).transpose(0, 1)

    own = query.reshape(rows, kv_heads, groups * new, dim) @ keys.transpose(
        2, 3
    )  # (rows, kv_heads, groups · new, columns)
    scores = own.float().masked_fill(~mask.repeat(1, 1, groups, 1), float("-inf"))
    joint = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
    weights = (scores - joint).exp()
    shrink = (top - joint).exp()
    own_out = weights.to(values.dtype) @ values
    out = (own_out.float() + shrink * prefix_out) / (weights.sum(dim=-1, keepdim=True) + shrink * total)
    return out.to(query.dtype).reshape(rows, heads, new, dim)


def _over_prefix(queries: Tensor, keys: Tensor, values: Tensor, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return each query's largest score, sum of exp(score − largest), and the values weighted by that exp (float32)."""
    block = max(1, _SCORE_BYTES // (4 * tokens * queries.shape[0]))
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for some in queries.split(block, dim=1):
        scores = (some @ keys.transpose(1, 2)).float()
        top = scores.amax(dim=-1, keepdim=True)
        weights = scores.sub_(top).exp_()
        parts.append((top, weights.sum(dim=-1, keepdim=True), (weights.to(values.dtype) @ values).float()))
    if len(parts) == 1:
        return parts[0]
    tops, totals, outs = zip(*parts, strict=True)
    return torch.cat(tops, dim=1), torch.cat(totals, dim=1), torch.cat(outs, dim=1)
