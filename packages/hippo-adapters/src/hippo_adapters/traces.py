"""What a model computed when it read a trace, kept for the adapters that read it later."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from zipfile import BadZipFile

import numpy as np
import torch
from hippo_core.errors import InvalidInputError
from torch import Tensor

from hippo_adapters._blocks import decoder_blocks, watching
from hippo_adapters.adapter_config import EpisodicAdapterConfig
from hippo_adapters.errors import PromptTooLongError
from hippo_adapters.models import LanguageModel
from hippo_adapters.trace_states import TraceStates

Progress = Callable[[int, int], None]


@torch.inference_mode()
def read_traces(
    model: LanguageModel,
    texts: Sequence[str],
    config: EpisodicAdapterConfig,
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> list[TraceStates]:
    """Read each text by itself, once, and return its tokens' states after the adapter's two blocks.

    A line break stands before each text, as a place for the attention that models spend on whatever comes first.

    Args:
        model: reads the texts.
        texts: what to read.
        config: which blocks.
        batch_size: texts in one forward pass.
        progress: called with (texts read, texts in all) after each batch.

    Returns:
        One row each, float16, on the CPU: 4 · hidden bytes a token (2.3 kB with SmolLM2-135M).

    Cost:
        A forward pass up to `config.read_block`; the blocks above it are not run.

    Raises:
        InvalidInputError: no list of texts, an empty text, or a model of another width or with too few blocks.
        PromptTooLongError: a text longer than the model's window.
    """
    checked_shape(model, config)
    for text in [texts] if isinstance(texts, str) else texts:
        if isinstance(texts, str) or not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInputError(f"`texts` must be a list of str, which {text!r:.60} is not, or is not in one.")
    rows = [model.encode(" " + " ".join(text.split())) for text in texts]
    start = model.encode("\n")
    for text, row in zip(texts, rows, strict=True):
        if not text.strip():
            raise InvalidInputError(f"The text {text!r} has no words, so there is nothing to remember.")
        if len(row) + len(start) > model.context_length:
            raise PromptTooLongError(
                f"A trace of {len(row):,} tokens does not fit the window of {model.name} ({model.context_length:,}); "
                f"split it into passages. It starts with {text[:40]!r}."
            )
    states = token_states(model, [start + row for row in rows], config, batch_size=batch_size, progress=progress)
    return [
        one_trace(row, low[len(start) :], high[len(start) :]) for row, (low, high) in zip(rows, states, strict=True)
    ]


@torch.inference_mode()
def token_states(
    model: LanguageModel,
    rows: Sequence[Sequence[int]],
    config: EpisodicAdapterConfig,
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """Return the states after the adapter's two blocks of rows of token ids.

    Args:
        model: reads the rows.
        rows: token ids; no row is empty.
        config: which blocks.
        batch_size: rows in one forward pass.
        progress: called with (rows read, rows in all) after each batch.

    Returns:
        For each row the states after `match_block` and after `read_block`, both (tokens, hidden), float16, on the CPU.
    """
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    found: dict[int, tuple[Tensor, Tensor]] = {}
    blocks = (config.match_block, config.read_block)
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        width = max(len(rows[i]) for i in batch)
        # Padded on the right: causal attention keeps later columns from the real ones
        ids = torch.tensor([[*rows[i], *[0] * (width - len(rows[i]))] for i in batch], device=model.device)
        with watching(model, blocks, stop=True) as seen:
            model.model.get_decoder()(input_ids=ids, use_cache=False)
        low, high = (seen[block].to(torch.float16).cpu() for block in blocks)
        for place, i in enumerate(batch):
            found[i] = (low[place, : len(rows[i])].clone(), high[place, : len(rows[i])].clone())
        if progress is not None:
            progress(len(found), len(order))
    return [found[index] for index in range(len(rows))]


def one_trace(tokens: Sequence[int], low: Tensor, high: Tensor) -> TraceStates:
    """Return a single trace's states as one row; low and high have shape (tokens, hidden)."""
    n = len(tokens)
    return TraceStates(
        tokens=torch.tensor([list(tokens)]),
        low=low[None],
        high=high[None],
        trace=torch.zeros(1, n, dtype=torch.long),
        mask=torch.ones(1, n, dtype=torch.bool),
    )


def checked_shape(model: LanguageModel, config: EpisodicAdapterConfig) -> None:
    """Refuse a model that an adapter of this shape cannot read with.

    Raises:
        InvalidInputError: another width, or too few blocks.
    """
    if model.hidden_size != config.hidden_size:
        raise InvalidInputError(
            f"The adapter reads states of width {config.hidden_size}; {model.name} has {model.hidden_size}. Train one "
            "for it with `hippo-train train=adapter`."
        )
    if config.write_block > len(decoder_blocks(model)):
        raise InvalidInputError(
            f"The adapter writes after block {config.write_block}; {model.name} has {len(decoder_blocks(model))}."
        )


def pack_trace(trace: TraceStates) -> bytes:
    """Return a trace's states as bytes, to be kept beside its episode: 4 · hidden bytes a token, and about 1 kB."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        tokens=trace.tokens[0].numpy().astype(np.int32),
        low=trace.low[0].numpy().astype(np.float16),
        high=trace.high[0].numpy().astype(np.float16),
    )
    return buffer.getvalue()


def unpack_trace(data: bytes) -> TraceStates:
    """Return what `pack_trace` packed.

    Raises:
        InvalidInputError: these bytes are something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            tokens, low, high = (arrays[name] for name in ("tokens", "low", "high"))
        return one_trace(tokens.tolist(), torch.from_numpy(low), torch.from_numpy(high))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as exc:
        raise InvalidInputError(f"These {len(data):,} bytes are no packed trace ({exc}); read it again.") from exc
