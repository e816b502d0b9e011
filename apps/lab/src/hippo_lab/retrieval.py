"""Baseline retrievers over the same items that a memory is taught: BM25, and exact dense search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import bm25s
import numpy as np
import Stemmer
from hippo_core import Episode, Hit, InvalidInputError
from hippo_core.checks import checked_k
from numpy.typing import NDArray

_TOKEN = r"(?u)\b\w+\b"
"""Single characters too: bm25s' default would drop the 3 of "3 March"."""

_STEMMER: Any = Stemmer.Stemmer("english")


class Retriever(Protocol):
    """Finds taught episodes by a question's words."""

    def recall_many(self, cues: Sequence[str], k: int = 8) -> list[list[Hit[Episode]]]:
        """Return up to `k` hits for each cue, best first, ties in teaching order. `id` is the teaching position."""
        ...


class TextEncoder(Protocol):
    """The part of `hippo_core.Encoder` that dense search needs."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 rows, shape (len(texts), dim)."""
        ...


class BM25Retriever:
    """BM25 (Lucene's form) with lower case, a long list of English stop words and Snowball stems, through bm25s.

    k1 0.9 and b 0.4 are Anserini's defaults. Of the usual settings these are the strongest on LoCoMo, so that a memory
    that beats this baseline beats the others too. Hits with score 0 share no word with the cue and are not returned.

    Args:
        episodes: in teaching order, at least one.

    Raises:
        InvalidInputError: no episodes.
    """

    def __init__(self, episodes: Sequence[Episode]) -> None:
        if not episodes:
            raise InvalidInputError("a retriever needs at least one episode to search.")
        self._episodes = list(episodes)
        self._index: Any = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
        self._index.index(self._tokens([episode.text for episode in episodes]), show_progress=False)

    def recall_many(self, cues: Sequence[str], k: int = 8) -> list[list[Hit[Episode]]]:
        """Return up to `k` hits for each cue. Cost: O(episodes) a cue."""
        k = checked_k(k)
        return [self._recall(words, k) for words in self._tokens(cues)] if cues else []

    def _recall(self, words: list[str], k: int) -> list[Hit[Episode]]:
        known = [word for word in words if word in self._index.vocab_dict]
        if not known:
            return []
        scores = np.asarray(self._index.get_scores(known), dtype=np.float64)
        return [hit for hit in _best(self._episodes, scores, k, path="bm25") if hit.score > 0]

    @staticmethod
    def _tokens(texts: Sequence[str]) -> list[list[str]]:
        # Typed as either of two forms; `return_ids=False` chooses this one
        words: Any = bm25s.tokenize(
            list(texts),
            lower=True,
            token_pattern=_TOKEN,
            stopwords="en_plus",
            stemmer=_STEMMER,
            return_ids=False,
            show_progress=False,
        )
        return words


class DenseRetriever:
    """Exact cosine search over an encoder's vectors.

    Args:
        episodes: in teaching order, at least one.
        encoder: anything with `encode(texts)`; rows need not have length 1.
        vectors: the encoder's rows for the episodes where they are known already, shape (episodes, dim).

    Raises:
        InvalidInputError: no episodes.
    """

    def __init__(
        self, episodes: Sequence[Episode], *, encoder: TextEncoder, vectors: NDArray[np.float32] | None = None
    ) -> None:
        if not episodes:
            raise InvalidInputError("a retriever needs at least one episode to search.")
        self._episodes = list(episodes)
        self._encoder = encoder
        if vectors is None:
            vectors = encoder.encode([episode.text for episode in episodes])
        self._vectors = _unit_rows(vectors)  # (episodes, dim)

    def recall_many(self, cues: Sequence[str], k: int = 8) -> list[list[Hit[Episode]]]:
        """Return up to `k` hits for each cue; scores are cosines. Cost: O(episodes · dim) a cue."""
        k = checked_k(k)
        if not cues:
            return []
        scores = _unit_rows(self._encoder.encode(list(cues))) @ self._vectors.T  # (cues, episodes)
        return [list(_best(self._episodes, row, k, path="dense")) for row in scores]


def _best(episodes: Sequence[Episode], scores: NDArray[Any], k: int, *, path: str) -> list[Hit[Episode]]:
    order = np.argsort(-scores, kind="stable")[:k]
    return [Hit(id=int(place), item=episodes[place], score=float(scores[place]), why={"path": path}) for place in order]


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
