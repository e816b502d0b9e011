"""An adapter on a frozen model: hung on its blocks, given something to read, taken off again without a trace."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from hippo_core.errors import InvalidInputError
from torch import Tensor, nn

from hippo_adapters._blocks import decoder_blocks, output_of
from hippo_adapters.episodic_adapter import SLOTS, EpisodicAdapter
from hippo_adapters.models import LanguageModel
from hippo_adapters.trace_states import CueMatch, CueState, PreparedTraces, TraceStates, batched_traces, check_rows
from hippo_adapters.traces import checked_shape

NAME = "hippo_episodic"
"""The submodule that `attach` adds to a model."""


class Attachment(nn.Module):
    """An adapter in its place. Made by `attach`; the model holds it as the submodule `hippo_episodic`.

    Without memory every hook returns at once, and the model computes what it always did.
    """

    def __init__(self, model: LanguageModel, adapter: EpisodicAdapter) -> None:
        super().__init__()
        self.adapter = adapter
        # Kept out of the submodules: the model holds this module, not the other way round
        self._model = (model,)
        self._memory: PreparedTraces | None = None
        self._cue: CueState | None = None
        self._before: CueState | None = None
        self._values = self._real = self._tokens = self._low = self._read = torch.empty(0)
        self._found: CueMatch | None = None
        self._reading: Tensor | None = None
        self._sources: list[int | None] = []
        self._rows: list[int] = []
        config, blocks = adapter.config, decoder_blocks(model)
        decoder: Any = model.model.get_decoder()
        self._handles = [
            decoder.register_forward_pre_hook(self._begin, with_kwargs=True),
            blocks[config.match_block - 1].register_forward_hook(self._match),
            blocks[config.read_block - 1].register_forward_hook(self._attend),
            blocks[config.write_block - 1].register_forward_hook(self._write),
        ]

    @contextmanager
    def reading(self, traces: Sequence[Sequence[TraceStates]]) -> Generator[None]:
        """Let the forward passes inside the block read: row i of a batch its own traces.

        Args:
            traces: for each row of the batch what `read_traces` returned for its traces; a row may have none. If no row
                has any, the model is left as it is.

        Raises:
            InvalidInputError: no list of traces for each row, states of another width, or a reading inside another
                one.
        """
        if self._memory is not None:
            raise InvalidInputError("This model is reading already; leave the first `reading` before the next one.")
        check_rows(traces, hidden_size=self.adapter.config.hidden_size)
        self._cue = self._reading = None
        self._sources, self._rows = [None] * len(traces), list(range(len(traces)))
        if any(traces):
            (model,) = self._model
            embeddings: Any = model.model.get_output_embeddings()
            memory = batched_traces(
                traces, hidden_size=self.adapter.config.hidden_size, device=embeddings.weight.device
            )
            self._memory = self.adapter.prepare(memory)
            self._values = self.adapter.values(memory.tokens, embeddings.weight)
        try:
            yield
        finally:
            self._memory = self._cue = self._before = self._found = self._reading = None
            self._values = self._real = self._tokens = self._low = self._read = torch.empty(0)

    @property
    def sources(self) -> list[int | None]:
        """For each row that the latest reading began with, the place of the trace that was read, None if none was.

        That is the trace most attended to where reading began, after the last column of a forward pass.
        """
        return list(self._sources)

    def keep(self, rows: Tensor) -> None:
        """Drop every row of the batch but `rows` (indices)."""
        self._rows = [self._rows[row] for row in rows.tolist()]
        if self._memory is not None:
            self._memory = self._memory.rows(rows)
            self._values = self._values[rows]
        if self._cue is not None:
            self._cue = CueState(*(part[rows] for part in self._cue))
        if self._reading is not None:
            self._reading = self._reading[rows]

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _begin(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._memory is None:
            return
        ids = named.get("input_ids") if named.get("input_ids") is not None else next(iter(arguments), None)
        if ids is None:
            raise InvalidInputError("A model that reads traces needs `input_ids`; it was called without them.")
        self._tokens = ids
        rows, columns = ids.shape
        if rows != len(self._memory.mask):
            raise InvalidInputError(
                f"The batch has {rows} rows and the reading {len(self._memory.mask)}; give each row a list of traces, "
                "empty where it has none."
            )
        own, mask, cache = (named.get(name) for name in ("hippo_own_keys", "attention_mask", "past_key_values"))
        if own is not None:
            self._real = own.real[:, own.filled : own.filled + columns]
        elif mask is not None and mask.ndim == 2:
            self._real = mask[:, -columns:].bool()
        else:
            self._real = torch.ones(rows, columns, dtype=torch.bool, device=ids.device)
        # What stood in the cache before this reading began was not matched: only its own passes are continued
        continues = own is not None or (cache is not None and cache.get_seq_length() > 0)
        self._before = self._cue if continues else None
        self._reading = self._reading if continues else None

    def _match(self, module: Any, arguments: Any, output: Any) -> None:
        if self._memory is not None:
            self._low = output_of(output)
            self._found, self._cue = self.adapter.match(self._tokens, self._low, self._real, self._memory, self._before)

    def _attend(self, module: Any, arguments: Any, output: Any) -> None:
        if self._memory is not None and self._found is not None:
            attention = self.adapter.attend(self._low, output_of(output), self._found, self._memory)
            self._read, self._reading = self.adapter.read(attention, self._values, self._real, self._reading)
            most = self._memory.trace.gather(1, attention[:, -1, SLOTS:].argmax(dim=1, keepdim=True))[:, 0]
            for row, begun, trace in zip(self._rows, self._reading.tolist(), most.tolist(), strict=True):
                if begun and self._sources[row] is None:
                    self._sources[row] = trace

    def _write(self, module: Any, arguments: Any, output: Any) -> Any:
        if self._memory is None:
            return None
        written = self.adapter.write(output_of(output), self._read)
        return written if isinstance(output, Tensor) else (written, *output[1:])


def attach(model: LanguageModel, adapter: EpisodicAdapter) -> Attachment:
    """Hang an adapter on a model; from then on the model can read traces.

    The base stays frozen and, while nothing is read, computes the same logits bit for bit. Works with `generate` of
    this package and of transformers (with and without its cache, with left padding), with gradient checkpointing and
    with PEFT's LoRA on the same model.

    Args:
        model: the frozen model.
        adapter: trained for this model; kept in float32 whatever the model's number type.

    Returns:
        The attachment; `attachment.reading(traces)` is where forward passes read.

    Raises:
        InvalidInputError: an adapter of another shape or model, or a model that has one already.
    """
    expected: list[tuple[object, type]] = [(model, LanguageModel), (adapter, EpisodicAdapter)]
    if not all(isinstance(given, kind) for given, kind in expected):
        raise InvalidInputError(
            f"attach needs a LanguageModel and an EpisodicAdapter, in this order, not {type(model).__name__} and "
            f"{type(adapter).__name__}; load_model and load_adapter return them."
        )
    if hasattr(model.model, NAME):
        raise InvalidInputError(
            f"{model.name} has an adapter already; call detach(model) first, or read with that one: "
            "attachment_of(model).adapter."
        )
    checked_shape(model, adapter.config)
    adapter.check_model(model)
    attachment = Attachment(model, adapter.to(model.device))
    if not adapter.has_vocabulary:
        adapter.take_vocabulary(model)
    model.model.add_module(NAME, attachment)
    return attachment


def detach(model: LanguageModel) -> EpisodicAdapter:
    """Take a model's adapter off and return it; the model is as it was before `attach`.

    Raises:
        InvalidInputError: it has none.
    """
    attachment = attachment_of(model)
    attachment.remove()
    delattr(model.model, NAME)
    return attachment.adapter


def attachment_of(model: LanguageModel) -> Attachment:
    """Return what `attach` added to a model.

    Raises:
        InvalidInputError: nothing is attached.
    """
    found = getattr(model.model, NAME, None)
    if found is None:
        raise InvalidInputError(f"{model.name} has no adapter; call attach(model, load_adapter(…)) first.")
    return found


@contextmanager
def attached(model: LanguageModel, adapter: EpisodicAdapter) -> Generator[Attachment]:
    """Attach an adapter inside the block; one that hangs there already is used and left in its place.

    Raises:
        InvalidInputError: another adapter hangs there.
    """
    there = getattr(model.model, NAME, None)
    if there is not None and there.adapter is adapter:
        yield there
        return
    attachment = attach(model, adapter)
    try:
        yield attachment
    finally:
        detach(model)
