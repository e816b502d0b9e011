"""What an answer costs: tokens, memory and arithmetic."""

from __future__ import annotations

from typing import Protocol

from hippo_core import InvalidInputError


class CostModel(Protocol):
    """The part of a language model that its costs follow from; `hippo_adapters.LanguageModel` has it."""

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of one token's keys and values over all layers."""
        ...

    def flops_per_token(self, context: int, *, head: bool = True) -> int:
        """Operations of a forward pass for one token that attends to `context` tokens, itself included."""
        ...


def answer_costs(
    model: CostModel, *, prompt_tokens: int, new_tokens: int, shared_tokens: int = 0, latency_ms: float | None = None
) -> dict[str, float]:
    """Return the cost metrics of one answer: `prompt_tokens`, `kv_bytes`, `flops`, and `latency_ms` where measured.

    Args:
        model: the model that answered.
        prompt_tokens: tokens that the model read for this question, shared prefix included.
        new_tokens: tokens generated.
        shared_tokens: the part of the prompt that was computed once for all questions; its arithmetic is left out, its
            cache counted.
        latency_ms: wall time from question to answer, asked alone.

    Raises:
        InvalidInputError: a negative number, or more shared tokens than prompt tokens.
    """
    if min(prompt_tokens, new_tokens, shared_tokens, latency_ms or 0) < 0 or shared_tokens > prompt_tokens:
        raise InvalidInputError(
            f"costs cannot be negative and a shared prefix is part of the prompt: {prompt_tokens=}, {new_tokens=}, "
            f"{shared_tokens=}, {latency_ms=}."
        )
    # The last generated token is never fed back
    end = prompt_tokens + max(0, new_tokens - 1)
    costs = {
        "prompt_tokens": float(prompt_tokens),
        "kv_bytes": float(model.kv_bytes_per_token * end),
        "flops": float(_forward_flops(model, shared_tokens, end, heads=max(0, new_tokens))),
    }
    return costs if latency_ms is None else {**costs, "latency_ms": float(latency_ms)}


def _forward_flops(model: CostModel, cached: int, end: int, *, heads: int) -> int:
    """Return the operations for the tokens after `cached` up to `end`, `heads` of them with vocabulary logits.

    A token's cost grows evenly with its context, so all tokens together cost as many times the middle one.
    """
    tokens = end - cached
    if tokens == 0:
        return 0
    first, last = (model.flops_per_token(context, head=False) for context in (cached + 1, end))
    head = model.flops_per_token(1) - model.flops_per_token(1, head=False)
    return tokens * (first + last) // 2 + heads * head
