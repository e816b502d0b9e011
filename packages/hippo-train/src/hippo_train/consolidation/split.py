"""A model cut in two: while the upper blocks learn, what the lower ones compute stays and is computed once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from hippo_adapters import LanguageModel
from hippo_adapters.errors import UnsupportedModelError
from hippo_core.errors import InvalidInputError
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

Progress = Callable[[int, int], None]
_TOLERANCE = 1e-2  # of a logit: another way to add the same numbers, in bfloat16 too


class SplitModel:
    """The blocks of a model below a cut, frozen, and those above it.

    Args:
        model: its upper blocks may carry LoRA layers.
        below: number of blocks under the cut, from 0.

    Raises:
        InvalidInputError: a cut that leaves no block above it.
        UnsupportedModelError: a decoder that does not compute the same in two parts, or holds its blocks elsewhere.
    """

    def __init__(self, model: LanguageModel, below: int) -> None:
        if not 0 <= below < model.layers:
            raise InvalidInputError(f"The cut must leave a block above it: 0 to {model.layers - 1}, not {below}.")
        self.model = model
        self.below = below
        self._decoder: Any = model.model.get_decoder()
        for part in ("layers", "norm"):
            if not hasattr(self._decoder, part):
                raise UnsupportedModelError(
                    f"{model.name} cannot be consolidated: its decoder, {type(self._decoder).__name__}, has no "
                    f"`{part}`. It must hold `layers` and a last `norm`, as those of Llama, Qwen2 and Phi-3 do."
                )
        self._blocks: nn.ModuleList = self._decoder.layers
        self._head: Any = model.model.get_output_embeddings()
        self._check()

    @torch.no_grad()
    def states(
        self, rows: Sequence[Sequence[int]], *, batch_size: int = 64, progress: Progress | None = None
    ) -> list[Tensor]:
        """Return what the lower blocks make of each row of tokens: (tokens, hidden), on the model's device.

        Cost:
            A pass through the lower blocks; `hidden` numbers a token are kept.
        """
        found: dict[int, Tensor] = {}
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            ids = pad_sequence([torch.tensor(rows[i]) for i in batch], batch_first=True).to(self.model.device)
            with self._only(self._blocks[: self.below], norm=nn.Identity()):
                out = self._decoder(input_ids=ids, use_cache=False).last_hidden_state
            found.update({i: out[place, : len(rows[i])].clone() for place, i in enumerate(batch)})
            if progress is not None:
                progress(len(found), len(rows))
        return [found[i] for i in range(len(rows))]

    def logits(self, states: Sequence[Tensor], learnt: Sequence[Tensor]) -> Tensor:
        """Return the logits that predict the tokens of each row at the places `learnt`, (n, vocabulary).

        Rows are padded on the right, where causal attention keeps the padding from what is real. In float32.
        """
        padded = pad_sequence(list(states), batch_first=True)
        with self._only(self._blocks[self.below :], norm=self._decoder.norm):
            out = self._decoder(inputs_embeds=padded, use_cache=False).last_hidden_state
        wanted = torch.cat([row[places - 1] for row, places in zip(out, learnt, strict=True)])
        return self._head(wanted).float()

    @contextmanager
    def _only(self, blocks: Any, *, norm: nn.Module) -> Generator[None]:
        whole = self._decoder.norm
        self._decoder.layers, self._decoder.norm = blocks, norm
        try:
            yield
        finally:
            self._decoder.layers, self._decoder.norm = self._blocks, whole

    @torch.no_grad()
    def _check(self) -> None:
        ids = list(range(5, 13))
        whole = self.model.model(input_ids=torch.tensor([ids], device=self.model.device), use_cache=False).logits
        parts = self.logits(self.states([ids]), [torch.arange(1, len(ids))])
        if (gap := (whole[0, :-1].float() - parts).abs().max().item()) > _TOLERANCE * whole.abs().max().item():
            raise UnsupportedModelError(
                f"{self.model.name} cannot be consolidated: run in two parts it gives other logits (by {gap:.3g}). "
                "Its decoder does more than embedding, blocks and a norm."
            )
