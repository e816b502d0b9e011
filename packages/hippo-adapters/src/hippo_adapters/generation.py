"""Greedy answers to many prompts at once, with whatever they share computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from hippo_core import LayeredMemory
from hippo_core.errors import InvalidInputError
from torch import Tensor

from hippo_adapters._cascade import OwnKeys, cascade_attention
from hippo_adapters._rotary import placed, slots_of
from hippo_adapters.attach import attachment_of
from hippo_adapters.errors import PromptTooLongError
from hippo_adapters.models import LanguageModel
from hippo_adapters.trace_states import TraceStates

Progress = Callable[[int, int], None]
"""Called with (prompts done, prompts in all) after each batch."""

_PREFILL_TOKENS = 512  # of a prefix in one forward pass: more was not faster, and the scores grow with the square


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What the model said to one prompt."""

    text: str
    """The answer: the raw text up to the first stop string, without surrounding white space."""
    raw_text: str
    """Everything that was generated, the stop string included."""
    tokens: tuple[int, ...]
    """The generated token ids, the one that stopped it included."""
    prompt_tokens: int
    """Tokens of text the answer was conditioned on: prefix and prompt."""
    memory_slots: int = 0
    """Remembered tokens that it was conditioned on beside them: by their keys and values, or through an adapter."""
    read_from: int | None = None
    """Place among the prompt's traces of the one that the adapter read; None where the model spoke by itself."""
    new_tokens: int
    """Tokens generated."""
    stopped: bool
    """Whether it ended by a stop string or the end token, and not because `max_new_tokens` ran out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrefixCache:
    """A text at the start of many prompts, computed once. Made by `compute_prefix`."""

    text: str
    """The shared text."""
    tokens: tuple[int, ...]
    """Its token ids."""
    keys_and_values: tuple[tuple[Tensor, Tensor], ...]
    """Per layer, keys and values, each (kv_heads, tokens, head_dim); keys carry their rotary positions."""
    digest: str
    """The digest of the model that made it; another model refuses it."""

    @property
    def size_bytes(self) -> int:
        """Bytes of keys and values. Generating adds no copy of them, whatever the batch."""
        return sum(keys.nbytes + values.nbytes for keys, values in self.keys_and_values)

    def fits(self, model: LanguageModel) -> bool:
        """Tell whether `model` made it, in the number type and on the device it has now."""
        keys = self.keys_and_values[0][0]
        return self.digest == model.digest and keys.dtype == model.dtype and keys.device == model.device


@torch.inference_mode()
def compute_prefix(model: LanguageModel, text: str) -> PrefixCache:
    """Run the model over a text that many prompts share.

    Args:
        model: the model that will generate.
        text: the shared text. It is tokenised on its own; if it ends with a newline and the prompt starts with a
            letter, the tokens are those of the two written as one text (byte-level tokenizers).

    Cost:
        One forward pass over the text; `model.kv_bytes_per_token` bytes a token are kept.

    Raises:
        InvalidInputError: empty text.
        PromptTooLongError: the text leaves no room for a prompt.
    """
    tokens = _prefix_tokens(model, text)
    if not tokens:
        raise InvalidInputError("The prefix is empty; generate without one instead.")
    if len(tokens) >= model.context_length:
        raise PromptTooLongError(
            f"The prefix has {len(tokens):,} tokens and fills the window of {model.name} ({model.context_length:,}); "
            "shorten it."
        )
    own = OwnKeys(prefix=[], real=torch.ones(1, len(tokens), dtype=torch.bool, device=model.device))
    ids = torch.tensor([tokens], device=model.device)
    with cascade_attention(model.model):
        for start in range(0, len(tokens), _PREFILL_TOKENS):
            block = ids[:, start : start + _PREFILL_TOKENS]
            positions = torch.arange(start, start + block.shape[1], device=model.device)[None]
            _forward(model, block, positions, own)
    cached = tuple((own.buffers[layer][0][0], own.buffers[layer][1][0]) for layer in range(model.layers))
    return PrefixCache(text=text, tokens=tuple(tokens), keys_and_values=cached, digest=model.digest)


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prompts: Sequence[str],
    *,
    prefix: str | PrefixCache = "",
    memories: Sequence[LayeredMemory | None] | None = None,
    traces: Sequence[Sequence[TraceStates]] | None = None,
    max_new_tokens: int = 16,
    stop: Sequence[str] = ("\n",),
    batch_size: int = 32,
    progress: Progress | None = None,
) -> list[Generation]:
    """Continue each prompt greedily: the most likely token, again and again.

    Prefix and prompt are tokenised apart and their tokens joined, so that a prefix means the same tokens before
    every prompt: end the prefix with a newline (see `compute_prefix`). No special token is added. Prompts of
    similar length share a batch; rows that have stopped leave it.

    In float32 the tokens do not depend on the batch, on its other prompts, or on whether the prefix came cached.
    Ties between logits go to the lower token id.

    Args:
        model: the model.
        prompts: what to continue; non-empty strings.
        prefix: text before every prompt, or a `PrefixCache` of it made by the same model.
        memories: for each prompt the keys and values that stand between prefix and prompt (see `kv_states`), at the
            positions that follow the prefix; None for a prompt without memory.
        traces: for each prompt the traces (see `read_traces`) that the model's adapter reads; see `attach`.
        max_new_tokens: at most this many tokens an answer.
        stop: strings that end an answer where they first appear, ignoring white space at its very start. The model's
            end token always does.
        batch_size: prompts in one forward pass.
        progress: called after each batch.

    Returns:
        One `Generation` a prompt, in the order of the prompts.

    Cost:
        The prefix once, each prompt once, and one pass per new token of a batch's longest answer. Memory beside the
        weights: the prefix's keys and values once, and `batch_size` times those of the longest prompt and answer.

    Raises:
        InvalidInputError: an empty prompt, or a count below 1, or a prefix made by another model, or traces without an
            adapter.
        PromptTooLongError: a prompt with prefix and answer exceeds the window. Nothing was generated.
    """
    for name, count in (("max_new_tokens", max_new_tokens), ("batch_size", batch_size)):
        if count < 1:
            raise InvalidInputError(f"`{name}` must be at least 1, not {count}.")
    if isinstance(prompts, str):
        raise InvalidInputError(f"`prompts` must be a list of strings, such as [{prompts!r:.60}], not a string.")
    if isinstance(stop, str):
        raise InvalidInputError(f"`stop` must be a sequence of strings, such as ({stop!r},), not a string.")
    if any(not text for text in stop):
        raise InvalidInputError("`stop` holds an empty string, which would end every answer at once; remove it.")
    if isinstance(prefix, str):
        shared = compute_prefix(model, prefix) if prefix and prompts else None
    else:
        shared = prefix
        if not shared.fits(model):
            raise InvalidInputError(
                f"The prefix was computed by another model than {model.name}, or in another number type or on another "
                "device; call compute_prefix with this one."
            )
    rows = [model.encode(prompt) for prompt in prompts]
    remembered = [None] * len(rows) if memories is None else list(memories)
    if len(remembered) != len(rows):
        raise InvalidInputError(
            f"There are {len(remembered)} memories for {len(rows)} prompts; give one each, or None."
        )
    read = [()] * len(rows) if traces is None else list(traces)
    if len(read) != len(rows):
        raise InvalidInputError(f"There are {len(read)} lists of traces for {len(rows)} prompts; give one each.")
    attachment = attachment_of(model) if any(len(row) for row in read) else None
    _check_lengths(model, rows, remembered, len(shared.tokens) if shared else 0, max_new_tokens)
    order = sorted(range(len(rows)), key=lambda index: (len(rows[index]), slots_of(remembered[index])))
    done: dict[int, Generation] = {}
    with cascade_attention(model.model):
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            with nullcontext() if attachment is None else attachment.reading([read[i] for i in batch]):
                answers = _generate_batch(
                    model,
                    [rows[i] for i in batch],
                    [remembered[i] for i in batch],
                    shared,
                    max_new_tokens,
                    tuple(stop),
                    None if attachment is None else attachment.keep,
                    [sum(trace.tokens.shape[1] for trace in read[i]) for i in batch],
                )
                if attachment is not None:
                    answers = [
                        replace(answer, read_from=source)
                        for answer, source in zip(answers, attachment.sources, strict=True)
                    ]
            done.update(zip(batch, answers, strict=True))
            if progress is not None:
                progress(len(done), len(order))
    return [done[index] for index in range(len(rows))]


def run_rows(model: LanguageModel, rows: list[list[int]], shared: PrefixCache) -> tuple[Tensor, Tensor, Tensor]:
    """Run the model over rows of tokens behind a prefix, inside `cascade_attention`.

    Returns:
        Keys with their rotary positions, and values, both (layers, rows, columns, kv_heads, head_dim), padded on the
        left; and the rows' lengths, shape (rows,).
    """
    longest, offset = max(map(len, rows)), len(shared.tokens)
    lengths = torch.tensor([len(row) for row in rows], device=model.device)
    filler = model.tokenizer.pad_token_id or 0
    ids = torch.tensor([[filler] * (longest - len(row)) + row for row in rows], device=model.device)
    columns = torch.arange(longest, device=model.device)[None]
    padding = (longest - lengths)[:, None]
    own = OwnKeys(prefix=list(shared.keys_and_values), real=columns >= padding)
    _forward(model, ids, offset + (columns - padding).clamp_min(0), own)
    keys, values = (
        torch.stack([own.buffers[layer][part] for layer in range(model.layers)]).transpose(2, 3) for part in range(2)
    )
    return keys, values, lengths


def _prefix_tokens(model: LanguageModel, text: str) -> list[int]:
    # Byte-level tokenizers leave the last newline of a run to itself when something visible follows, and merge it into
    # the run ("\n\n" is one token) at the end of a text.
    if text.endswith("\n"):
        return model.encode(text[:-1]) + model.encode("\n")
    return model.encode(text)


def _check_lengths(
    model: LanguageModel,
    rows: list[list[int]],
    memories: Sequence[LayeredMemory | None],
    prefix_tokens: int,
    max_new_tokens: int,
) -> None:
    for index, (row, memory) in enumerate(zip(rows, memories, strict=True)):
        if not row:
            raise InvalidInputError(f"Prompt {index} is empty; the model needs at least one token to continue from.")
        slots = slots_of(memory)
        needed = prefix_tokens + slots + len(row) + max_new_tokens
        if needed > model.context_length:
            raise PromptTooLongError(
                f"Prompt {index} needs {needed:,} tokens (prefix {prefix_tokens:,}, "
                + (f"memory {slots:,}, " if slots else "")
                + f"prompt {len(row):,}, answer {max_new_tokens}), and the window of {model.name} holds "
                f"{model.context_length:,}; shorten it."
            )


def _generate_batch(
    model: LanguageModel,
    rows: list[list[int]],
    memories: list[LayeredMemory | None],
    shared: PrefixCache | None,
    max_new_tokens: int,
    stop: tuple[str, ...],
    keep: Callable[[Tensor], None] | None,
    read_tokens: list[int],
) -> list[Generation]:
    longest = max(map(len, rows))
    offset = len(shared.tokens) if shared else 0
    device = model.device
    slots = torch.tensor([slots_of(memory) for memory in memories], device=device)
    room = int(slots.max())
    padding = torch.tensor([longest - len(row) for row in rows], device=device)
    filler = model.tokenizer.pad_token_id or 0
    ids = torch.tensor([[filler] * (longest - len(row)) + row for row in rows], device=device)
    columns = torch.arange(room + longest + max_new_tokens, device=device)[None]
    real = (columns < slots[:, None]) | (columns >= room + padding[:, None])
    own = OwnKeys(prefix=list(shared.keys_and_values) if shared else [], real=real)
    if room:
        own.start_from(*placed(model, memories, first_position=offset))
    positions = slots[:, None] + torch.arange(longest, device=device)[None] - padding[:, None]
    positions = offset + positions.clamp_min(0)
    tokens: list[list[int]] = [[] for _ in rows]
    stopped = [False] * len(rows)
    alive = list(range(len(rows)))
    for step in range(max_new_tokens):
        newest = _forward(model, ids, positions, own).argmax(dim=-1)
        for row, token in zip(alive, newest.tolist(), strict=True):
            tokens[row].append(token)
            stopped[row] = _has_stopped(model, tokens[row], stop)
        going = [place for place, row in enumerate(alive) if not stopped[row]]
        if not going or step == max_new_tokens - 1:
            break
        positions = positions[:, -1:] + 1
        if len(going) < len(alive):
            kept = torch.tensor(going, device=model.device)
            own.keep(kept)
            if keep is not None:
                keep(kept)
            newest, positions = newest[kept], positions[kept]
            alive = [alive[place] for place in going]
        ids = newest[:, None]
    return [
        _finished(model, new, offset + len(row), slots_of(memory) + read, stop, ended)
        for row, memory, read, new, ended in zip(rows, memories, read_tokens, tokens, stopped, strict=True)
    ]


def _forward(model: LanguageModel, ids: Tensor, positions: Tensor, own: OwnKeys) -> Tensor:
    """Return the logits (rows, vocabulary) after the last column of `ids` (rows, new)."""
    own.begin(ids.shape[1])
    output = model.model(
        input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=1, hippo_own_keys=own
    )  # fmt: skip
    own.end(ids.shape[1])
    return output.logits[:, -1]


def _has_stopped(model: LanguageModel, tokens: list[int], stop: tuple[str, ...]) -> bool:
    if tokens[-1] == model.tokenizer.eos_token_id:
        return True
    text = _decoded(model, tokens).lstrip()
    return any(mark in text for mark in stop)


def _finished(
    model: LanguageModel, tokens: list[int], prompt_tokens: int, slots: int, stop: tuple[str, ...], stopped: bool
) -> Generation:
    raw = _decoded(model, tokens)
    text = raw.lstrip()
    ends = [text.index(mark) for mark in stop if mark in text]
    return Generation(
        text=text[: min(ends, default=len(text))].strip(),
        raw_text=raw,
        tokens=tuple(tokens),
        prompt_tokens=prompt_tokens,
        memory_slots=slots,
        new_tokens=len(tokens),
        stopped=stopped,
    )


def _decoded(model: LanguageModel, tokens: list[int]) -> str:
    return str(model.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))
