"""Baseline retrievers find what they should, in order."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hippo_core import Episode, HashingEncoder, InvalidInputError, Provenance
from hippo_lab.retrieval import BM25Retriever, DenseRetriever, Retriever

PROVENANCE = Provenance(source="test", time=datetime(2026, 1, 1, tzinfo=UTC))
TEXTS = [
    "Nora left the tin flute at the mill on 3 March.",
    "Nora left the tin flute at the mill on 4 March.",
    "Server alpha runs postgres on port 8123.",
    "The ladders were painted, and the candle burned.",
    "It rained.",
]


def episodes(texts: list[str]) -> list[Episode]:
    return [Episode(text=text, provenance=PROVENANCE) for text in texts]


@pytest.fixture(params=["bm25", "dense"])
def retriever(request) -> Retriever:
    if request.param == "bm25":
        return BM25Retriever(episodes(TEXTS))
    return DenseRetriever(episodes(TEXTS), encoder=HashingEncoder())


@pytest.mark.parametrize(
    ("cue", "best"),
    [
        ("Where did Nora leave the tin flute on 4 March?", 1),
        ("Which port is postgres on?", 2),
        ("Who painted the ladder?", 3),
    ],
)
def test_the_right_episode_comes_first(retriever, cue, best):
    (hits,) = retriever.recall_many([cue], k=3)
    assert hits[0].id == best
    assert hits[0].item.text == TEXTS[best]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_cues_are_answered_in_order_and_k_may_exceed_the_store(retriever):
    rows = retriever.recall_many(["postgres port", "a burned candle"], k=100)
    assert [row[0].id for row in rows] == [2, 3]
    assert all(len(row) <= len(TEXTS) for row in rows)
    assert retriever.recall_many([], k=3) == []


def test_bad_input_is_refused(retriever):
    with pytest.raises(InvalidInputError, match="`k` must be a whole number of at least 1, not 0"):
        retriever.recall_many(["flute"], k=0)


def test_an_empty_corpus_is_refused():
    with pytest.raises(InvalidInputError, match="at least one episode"):
        BM25Retriever([])
    with pytest.raises(InvalidInputError, match="at least one episode"):
        DenseRetriever([], encoder=HashingEncoder())


def test_bm25_returns_nothing_that_shares_no_word():
    retriever = BM25Retriever(episodes(TEXTS))
    assert retriever.recall_many(["zebra", "", "the of and"], k=5) == [[], [], []]
    (hits,) = retriever.recall_many(["postgres zebra"], k=5)
    assert [hit.id for hit in hits] == [2]


def test_bm25_keeps_single_digits_apart():
    (hits,) = BM25Retriever(episodes(TEXTS)).recall_many(["3 March"], k=1)
    assert hits[0].id == 0


def test_ties_come_in_teaching_order(retriever):
    same = episodes(["red kite"] * 5 + ["blue sled"])
    again = (
        type(retriever)(same)
        if isinstance(retriever, BM25Retriever)
        else DenseRetriever(same, encoder=HashingEncoder())
    )
    (hits,) = again.recall_many(["red kite"], k=5)
    assert [hit.id for hit in hits] == [0, 1, 2, 3, 4]


def test_dense_scores_are_cosines_whatever_the_lengths():
    class Encoder:
        def encode(self, texts):
            table = {"east": (3, 0), "north": (0, 5), "north-east": (2, 2), "nowhere": (0, 0)}
            return np.array([table[text] for text in texts], dtype=np.float32)

    retriever = DenseRetriever(episodes(["east", "north", "nowhere"]), encoder=Encoder())
    (hits,) = retriever.recall_many(["east"], k=3)
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.0, 0.0])
    (hits,) = retriever.recall_many(["north-east"], k=2)
    assert [hit.score for hit in hits] == pytest.approx([0.5**0.5] * 2)
