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
    model: CostModel,
    *,
    prompt_tokens: int,
    new_tokens: int,
    shared_tokens: int = 0,
    memory_slots: int = 0,
    reader_flops: int = 0,
    reader_bytes: int = 0,
) -> dict[str, float]:
    """Return the cost metrics of one answer: `prompt_tokens`, `kv_bytes` and `flops`.

    What was computed before the question came (the states of traces, a shared prefix) is left out of the arithmetic;
    what must be kept of it counts.

    Args:
        model: the model that answered.
        prompt_tokens: tokens that the model read for this question, shared prefix included.
        new_tokens: tokens generated.
        shared_tokens: the part of the prompt that was computed once for all questions; its arithmetic is left out, its
            cache counted.
        memory_slots: keys and values of remembered tokens that stand before the question in every layer.
        reader_flops: operations of an adapter for this answer.
        reader_bytes: bytes that it keeps for this answer.

    Raises:
        InvalidInputError: a negative number, or more shared tokens than prompt tokens.
    """
    counts = (prompt_tokens, new_tokens, shared_tokens, memory_slots, reader_flops, reader_bytes)
    if min(counts) < 0 or shared_tokens > prompt_tokens:
        raise InvalidInputError(
            f"costs cannot be negative and a shared prefix is part of the prompt: {prompt_tokens=}, {new_tokens=}, "
            f"{shared_tokens=}, {memory_slots=}, {reader_flops=}, {reader_bytes=}."
        )
    # The last generated token is never fed back
    end = prompt_tokens + memory_slots + max(0, new_tokens - 1)
    computed = _forward_flops(model, shared_tokens + memory_slots, end, heads=max(0, new_tokens))
    return {
        "prompt_tokens": float(prompt_tokens),
        "kv_bytes": float(model.kv_bytes_per_token * end + reader_bytes),
        "flops": float(computed + reader_flops),
    }


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
