"""Texts as vectors of a language model's own hidden state: a recall query that needs no second model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hippo_core.errors import InvalidInputError
from numpy.typing import NDArray
from torch import Tensor

from hippo_adapters._blocks import watching
from hippo_adapters.errors import PromptTooLongError
from hippo_adapters.models import LanguageModel

# All vectors of one block share a large common part, and a few dimensions are a hundred times as wide as the others:
# both hide what differs. Centre and spread must be the same in every process and for ever (vectors are stored), so
# they come from these fixed sentences and not from the data.
REFERENCE = (
    "The meeting was moved to the second floor because of the noise.",
    "She bought two kilos of apples and a loaf of bread.",
    "Where did they park the car last night?",
    "The server restarted at three in the morning.",
    "My grandmother grew roses behind the house.",
    "How much does a ticket to the coast cost?",
    "He has worked here since the summer.",
    "The password for the printer is on the fridge.",
    "What did the doctor say about the results?",
    "On Monday the children found a small bird in the garden.",
    "A truck blocked the road near the bridge for two hours.",
    "Who wrote the letter that arrived yesterday?",
    "They decided to paint the kitchen yellow.",
    "The train to the airport leaves from platform six.",
    "Which colour did the committee choose for the logo?",
    "I prefer tea in the afternoon and coffee before work.",
    "The old clock in the hall stopped at noon.",
    "When will the package be delivered?",
    "Please send the report to the new address by Friday.",
    "The team won the match after a long delay.",
    "In which drawer are the spare batteries?",
    "Our neighbour lent us a ladder and a hammer.",
    "The river rose by half a metre during the storm.",
    "Why was the flight to the north cancelled?",
)


class HiddenStateEncoder:
    """A `hippo_core.Encoder` over a model's hidden state: the mean over a text's tokens at one block, standardised.

    Chosen by measurement (benchmarks/results/prompt_forms_queries--smollm2-135m--seed100.json; 200 questions, 400
    sentences, P@1): the mean at blocks 1 to 6 of 30 finds .80 to .83, block 15 finds .56 and the last one .59; without
    scaling each dimension block 5 finds .41; the last token's state finds .06 there and never more than .52, since it
    says what comes next and not what was said. `HashingEncoder` finds .87 of these: they share words with their cue.

    Args:
        model: the model whose states are used.
        layer: block whose output is taken, counted from 1 to `model.layers`; None for the default fraction of depth.
        batch_size: texts in one forward pass.

    Cost:
        A forward pass up to `layer` for each text; the blocks above it are not run.

    Raises:
        InvalidInputError: a layer that the model does not have.
    """

    def __init__(self, model: LanguageModel, *, layer: int | None = None, batch_size: int = 64) -> None:
        chosen = max(1, round(model.layers * _DEPTH)) if layer is None else layer
        if not 1 <= chosen <= model.layers:
            raise InvalidInputError(f"`layer` must be from 1 to {model.layers} for {model.name}, not {layer}.")
        if batch_size < 1:
            raise InvalidInputError(f"`batch_size` must be at least 1, not {batch_size}.")
        self.model = model
        self.layer = chosen
        self._batch_size = batch_size
        reference = self._raw(REFERENCE)
        self._centre = reference.mean(axis=0)
        self._spread = np.maximum(reference.std(axis=0), 1e-6)

    @property
    def dim(self) -> int:
        """Width of the vectors: the model's hidden size."""
        return self.model.hidden_size

    @property
    def name(self) -> str:
        """Identifies the weights, the block and the number type: vectors of other ones are not comparable."""
        kind = str(self.model.dtype).removeprefix("torch.")
        return f"hidden-v1-{self.model.digest[:16]}-{self.layer}-{kind}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 rows of length 1, shape (len(texts), dim).

        Raises:
            InvalidInputError: an empty text.
            PromptTooLongError: a text longer than the model's window.
        """
        return self.finished(torch.from_numpy(self._raw(texts)))

    def finished(self, means: Tensor) -> NDArray[np.float32]:
        """Standardise pooled states (rows, dim) by dimension and scale them to length 1."""
        rows = (means.numpy() - self._centre) / self._spread
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.maximum(norms, 1e-12)).astype(np.float32)

    @torch.inference_mode()
    def _raw(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [self.model.encode(text) for text in texts]
        start = self.model.encode("\n")
        for index, row in enumerate(rows):
            if not row:
                raise InvalidInputError(f"Text {index} is empty ({texts[index]!r}): it has no hidden state.")
            if len(row) + len(start) > self.model.context_length:
                raise PromptTooLongError(
                    f"Text {index} has {len(row):,} tokens, and the window of {self.model.name} holds "
                    f"{self.model.context_length:,}; split it into passages."
                )
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        result = np.empty((len(rows), self.dim), dtype=np.float32)
        decoder: Any = self.model.model.get_decoder()
        for first in range(0, len(order), self._batch_size):
            batch = order[first : first + self._batch_size]
            width = max(len(rows[i]) for i in batch)
            # Padded on the right: causal attention keeps later columns from the real ones
            ids = torch.tensor([start + rows[i] + [0] * (width - len(rows[i])) for i in batch])
            lengths = torch.tensor([len(rows[i]) for i in batch])
            columns = torch.arange(ids.shape[1])
            wanted = (columns >= len(start)) & (columns < len(start) + lengths[:, None])
            with watching(self.model, [self.layer], stop=True) as seen:
                decoder(input_ids=ids.to(self.model.device), use_cache=False)
            result[batch] = pooled(seen[self.layer], wanted.to(self.model.device)).numpy()
        return result


_DEPTH = 1 / 6  # block 5 of 30: inside the plateau of blocks 1 to 6, not at its edge


def pooled(states: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean of states (rows, columns, dim) over the columns marked in wanted (rows, columns), in float32."""
    weights = wanted[:, :, None].float()
    return ((states.float() * weights).sum(dim=1) / weights.sum(dim=1)).cpu()
