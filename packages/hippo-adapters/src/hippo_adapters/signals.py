"""What reading a text does to a language model: surprise, token by token, and a vector of its hidden state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hippo_core.errors import InvalidInputError
from numpy.typing import NDArray
from torch import Tensor

from hippo_adapters._blocks import watching
from hippo_adapters.errors import PromptTooLongError
from hippo_adapters.hidden_states import HiddenStateEncoder, pooled
from hippo_adapters.models import LanguageModel

START = "\n"
"""Stands before a text, so that its first token has a prediction too. Every tokenizer has a newline, and what follows
one is the start of something; the models' own start tokens announce a chat turn or nothing at all."""

_LOGIT_ROWS = 128  # tokens whose vocabulary logits are alive at a time: 25 MB in float32 for 49,152 tokens


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signals:
    """How a model took one text."""

    text: str
    """The text."""
    tokens: tuple[int, ...]
    """Its token ids."""
    offsets: tuple[tuple[int, int], ...]
    """Characters [start, end) of the text that each token covers; a leading space belongs to the token after it."""
    token_nll: NDArray[np.float32]
    """(tokens,) −log p of each token given all before it, in nats."""
    token_entropy: NDArray[np.float32]
    """(tokens,) entropy of the prediction for each token, in nats: how unsure the model was before it saw the token."""
    vector: NDArray[np.float32] | None = None
    """(hidden size,) unit vector of the text's hidden state, if an encoder was given."""

    @property
    def nll(self) -> float:
        """Mean surprise per token, in nats: the gate's surprise signal."""
        return float(self.token_nll.mean())

    @property
    def entropy(self) -> float:
        """Mean predictive entropy per token, in nats."""
        return float(self.token_entropy.mean())


@dataclass(frozen=True, slots=True)
class _Row:
    place: int
    before: list[int]
    tokens: list[int]


def read(
    model: LanguageModel,
    texts: Sequence[str],
    *,
    contexts: Sequence[str | None] | None = None,
    batch_size: int = 32,
    encoder: HiddenStateEncoder | None = None,
) -> list[Signals]:
    """Read each text once and report what the model expected.

    A text is read after a newline, or after its context and a newline: the same sentence surprises less when what
    came before announced it. Batching changes no number by more than rounding (1e-4 in float32).

    Args:
        model: the reader.
        texts: non-empty strings.
        contexts: what came before each text, or None for nothing; as many as texts. Its own tokens are not scored.
        batch_size: texts in one forward pass.
        encoder: an encoder of the same model; its vectors then come out of the same pass, pooled over the text's
            tokens only. With a context they differ from `encoder.encode`'s, which reads every text alone.

    Returns:
        One `Signals` a text, in order.

    Cost:
        One forward pass per text and context; the vocabulary logits only for the text's own tokens.

    Raises:
        InvalidInputError: an empty text, or `contexts` of another length.
        PromptTooLongError: context and text exceed the window. Nothing was read.
    """
    if batch_size < 1:
        raise InvalidInputError(f"`batch_size` must be at least 1, not {batch_size}.")
    if contexts is not None and len(contexts) != len(texts):
        raise InvalidInputError(f"There are {len(contexts)} contexts for {len(texts)} texts; give one each, or None.")
    if encoder is not None and encoder.model.digest != model.digest:
        raise InvalidInputError(f"`encoder` belongs to {encoder.model.name}, not to {model.name}; make one of it.")
    rows: list[_Row] = []
    offsets: list[tuple[tuple[int, int], ...]] = []
    for index, text in enumerate(texts):
        context = contexts[index] if contexts is not None else None
        tokens, places = _tokenised(model, text)
        if not tokens:
            raise InvalidInputError(f"Text {index} is empty ({text!r}): there is nothing to be surprised by.")
        rows.append(_Row(index, model.encode((context or "").rstrip("\n")) + model.encode(START), tokens))
        offsets.append(places)
        needed = len(rows[-1].before) + len(tokens)
        if needed > model.context_length:
            raise PromptTooLongError(
                f"Text {index} needs {needed:,} tokens with its context, and the window of {model.name} holds "
                f"{model.context_length:,}; shorten the context or split the text."
            )
    rows.sort(key=lambda row: len(row.before) + len(row.tokens))
    found: dict[int, Signals] = {}
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        for row, (nll, entropy, vector) in zip(batch, _read_batch(model, batch, encoder), strict=True):
            found[row.place] = Signals(
                text=texts[row.place],
                tokens=tuple(row.tokens),
                offsets=offsets[row.place],
                token_nll=nll,
                token_entropy=entropy,
                vector=vector,
            )
    return [found[index] for index in range(len(texts))]


def span_surprise(signals: Signals, start: int, end: int) -> float:
    """Return the mean surprise, in nats per token, of the tokens that touch characters [start, end) of the text.

    Raises:
        InvalidInputError: an empty span, or one outside the text.
    """
    if not 0 <= start < end <= len(signals.text):
        raise InvalidInputError(
            f"Span [{start}, {end}) is not a non-empty part of a text of {len(signals.text)} characters."
        )
    touched = [index for index, (first, last) in enumerate(signals.offsets) if first < end and last > start]
    return float(signals.token_nll[touched].mean())


def _tokenised(model: LanguageModel, text: str) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    encoded = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    places: Any = encoded["offset_mapping"]
    tokens: Any = encoded["input_ids"]
    return list(tokens), tuple((int(first), int(last)) for first, last in places)


@torch.inference_mode()
def _read_batch(
    model: LanguageModel, rows: list[_Row], encoder: HiddenStateEncoder | None
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]]:
    # Padded on the right: under causal attention nothing real ever sees a later column, so no mask is needed.
    width = max(len(row.before) + len(row.tokens) for row in rows)
    ids = torch.tensor([row.before + row.tokens + [0] * (width - len(row.before) - len(row.tokens)) for row in rows])
    ids = ids.to(model.device)
    wanted = torch.zeros(ids.shape, dtype=torch.bool, device=model.device)
    for place, row in enumerate(rows):
        wanted[place, len(row.before) : len(row.before) + len(row.tokens)] = True
    decoder: Any = model.model.get_decoder()
    vectors: list[NDArray[np.float32] | None] = [None] * len(rows)
    if encoder is None:
        states = decoder(input_ids=ids, use_cache=False).last_hidden_state
    else:
        with watching(encoder.model, [encoder.layer]) as middle:
            states = decoder(input_ids=ids, use_cache=False).last_hidden_state
        vectors = list(encoder.finished(pooled(middle[encoder.layer], wanted)))
    predicting = torch.roll(wanted, -1, dims=1)  # the state one column before each wanted token predicts it
    nll, entropy = _surprise(model, states[predicting], ids[wanted])
    ends = np.cumsum([len(row.tokens) for row in rows])[:-1]
    return list(zip(np.split(nll, ends), np.split(entropy, ends), vectors, strict=True))


def _surprise(model: LanguageModel, states: Tensor, targets: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    head: Any = model.model.get_output_embeddings()
    nll, entropy = torch.empty(len(targets)), torch.empty(len(targets))
    for start in range(0, len(targets), _LOGIT_ROWS):
        part = slice(start, start + _LOGIT_ROWS)
        log_p = head(states[part]).float().log_softmax(dim=-1)
        nll[part] = -log_p.gather(-1, targets[part, None])[:, 0].cpu()
        entropy[part] = -(log_p.exp() * log_p).sum(dim=-1).cpu()
    return nll.numpy(), entropy.numpy()
