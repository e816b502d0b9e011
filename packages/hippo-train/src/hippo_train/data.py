"""Texts to train on: JSON lines of plain texts, of prompts with completions, or of chats, packed into full rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hippo_adapters import LanguageModel
from hippo_core.errors import InvalidInputError
from hippo_core.jsonlines import JsonLineReader

IGNORED = -100
"""Label of a token that is read but not learnt, as torch's cross-entropy has it."""
_FORMS = '{"text"}, {"prompt", "completion"} or {"messages"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """Token ids with what is to be learnt of them, and where each text begins."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    """The id where the token is learnt, `IGNORED` where it is only read; as many as `ids`."""
    positions: tuple[int, ...]
    """0, 1, 2, …, from 0 again where another text begins. Attention does not cross such a border."""

    @property
    def learnt(self) -> int:
        """Number of tokens that are learnt."""
        return sum(label != IGNORED for label in self.labels)


def read_rows(path: str | Path, model: LanguageModel, *, seq_len: int) -> tuple[list[TokenRow], int]:
    """Return a file's texts as tokens, one row a line, and how many of them were cut to `seq_len` tokens.

    A line holds one of: `{"text"}`, learnt whole; `{"prompt", "completion"}`, of which the completion is learnt;
    `{"messages": [{"role", "content"}, …]}`, written by the model's chat template, of which the assistant's turns are
    learnt. Texts and completions end in the model's end token, which is learnt too.

    Raises:
        InvalidInputError: a line of another form, named by its number; a chat for a model without a chat template; a
            file in which nothing is to be learnt.
        StorageError: the file cannot be read.
    """
    rows, cut = [], 0
    for ids, labels in JsonLineReader(path, lambda line: _tokenised(line, model)):
        cut += len(ids) > seq_len
        rows.append(_row(ids, labels, seq_len))
    if not any(row.learnt for row in rows):
        raise InvalidInputError(f"{path} holds nothing to learn: {len(rows)} lines; each must be {_FORMS}.")
    return rows, cut


def prompted(prompt: str, completion: str, model: LanguageModel, *, seq_len: int) -> TokenRow:
    """Return a row of which the completion is learnt, the model's end token not added."""
    read, learnt = model.encode(prompt), model.encode(completion)
    return _row([*read, *learnt], [*[IGNORED] * len(read), *learnt], seq_len)


def pack(rows: Sequence[TokenRow], *, seq_len: int) -> list[TokenRow]:
    """Return the same texts in fewer rows of at most `seq_len` tokens, long ones first: first-fit decreasing.

    Args:
        rows: none longer than `seq_len`.
        seq_len: tokens.

    Cost:
        O(rows · packed rows).
    """
    bins: list[list[TokenRow]] = []
    room: list[int] = []
    for row in sorted(rows, key=lambda row: -len(row.ids)):
        place = next((i for i, left in enumerate(room) if left >= len(row.ids)), None)
        if place is None:
            place = len(bins)
            bins.append([])
            room.append(seq_len)
        bins[place].append(row)
        room[place] -= len(row.ids)
    return [
        TokenRow(
            ids=tuple(id for row in rows for id in row.ids),
            # The first token of a text has nothing to be predicted from
            labels=tuple(label for row in rows for label in (IGNORED, *row.labels[1:])),
            positions=tuple(position for row in rows for position in row.positions),
        )
        for rows in bins
    ]


def _row(ids: Sequence[int], labels: Sequence[int], seq_len: int) -> TokenRow:
    shown = tuple(ids[:seq_len])
    return TokenRow(ids=shown, labels=tuple(labels[:seq_len]), positions=tuple(range(len(shown))))


def _tokenised(line: Any, model: LanguageModel) -> tuple[list[int], list[int]]:
    if not isinstance(line, Mapping):
        raise InvalidInputError(f"a line must be an object with {_FORMS}, not {type(line).__name__}.")
    if isinstance(line.get("text"), str):
        ids = [*model.encode(line["text"]), *_end(model)]
        return ids, list(ids)
    if isinstance(line.get("prompt"), str) and isinstance(line.get("completion"), str):
        prompt, completion = model.encode(line["prompt"]), [*model.encode(line["completion"]), *_end(model)]
        return prompt + completion, [IGNORED] * len(prompt) + completion
    if isinstance(line.get("messages"), list):
        return _chat(line["messages"], model)
    raise InvalidInputError(
        f"a line must have {_FORMS}, with strings in it; this one has {', '.join(line) or 'nothing'}."
    )


def _chat(messages: list[Any], model: LanguageModel) -> tuple[list[int], list[int]]:
    if not model.tokenizer.chat_template:
        raise InvalidInputError(f"{model.name} has no chat template; write the chat as a prompt and a completion.")
    for message in messages:
        if not (isinstance(message, Mapping) and isinstance(message.get("content"), str) and "role" in message):
            raise InvalidInputError(f"a message must be an object with a role and a content, not {message!r}.")
    ids: list[int] = []
    labels: list[int] = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _templated(messages[:place], model, answering=True)
        after = _templated(messages[: place + 1], model, answering=False)
        if not after.startswith(before) or model.encode(before)[: len(ids)] != ids:
            raise InvalidInputError(f"the chat template of {model.name} rewrites earlier turns; give one turn a line.")
        read, turn = model.encode(before)[len(ids) :], model.encode(after[len(before) :])
        ids += read + turn
        labels += [IGNORED] * len(read) + turn
    if not ids:
        raise InvalidInputError('a chat needs a message of the role "assistant": that is what is learnt.')
    return ids, labels


def _templated(messages: list[Any], model: LanguageModel, *, answering: bool) -> str:
    return str(model.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answering))


def _end(model: LanguageModel) -> list[int]:
    end: Any = model.tokenizer.eos_token_id
    return [] if end is None else [int(end)]
