"""Shape and place of an `EpisodicAdapter` in its model."""

from __future__ import annotations

from dataclasses import dataclass

from hippo_core.errors import InvalidInputError

from hippo_adapters._blocks import decoder_blocks
from hippo_adapters.models import LanguageModel


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodicAdapterConfig:
    """Shape and place of an adapter.

    Raises:
        InvalidInputError: a size below 1, blocks that do not follow each other, or a share outside 0 to 1.
    """

    hidden_size: int
    """Width of the model's residual stream."""
    match_block: int
    """Block after which question and traces are matched word by word; counted from 1."""
    read_block: int
    """Block after which the tokens of a trace are attended to."""
    write_block: int
    """Block after which what was read enters the residual stream."""
    key_dim: int = 256
    """Width of queries and keys."""
    match_dim: int = 128
    """Width in which words are matched."""
    read_above: float = 0.86
    """Attention that the traces must have for reading to begin. Less reads more, and more that answers nothing
    (docs/LOG.md); it may be changed after training."""

    def __post_init__(self) -> None:
        for name in ("hidden_size", "match_block", "key_dim", "match_dim"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, not {getattr(self, name)}.")
        if not 0 <= self.read_above < 1:
            raise InvalidInputError(
                f"`read_above` is a share of the attention, from 0 and below 1, not {self.read_above}."
            )
        if not self.match_block <= self.read_block <= self.write_block:
            raise InvalidInputError(
                "`match_block`, `read_block` and `write_block` must not decrease: what is found in one is used in the "
                f"next; they are {self.match_block}, {self.read_block}, {self.write_block}."
            )

    @classmethod
    def of(cls, model: LanguageModel, *, key_dim: int = 256, match_dim: int = 128) -> EpisodicAdapterConfig:
        """Return the blocks of SmolLM2-135M's adapter (4, 18 and the last of 30), at the same depth of `model`.

        Reading after block 18 was compared with 12, 22 and 26 in sketches (docs/LOG.md), the other two with nothing.

        Raises:
            UnsupportedModelError: a model whose blocks cannot be read from.
        """
        decoder_blocks(model)
        return cls(
            hidden_size=model.hidden_size,
            match_block=max(1, round(model.layers * 4 / 30)),
            read_block=max(1, round(model.layers * 18 / 30)),
            write_block=model.layers,
            key_dim=key_dim,
            match_dim=match_dim,
        )
