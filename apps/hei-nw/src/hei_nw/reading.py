"""How an arm's traces reach the model: one reader an arm, all of them with the same questions and traces.

Arms often read the same traces in the same way (the store and BM25 both found the gold episode). Each such question is
answered once and the answer shared, which changes nothing under greedy decoding and saves most of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    CrossAttentionReader,
    CrossAttentionReaderConfig,
    EpisodicAdapter,
    Generation,
    KvReader,
    KvReaderConfig,
    LanguageModel,
    TextReader,
    TextReaderConfig,
    load_adapter,
)
from hippo_core import Episode, Hit
from hippo_lab.accounting import answer_costs
from hippo_lab.arms import ArmName

from hei_nw.config import CONSOLIDATED

ADAPTER = "smollm2-135m"
TRACES = 1
"""How many traces an arm reads where its name does not say. A second one confuses a reader of text, and the adapter
cannot tell which of two versions of a fact is newer: that is the store's to say, by its first hit (docs/LOG.md)."""
MAX_NEW_TOKENS = 16

Hits = Sequence[Hit[Episode]]


def way_of(arm: ArmName) -> str:
    """Return how an arm reads: the reader's name, or "text" for every arm that has no other."""
    base = arm.base.removeprefix(CONSOLIDATED + "+")
    for name in ("text+cross_attention", "cross_attention", "kv"):
        if base == name or base.startswith(f"{name}_"):
            return name
    return "text"


@dataclass
class Answerer:
    """Answers questions with one model, through the reader of each arm."""

    language: LanguageModel
    batch_size: int
    adapter: str = ADAPTER
    clock: Callable[[], float] = time.perf_counter
    _readers: dict[str, Any] = field(default_factory=dict[str, Any])
    _answered: dict[tuple[str, ...], Generation] = field(default_factory=dict[tuple[str, ...], Generation])

    def reader(self, arm: ArmName) -> Any:
        """Return the arm's reader, with what it keeps (worked examples, states of traces)."""
        way, k = way_of(arm), arm.k or TRACES
        random = arm.base.endswith("_random")
        name = f"{way}@{k}{'_random' if random else ''}"
        if name not in self._readers:
            self._readers[name] = self._make(way, k, random=random)
        return self._readers[name]

    def traces_of(self, arm: ArmName) -> int:
        """Return how many traces an arm reads."""
        return arm.k or TRACES

    def answer(self, arm: ArmName, questions: Sequence[str], found: Sequence[Hits]) -> list[Generation]:
        """Return the answer to each question."""
        k = self.traces_of(arm)
        way = f"{way_of(arm)}{'_random' if arm.base.endswith('_random') else ''}"
        keys = [
            (way, question, *(hit.item.text for hit in hits[:k]))
            for question, hits in zip(questions, found, strict=True)
        ]
        new = {key: place for place, key in enumerate(keys) if key not in self._answered}
        if new:
            places = list(new.values())
            said = self.reader(arm).answer(
                self.language, [questions[place] for place in places], [found[place] for place in places]
            )
            self._answered.update(zip(new, said, strict=True))
        return [self._answered[key] for key in keys]

    def costs(self, arm: ArmName, said: Generation) -> dict[str, float]:
        """Return what an answer cost."""
        reader = self.reader(arm)
        prefix = reader.config.template.prefix()
        shared = len(self.language.encode(prefix)) if prefix else 0
        costs = {"prompt_tokens": said.prompt_tokens, "new_tokens": said.new_tokens, "shared_tokens": shared}
        if "cross_attention" not in way_of(arm):
            return answer_costs(self.language, **costs, memory_slots=said.memory_slots)
        adapter: EpisodicAdapter = reader.adapter_for(self.language)
        columns = said.prompt_tokens - shared + said.new_tokens - 1
        return answer_costs(
            self.language,
            **costs,
            reader_flops=adapter.flops(columns=columns, slots=said.memory_slots) if said.memory_slots else 0,
            reader_bytes=adapter.memory_bytes(slots=said.memory_slots),
        )

    def latency(self, arm: ArmName, question: str, hits: Hits) -> dict[str, float]:
        """Return the milliseconds of one question asked alone: in all, to the first token, and for each after it.

        Worked examples and the traces' states are there already, as they are in use.
        """
        reader = self.reader(arm)
        reader.answer(self.language, [question], [hits])
        seconds: list[float] = []
        config = reader.config
        for new_tokens in (1, MAX_NEW_TOKENS):
            reader.config = replace(config, max_new_tokens=new_tokens)
            start = self.clock()
            (said,) = reader.answer(self.language, [question], [hits])
            seconds.append(self.clock() - start)
        reader.config = config
        first, whole = (1000 * one for one in seconds)
        each = {"token_ms": (whole - first) / (said.new_tokens - 1)} if said.new_tokens > 1 else {}
        return {"latency_ms": whole, "first_token_ms": first, **each}

    def _make(self, way: str, k: int, *, random: bool) -> Any:
        shared = {"max_new_tokens": MAX_NEW_TOKENS, "batch_size": self.batch_size}
        if way == "text":
            return TextReader(TextReaderConfig(template=replace(DEFAULT_TEMPLATE, traces=k), **shared))
        if way == "kv":
            return KvReader(KvReaderConfig(template=replace(DEFAULT_TEMPLATE, traces=k), **shared))
        adapter = load_adapter(self.adapter, self.language)
        if random:
            adapter = EpisodicAdapter(adapter.config, rng=torch.Generator().manual_seed(0))
        config = CrossAttentionReaderConfig(traces=k, **shared)
        if way == "text+cross_attention":
            config = replace(config, template=DEFAULT_TEMPLATE, text_traces=TRACES)
        return CrossAttentionReader(config, adapter=adapter)
