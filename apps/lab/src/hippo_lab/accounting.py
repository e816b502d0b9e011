"""What an answer costs: tokens, memory and arithmetic, from numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

from hippo_core import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """The sizes of a decoder-only transformer that its costs follow from.

    Raises:
        InvalidInputError: a size below 1.
    """

    parameters: int
    """Without the input embedding, which does no arithmetic; with it where it is also the output layer."""
    layers: int
    kv_heads: int
    head_dim: int
    hidden: int
    """Width of the residual stream."""
    bytes_per_value: int = 4
    """Of a cached key or value: 4 in float32, 2 in bfloat16."""

    def __post_init__(self) -> None:
        for name in ("parameters", "layers", "kv_heads", "head_dim", "hidden", "bytes_per_value"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, not {getattr(self, name)!r}.")

    def kv_bytes(self, tokens: int) -> int:
        """Return the bytes that keys and values of `tokens` positions take in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.bytes_per_value * tokens

    def forward_flops(self, new: int, *, cached: int = 0) -> int:
        """Return the floating-point operations of a forward pass over `new` tokens after `cached` ones.

        Two per parameter and token, and 4 · layers · hidden per pair of positions that attention compares (causal,
        so each new token sees the cached ones and those before it). Source: Kaplan et al. 2020, arXiv:2001.08361, §2.1.
        """
        pairs = new * cached + new * (new + 1) // 2
        return 2 * self.parameters * new + 4 * self.layers * self.hidden * pairs


def answer_costs(
    shape: ModelShape, *, prompt_tokens: int, new_tokens: int, latency_ms: float, shared_tokens: int = 0
) -> dict[str, float]:
    """Return the cost metrics of one answer: `prompt_tokens`, `kv_bytes`, `flops`, `latency_ms`.

    Args:
        shape: the model's sizes.
        prompt_tokens: tokens that the model read for this question, shared prefix included.
        new_tokens: tokens generated.
        latency_ms: wall time; a batch's time over its questions where they ran together.
        shared_tokens: the part of the prompt that was computed once for all questions; its arithmetic is left out, its
            cache counted.

    Raises:
        InvalidInputError: a negative number, or more shared tokens than prompt tokens.
    """
    if min(prompt_tokens, new_tokens, shared_tokens) < 0 or latency_ms < 0 or shared_tokens > prompt_tokens:
        raise InvalidInputError(
            f"costs cannot be negative and a shared prefix is part of the prompt: {prompt_tokens=}, {new_tokens=}, "
            f"{shared_tokens=}, {latency_ms=}."
        )
    # The last generated token is never fed back
    fed = prompt_tokens - shared_tokens + max(0, new_tokens - 1)
    return {
        "prompt_tokens": float(prompt_tokens),
        "kv_bytes": float(shape.kv_bytes(shared_tokens + fed)),
        "flops": float(shape.forward_flops(fed, cached=shared_tokens)),
        "latency_ms": float(latency_ms),
    }
