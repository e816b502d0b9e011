"""Memory through a trained adapter: the model attends to recalled traces, and none of them stands in its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hippo_core import SupportsBlobs
from hippo_core.errors import InvalidInputError
from hippo_core.records import Episode, Hit

from hippo_adapters.attach import attached
from hippo_adapters.episodic_adapter import EpisodicAdapter
from hippo_adapters.generation import Generation, Progress, generate
from hippo_adapters.io import load_adapter
from hippo_adapters.memory._kept import KeptPrefix, KeptStates, check_pairs
from hippo_adapters.memory.registry import register_reader
from hippo_adapters.memory.template import PromptTemplate
from hippo_adapters.models import LanguageModel
from hippo_adapters.trace_states import TraceStates
from hippo_adapters.traces import pack_trace, read_traces, unpack_trace

BLOB_KIND = "traces"
BARE_TEMPLATE = PromptTemplate()
"""Question and cue alone, as in training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossAttentionReaderConfig:
    """What is read, and how answers are generated.

    Raises:
        InvalidInputError: a count below 1, or below 0 for `text_traces`.
    """

    adapter: str | Path = "smollm2-135m"
    """A folder with an adapter, or the name of one that comes with this package."""
    traces: int = 8
    """At most this many traces, the best ones."""
    text_traces: int = 0
    """So many of them stand in the prompt as well."""
    template: PromptTemplate = BARE_TEMPLATE
    """The prompt form; adapters are trained on the bare one, without worked examples."""
    cached_traces: int = 1024
    """Traces whose states stay in memory, the latest used."""
    max_new_tokens: int = 16
    """Tokens an answer may take."""
    batch_size: int = 32
    """Questions, or traces, in one forward pass."""

    def __post_init__(self) -> None:
        for name, least in (
            ("traces", 1), ("text_traces", 0), ("cached_traces", 1), ("max_new_tokens", 1), ("batch_size", 1)
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise InvalidInputError(f"`{name}` must be at least {least}, not {getattr(self, name)}.")


class CrossAttentionReader:
    """Answers from traces that the model attends to through an `EpisodicAdapter`.

    The adapter hangs on the model while questions are answered and is taken off afterwards, unless it hung there
    before. A question without traces is answered by the bare model.

    Args:
        config: what is read and how; the defaults if None.
        adapter: a trained adapter; None loads `config.adapter` at the first answer.
        blobs: a store that keeps states beside its episodes, so that a trace is read once and for all.
    """

    def __init__(
        self,
        config: CrossAttentionReaderConfig | None = None,
        *,
        adapter: EpisodicAdapter | None = None,
        blobs: SupportsBlobs | None = None,
    ) -> None:
        expected: list[tuple[object, type]] = [
            (config, CrossAttentionReaderConfig), (adapter, EpisodicAdapter), (blobs, SupportsBlobs)
        ]  # fmt: skip
        for given, kind in expected:
            if given is not None and not isinstance(given, kind):
                raise InvalidInputError(
                    f"{given!r:.60} is no {kind.__name__}; to read with an adapter in a folder: "
                    "CrossAttentionReader(CrossAttentionReaderConfig(adapter=FOLDER))."
                )
        self.config = config or CrossAttentionReaderConfig()
        self._adapter = adapter
        self._prefix = KeptPrefix()
        self._states = KeptStates(
            BLOB_KIND, blobs=blobs, size=self.config.cached_traces, pack=pack_trace, unpack=unpack_trace
        )

    def prompt(self, question: str, recalled: Sequence[Hit[Episode]] = ()) -> str:
        """Return what the model sees as text for one question, after the template's prefix."""
        return self.config.template.prompt(question, [hit.item.text for hit in recalled[: self.config.text_traces]])

    def answer(
        self,
        model: LanguageModel,
        questions: Sequence[str],
        recalled: Sequence[Sequence[Hit[Episode]]],
        *,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer each question from what was recalled for it (see `Reader`).

        Raises:
            AdapterFileError: `config.adapter` cannot be read.
            InvalidInputError: as many `recalled` as questions are needed, or the adapter is for another model.
            PromptTooLongError: a question or a trace does not fit the window.
        """
        check_pairs(questions, recalled)
        shown = [list(hits[: self.config.traces]) for hits in recalled]
        states = iter(self.states(model, [hit for hits in shown for hit in hits]))
        prompts = [self.prompt(question, hits) for question, hits in zip(questions, shown, strict=True)]
        with attached(model, self.adapter_for(model)):
            return generate(
                model,
                prompts,
                prefix=self._prefix.get_if_any(model, self.config.template.prefix()),
                traces=[[next(states) for _ in hits] for hits in shown],
                max_new_tokens=self.config.max_new_tokens,
                batch_size=self.config.batch_size,
                progress=progress,
            )

    def adapter_for(self, model: LanguageModel) -> EpisodicAdapter:
        """Return the adapter, loaded at the first call."""
        if self._adapter is None:
            self._adapter = load_adapter(self.config.adapter, model)
        return self._adapter

    def states(self, model: LanguageModel, hits: Sequence[Hit[Episode]]) -> list[TraceStates]:
        """Return the states of traces, from memory, from the store, or by reading them now."""
        shape = self.adapter_for(model).config
        return self._states.get(
            model,
            hits,
            made_with=(shape.match_block, shape.read_block),
            make=lambda texts: read_traces(model, texts, shape, batch_size=self.config.batch_size),
        )


register_reader("cross_attention", CrossAttentionReader, CrossAttentionReaderConfig)
