"""Where memories meet the language model: everything that a run or a conversation with a memory needs, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hippo_adapters import LanguageModel, load_model
from hippo_core import Encoder, SentenceEncoder
from hippo_episodic import WriteGate

from hei_nw.reading import ADAPTER, Answerer

GATE = WriteGate.diary()
"""The write gate of the experiments and of `hei-nw remember`."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A model, an encoder and readers; each loaded when it is first used."""

    model: str
    adapter: str = ADAPTER
    dtype: str = "auto"
    batch_size: int = 32

    @cached_property
    def language(self) -> LanguageModel:
        """The frozen model."""
        return load_model(self.model, dtype=self.dtype)  # pyright: ignore[reportArgumentType] - checked there

    @cached_property
    def encoder(self) -> Encoder:
        """What stores and cues are encoded with."""
        return SentenceEncoder()

    @cached_property
    def answerer(self) -> Answerer:
        """The model and its readers."""
        return self.answerer_with(self.language)

    def answerer_with(self, language: LanguageModel) -> Answerer:
        """Return what answers with another model than `language`, the weights of a night, say."""
        return Answerer(language=language, adapter=self.adapter, batch_size=self.batch_size)


def build(*, model: str, adapter: str = ADAPTER, dtype: str = "auto", batch_size: int = 32) -> Bench:
    """Return the parts of a run.

    Args:
        model: as `hippo_adapters.load_model` takes it.
        adapter: as `hippo_adapters.load_adapter` takes it.
        dtype: "auto", "float32" or "bfloat16".
        batch_size: prompts in one forward pass.
    """
    return Bench(model=model, adapter=adapter, dtype=dtype, batch_size=batch_size)
