"""Memory as the model's own keys and values: what it computed when it read a trace stands before the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from hippo_core import LayeredMemory, SupportsBlobs
from hippo_core.errors import InvalidInputError
from hippo_core.records import Episode, Hit

from hippo_adapters.generation import Generation, PrefixCache, Progress, generate
from hippo_adapters.memory._kept import KeptPrefix, KeptStates, check_pairs
from hippo_adapters.memory.registry import register_reader
from hippo_adapters.memory.states import (
    Precision,
    compute_states,
    joined,
    last_slots,
    pack_states,
    unpack_states,
)
from hippo_adapters.memory.template import PromptTemplate
from hippo_adapters.memory.text import DEFAULT_TEMPLATE
from hippo_adapters.models import LanguageModel

BLOB_KIND = "kv"
LEAD = "On a rainy day the old clock in the hall stopped."
"""Stands before a trace while it is read, and is not kept, where several traces are shown: read as the first line of
the memory, each of them would be kept as a first line (docs/LOG.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KvReaderConfig:
    """How traces are read, kept and shown.

    Raises:
        InvalidInputError: a count below 1, an unknown precision, or a template that asks before the memory.
    """

    template: PromptTemplate = DEFAULT_TEMPLATE
    """The prompt form, and how many traces are read. Its worked examples stand before the memory as text."""
    slots: int | None = None
    """Keep only the last so many tokens of a trace; None keeps all. Two answer nothing (docs/LOG.md)."""
    precision: Precision = "float16"
    """Of kept states."""
    cached_traces: int = 256
    """Traces whose states stay in memory, the latest used."""
    max_new_tokens: int = 16
    """Tokens an answer may take."""
    batch_size: int = 32
    """Questions, or traces, in one forward pass."""

    def __post_init__(self) -> None:
        for name in ("slots", "cached_traces", "max_new_tokens", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, not {value}.")
        if self.precision not in get_args(Precision):
            raise InvalidInputError(f"`precision` must be one of {', '.join(get_args(Precision))}.")
        if self.template.question_first:
            raise InvalidInputError(
                "A template with `question_first` shows the question before the memory, but kept states were computed "
                "without any question; use question_first=False."
            )


class KvReader:
    """Places each trace's own keys and values between the worked examples and the question: no trace in the prompt.

    A trace is read once, after the sink that all traces share (the worked examples and the memory's header), and its
    states stand behind that sink again whenever it is recalled, at the next free positions and under one softmax with
    the question. With one trace that is what the text reader's model sees; several traces do not see each other, but
    each was read after some other line. No training (sources: EM-LLM, arXiv:2407.09450; APE, arXiv:2502.05431).

    Args:
        config: prompt form, size and precision; the defaults if None.
        blobs: a store that keeps states beside its episodes, so that a trace is read once and for all.
    """

    def __init__(self, config: KvReaderConfig | None = None, *, blobs: SupportsBlobs | None = None) -> None:
        self.config = config or KvReaderConfig()
        self._plain, self._sink, self._read_after = KeptPrefix(), KeptPrefix(), KeptPrefix()
        self._states = KeptStates(
            BLOB_KIND,
            blobs=blobs,
            size=self.config.cached_traces,
            pack=lambda states: pack_states(last_slots(states, self.config.slots), self.config.precision),
            unpack=unpack_states,
        )

    def prompt(self, question: str, recalled: Sequence[Hit[Episode]] = ()) -> str:
        """Return what the model sees as text for one question, after the template's prefix: no trace."""
        return self.config.template.prompt(question)

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
            InvalidInputError: as many `recalled` as questions are needed.
            PromptTooLongError: a question with its memory does not fit the window.
            UnsupportedModelError: the model's positions are not rotary.
        """
        check_pairs(questions, recalled)
        template = self.config.template
        shown = [list(hits[: template.traces]) for hits in recalled]
        prompts = [self.prompt(question) for question in questions]
        answers: dict[int, Generation] = {}
        for remembers in (False, True):
            places = [place for place, hits in enumerate(shown) if bool(hits) == remembers]
            if not places:
                continue
            done = len(answers)
            generations = generate(
                model,
                [prompts[place] for place in places],
                prefix=self._sink_for(model) if remembers else self._plain.get_if_any(model, template.prefix()),
                memories=self._memories(model, [shown[place] for place in places]) if remembers else None,
                max_new_tokens=self.config.max_new_tokens,
                batch_size=self.config.batch_size,
                progress=None if progress is None else lambda n, _, done=done: progress(done + n, len(prompts)),
            )
            answers.update(zip(places, generations, strict=True))
        return [answers[place] for place in range(len(prompts))]

    def states(self, model: LanguageModel, hits: Sequence[Hit[Episode]]) -> list[LayeredMemory]:
        """Return the states of traces, from memory, from the store, or by reading them now."""
        template, config = self.config.template, self.config
        sink = self._sink_for(model)
        if template.traces > 1:
            sink = self._read_after.get(model, sink.text + self._block(LEAD))
        return self._states.get(
            model,
            hits,
            made_with=(config.precision, config.slots, template.trace_form, sink.text),
            make=lambda texts: compute_states(
                model, [self._block(text) for text in texts], sink=sink, batch_size=config.batch_size
            ),
        )

    def _memories(self, model: LanguageModel, shown: Sequence[Sequence[Hit[Episode]]]) -> list[LayeredMemory | None]:
        flat = [hit for hits in shown for hit in hits]
        states = iter(self.states(model, flat))
        memories: list[LayeredMemory | None] = []
        for hits in shown:
            parts = [(next(states), hit.id) for hit in hits]
            if self.config.template.best_last:
                parts.reverse()
            memories.append(joined([part for part, _ in parts], [id for _, id in parts]))
        return memories

    def _block(self, text: str) -> str:
        return self.config.template.trace_form.replace("{text}", " ".join(text.split())) + "\n"

    def _sink_for(self, model: LanguageModel) -> PrefixCache:
        template = self.config.template
        return self._sink.get(model, template.prefix() + template.memory_header or "\n")


register_reader("kv", KvReader, KvReaderConfig)
