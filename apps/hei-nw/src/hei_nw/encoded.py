"""A LoCoMo conversation with what is computed once for all the stores that are tried on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hippo_adapters import read
from hippo_episodic import EpisodicStore
from numpy.typing import NDArray

from hei_nw.build import Bench
from hei_nw.suites import Conversation, EvidenceQuestion

KS = (1, 5, 10, 20)
_ADVERSARIAL = 5  # such questions have no answer in the conversation, so their "evidence" is what misleads

Ranking = Mapping[str, Sequence[str]]
"""Question id to turn keys, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A conversation, encoded and read."""

    conversation: Conversation
    keys: NDArray[np.float32]
    """Sentence vectors of the turns, shape (turns, dim)."""
    surprises: tuple[float, ...]
    """Mean nats per token of each turn after the turn before it in its session."""
    tokens: tuple[int, ...]
    """Length of each turn in the model's tokens."""

    @property
    def questions(self) -> list[EvidenceQuestion]:
        """The questions that the conversation answers."""
        return [question for question in self.conversation.questions if question.category != _ADVERSARIAL]


def encode(conversation: Conversation, bench: Bench) -> Encoded:
    """Return a conversation's turns encoded, and read by the model."""
    texts = [item.episode.text for item in conversation.items]
    sessions = [item.episode.session for item in conversation.items]
    contexts = [texts[i - 1] if i and sessions[i - 1] == session else None for i, session in enumerate(sessions)]
    readings = read(bench.language, texts, contexts=contexts)
    return Encoded(
        conversation=conversation,
        keys=bench.encoder.encode(texts),
        surprises=tuple(reading.nll for reading in readings),
        tokens=tuple(len(reading.tokens) for reading in readings),
    )


def store_ranking(one: Encoded, bench: Bench, *, keep: Sequence[int] | None) -> Ranking:
    """Return the store's ranking after writing the turns at the positions `keep`, or all."""
    positions = range(len(one.conversation.items)) if keep is None else keep
    with EpisodicStore(":memory:", encoder=bench.encoder) as store:
        store.write_many([one.conversation.items[i].episode for i in positions], keys=[one.keys[i] for i in positions])
        found = store.recall_many([question.text for question in one.questions], max(KS))
    return {
        question.id: [str(hit.item.provenance.doc_id) for hit in hits]
        for question, hits in zip(one.questions, found, strict=True)
    }
