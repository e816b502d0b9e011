"""Sizes of causal language models, and what training LoRA on them takes: parameters, bytes, operations.

The known models' sizes are those of their published configurations, so that a plan needs neither weights nor network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hippo_adapters import LanguageModel

_NF4_BYTES = 0.5 + 4 / 64
"""A weight in NF4: four bits, and a float32 scale for each block of 64 (source: Dettmers et al. 2023, without double
quantisation)."""
_ADAM_BYTES = 16
"""A trained weight in float32: itself, its gradient, and Adam's two moments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """Sizes of a decoder with grouped-query attention and a gated MLP."""

    layers: int
    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    """Whether the vocabulary's logits use the embedding's weights."""

    @classmethod
    def of(cls, model: LanguageModel) -> ModelShape:
        """Return the sizes of a loaded model."""
        config: Any = model.model.config
        return cls(
            layers=model.layers,
            hidden=model.hidden_size,
            mlp=int(config.intermediate_size),
            heads=model.heads,
            kv_heads=model.kv_heads,
            head_dim=model.head_dim,
            vocabulary=int(config.vocab_size),
            tied=bool(config.tie_word_embeddings),
        )

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Name of each linear layer of a block to its (inputs, outputs); fused names beside the separate ones."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.mlp),
            "up_proj": (self.hidden, self.mlp),
            "down_proj": (self.mlp, self.hidden),
            "qkv_proj": (self.hidden, queries + 2 * keys),
            "gate_up_proj": (self.hidden, 2 * self.mlp),
        }

    @property
    def linear_weights(self) -> int:
        """Weights of the linear layers of all blocks."""
        sizes = self.linears
        separate = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
        return self.layers * sum(sizes[name][0] * sizes[name][1] for name in separate)

    @property
    def vocabulary_weights(self) -> int:
        """Weights of the embedding, and of the output layer where it has its own."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All weights but biases; norms included."""
        return self.linear_weights + self.vocabulary_weights + (2 * self.layers + 1) * self.hidden

    def lora_weights(self, rank: int, targets: Sequence[str]) -> int:
        """Return how many weights LoRA of this rank adds to the named layers of every block."""
        sizes = self.linears
        return self.layers * sum(rank * sum(sizes[name]) for name in targets)


KNOWN_SHAPES = {
    "smollm2-135m": ModelShape(
        layers=30, hidden=576, mlp=1536, heads=9, kv_heads=3, head_dim=64, vocabulary=49_152, tied=True
    ),
    "llama32-3b": ModelShape(
        layers=28, hidden=3072, mlp=8192, heads=24, kv_heads=8, head_dim=128, vocabulary=128_256, tied=True
    ),
    "qwen2-1_5b": ModelShape(
        layers=28, hidden=1536, mlp=8960, heads=12, kv_heads=2, head_dim=128, vocabulary=151_936, tied=True
    ),
    "phi3-mini": ModelShape(
        layers=32, hidden=3072, mlp=8192, heads=32, kv_heads=32, head_dim=96, vocabulary=32_064, tied=False
    ),
}
"""Sizes of `hippo_adapters.KNOWN_MODELS`, from their published `config.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAccount:
    """Bytes that a training step needs at its peak, by what needs them."""

    weights: int
    trained: int
    """LoRA weights with gradients and Adam's moments."""
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.trained + self.activations + self.logits


def account(
    shape: ModelShape,
    *,
    rank: int,
    targets: Sequence[str],
    micro_batch: int,
    seq_len: int,
    bytes_per_weight: int,
    four_bit: bool,
    checkpointing: bool,
) -> MemoryAccount:
    """Return what a training step takes, counted tensor by tensor.

    Counted: weights (linear layers of blocks in NF4 if `four_bit`, the rest in the model's type), LoRA with its
    optimizer, what the backward pass keeps of each block (its input alone with checkpointing, and then one block
    whole), and logits with their gradient, in the model's type and in float32. Not counted: what the allocator loses,
    and on CUDA the context, about half a gigabyte together.
    """
    tokens = micro_batch * seq_len
    linear = shape.linear_weights * (_NF4_BYTES if four_bit else bytes_per_weight)
    other = (shape.parameters - shape.linear_weights) * bytes_per_weight
    # Of a block: inputs of its two norms and their outputs, queries, keys, values, what attention returns, and three
    # of the MLP's width
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    block = tokens * (4 * shape.hidden + 2 * queries + 2 * keys + 3 * shape.mlp) * bytes_per_weight
    kept = shape.layers * tokens * shape.hidden * bytes_per_weight + block if checkpointing else shape.layers * block
    # NF4 weights are unpacked one layer at a time
    unpacked = max(a * b for a, b in shape.linears.values()) * bytes_per_weight if four_bit else 0
    return MemoryAccount(
        weights=int(linear + other),
        trained=shape.lora_weights(rank, targets) * _ADAM_BYTES,
        activations=int(kept + unpacked),
        logits=tokens * shape.vocabulary * 2 * (bytes_per_weight + 4),
    )


def training_flops_per_token(shape: ModelShape, *, seq_len: int, checkpointing: bool) -> int:
    """Return the operations that one token costs in a LoRA step: forward, back, and with checkpointing forward again.

    Gradients of frozen weights are not computed. Attention is counted over half of `seq_len`.
    """
    forward = 2 * (shape.linear_weights + shape.vocabulary * shape.hidden)
    forward += 2 * shape.layers * shape.heads * shape.head_dim * seq_len
    return forward * (3 if checkpointing else 2)
