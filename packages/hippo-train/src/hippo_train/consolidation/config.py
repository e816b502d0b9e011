"""How a night goes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hippo_core.errors import InvalidInputError

_LAYERS = re.compile(r"layers:(\d+)(?:-(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolidationConfig:
    """What a night learns, how, and what it must not cost.

    The defaults are a first choice for SmolLM2-135M, still short of their goal (docs/LOG.md).

    Raises:
        InvalidInputError: a number out of its range.
    """

    traces: int = 64
    """Traces that the weights do not know yet, at most, by the store's priority."""
    rehearsed: int = 64
    """Traces of earlier nights that are practised beside them, at most."""
    questions_per_trace: int = 24
    """Different questions about a trace that are learnt, at most."""
    checks_per_trace: int = 2
    """Questions about a trace that are never learnt and judge whether it is known; all must be right."""

    target: str = "lora"
    """What learns: `lora`, layers beside the weights, or `layers:FIRST-LAST`, the MLP weights of those blocks."""
    r: int = 8
    """Rank of the LoRA layers."""
    alpha: float = 16.0
    """What they add is scaled by alpha / r."""
    first_block: int | None = None
    """The lowest block that learns, from 1; None is 2/3 of the depth (block 20 of 30)."""
    last_block: int | None = None
    """The highest; None is 14/15 of the depth (block 28 of 30)."""

    steps: int = 400
    questions: int = 20
    """Questions in a step, at least; they come in rows of one or four."""
    statements: int = 0
    """What the traces say in other words, in a step."""
    near: int = 4
    """Questions that no trace answers, in a step; the base model's own answers are kept."""
    own: int = 3
    """Passages of the model's own text in a step, of 64 tokens; its own expectations are kept."""
    own_passages: int = 384
    """Different passages, a third from its start token and the others from anywhere; few are learnt by heart."""
    reminder_weight: float = 3.0
    """What the last two weigh in the loss, where the traces weigh 1."""
    stillness_weight: float = 15.0
    """What the change of the layers' outputs on ordinary text weighs in the loss."""
    learning_rate: float | None = None
    """At its highest, after 15 steps; a cosine brings it down to a thirtieth. None is 3e-3, and 1e-4 for `layers:`."""

    perplexity_limit: float = 1.02
    """The night is refused above this ratio of perplexities, after to before, on text that was not practised."""
    divergence_limit: float = 0.1
    """And above this KL from the base model, in nats a token, on the same text."""
    locality_limit: float = 0.98
    """And below this share of the tokens of everyday answers, of those it was sure of, that are still the likeliest."""
    retention_limit: float = 0.75
    """And below this share of the facts of earlier nights that are still known."""
    guarded_tokens: int = 20_480
    """Tokens of text on which the first two are measured."""
    everyday_questions: int = 100
    """Everyday questions that the third is measured on; as many others are practised."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            *((name, 1) for name in ("traces", "questions_per_trace", "checks_per_trace", "r", "steps", "questions")),
            ("guarded_tokens", 2),
            *((name, 0) for name in ("rehearsed", "statements", "near", "own", "own_passages", "everyday_questions")),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InvalidInputError(f"`{name}` must be a whole number from {least}, not {value!r}.")
        if self.target != "lora" and not _LAYERS.fullmatch(self.target):
            raise InvalidInputError(f"`target` must be 'lora' or 'layers:20-22', say, not {self.target!r}.")
        if self.alpha <= 0 or not 0 < self.rate < 1:
            raise InvalidInputError(
                f"`alpha` must be above 0 and `learning_rate` between 0 and 1, not {self.alpha!r} and {self.rate!r}."
            )
        for name in ("reminder_weight", "stillness_weight"):
            if getattr(self, name) < 0:
                raise InvalidInputError(f"`{name}` must be at least 0, not {getattr(self, name)!r}.")
        if self.perplexity_limit < 1 or self.divergence_limit <= 0:
            raise InvalidInputError(
                f"`perplexity_limit` must be at least 1 and `divergence_limit` above 0, not {self.perplexity_limit!r} "
                f"and {self.divergence_limit!r}: no night leaves the model as it was."
            )
        for name in ("locality_limit", "retention_limit"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInputError(f"`{name}` must lie in [0, 1], not {getattr(self, name)!r}.")

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 3e-3 if self.target == "lora" else 1e-4

    def blocks(self, layers: int) -> range:
        """Return the blocks that learn in a model of so many, counted from 0.

        Raises:
            InvalidInputError: blocks that the model does not have.
        """
        if named := _LAYERS.fullmatch(self.target):
            first, last = int(named[1]), int(named[2] or named[1])
        else:
            first = round(layers * 19 / 30) + 1 if self.first_block is None else self.first_block
            last = max(first, round(layers * 28 / 30)) if self.last_block is None else self.last_block
        if not 1 <= first <= last <= layers:
            raise InvalidInputError(f"The blocks that learn must lie within 1 to {layers}, not {first} to {last}.")
        return range(first - 1, last)
