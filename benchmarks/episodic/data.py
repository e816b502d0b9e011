"""Vectors, texts, queries and their true neighbours, made from a seed.

A vector is a topic's centre plus a draw of its own, both Gaussian with a spectrum that decays as a power law, turned by
one random rotation (so that no coordinate is special to a quantiser) and scaled to length 1. Topics are drawn with
Zipf weights, as they are in real text. Queries are held-out draws: near stored points, equal to none. Rows come in
blocks with a generator each, so that every size is a prefix of the next and nothing depends on what was asked before.

The shares and decays were chosen to be no easier than real sentences: 20,000 sentences of WikiText-2 and six novels,
encoded by all-MiniLM-L6-v2, against as many of these vectors. Recall@10 of one FAISS HNSW graph (M = 32,
efConstruction = 120) of 1,000 held-out queries, by efSearch; mean cosine of the first, tenth and hundredth neighbour;
local intrinsic dimension (maximum likelihood over 100 neighbours, Levina and Bickel 2004):

                 ef 10    16     32     64     128     1st   10th  100th   dimension
    sentences    0.854  0.912  0.967  0.990  0.998    0.60   0.48   0.38   28.2
    synthetic    0.832  0.892  0.947  0.977  0.993    0.61   0.49   0.36   29.6

`difficulty.py` makes the comparison; its result is in `benchmarks/results/episodic_difficulty.json`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SESSIONS = 100
"""Rows take turns among them, so that one session keeps 1 % of the rows, whatever they are about."""

TOPICS = 3_000
COMMON_SHARE = 0.09  # of the variance: a direction that all vectors share, as those of one encoder do
TOPIC_SHARE = 0.45
TOPIC_DECAY = 0.55
ITEM_DECAY = 0.55
SPECTRUM_KNEE = 12.0
ZIPF = 0.8
_BLOCK_ROWS = 5_000
_TRUTH_ROWS = 20_000  # rows a step of the brute force: bounds the score matrix to some tens of megabytes

_PEOPLE = ("Carol", "Nadia", "Tomas", "Old Tobias", "Lucho", "Ingrid", "Marta", "Kofi", "Yusuf", "Elena", "Piet")
_THINGS = ("the copper key", "a bicycle tube", "the green ledger", "the bilge pump", "some liquorice", "the tide map")
_PLACES = ("behind the barometer", "at the harbour office", "in the boat house", "under the third lamp", "by the weir")


def text_of(row: int) -> str:
    """Return the text of one row: about 80 characters, unlike every other row's."""
    code = row * 2_654_435_761 % 2**32  # spreads neighbouring rows over the words
    person, other = _PEOPLE[code % 11], _PEOPLE[code // 11 % 11]
    thing, place = _THINGS[code // 121 % 6], _PLACES[code // 726 % 5]
    return f"{person} told {other} that {thing} was left {place} (entry {row:07d})."


def row_of(text: str) -> int:
    """Return the row that `text_of` was asked for."""
    return int(text.rpartition("entry ")[2].rstrip(")."))


def session_of(row: int) -> str:
    """Return the session of one row."""
    return f"s{row % SESSIONS:03d}"


class Dataset:
    """The vectors in a file that grows on demand, and what is derived from them.

    Args:
        folder: where the files are kept; another process may open the same folder.
        dim: width of the vectors.
        seed: of everything.
    """

    def __init__(self, folder: Path, *, dim: int, seed: int) -> None:
        self.folder = folder
        self.dim = dim
        self.seed = seed
        self._path = folder / "vectors.f32"

    def grow(self, rows: int) -> None:
        """Make sure that the file holds at least `rows` vectors."""
        self.folder.mkdir(parents=True, exist_ok=True)
        held = self._path.stat().st_size // (4 * self.dim) if self._path.exists() else 0
        with self._path.open("ab") as file:
            for block in range(held // _BLOCK_ROWS, -(-rows // _BLOCK_ROWS)):
                file.write(self._draw([self.seed, 1, block], _BLOCK_ROWS).tobytes())

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return rows start to stop as unit vectors, shape (stop − start, dim).

        Read, not memory-mapped: mapped pages would count as the memory of the peer that is being measured.
        """
        count = (stop - start) * self.dim
        rows = np.fromfile(self._path, dtype=np.float32, count=count, offset=4 * start * self.dim)
        return rows.reshape(stop - start, self.dim)

    def queries(self, count: int) -> NDArray[np.float32]:
        """Return held-out unit vectors, shape (count, dim); the q-th filtered query asks for `session_of(q)`."""
        return self._draw([self.seed, 2], count)

    def truth(self, rows: int, queries: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each query's true neighbours among all rows and among its session's, each of shape (queries, k).

        −1 where there are fewer rows. Brute force in float32. Kept in a file; cost: one pass over the rows.
        """
        path = self.folder / f"truth-{rows}-{queries}-{k}.npz"
        if not path.exists():
            np.savez(path, **dict(zip(("all", "filtered"), self._find_truth(rows, queries, k), strict=True)))
        with np.load(path) as arrays:
            return arrays["all"], arrays["filtered"]

    def _find_truth(self, rows: int, queries: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        cues = self.queries(queries)
        groups = np.arange(queries) % SESSIONS
        everywhere = _Best(queries, k)
        in_session = _Best(queries, k)
        for start in range(0, rows, _TRUTH_ROWS):
            numbers = np.arange(start, min(start + _TRUTH_ROWS, rows))
            scores = cues @ self.read(start, int(numbers[-1]) + 1).T
            everywhere.take(np.arange(queries), numbers, scores)
            for group in range(SESSIONS):
                asked, kept = np.flatnonzero(groups == group), np.flatnonzero(numbers % SESSIONS == group)
                in_session.take(asked, numbers[kept], scores[np.ix_(asked, kept)])
        return everywhere.ids, in_session.ids

    def _draw(self, stream: list[int], count: int) -> NDArray[np.float32]:
        generator = np.random.default_rng(stream)
        topics = generator.choice(TOPICS, size=count, p=self._topic_weights)
        rows = generator.standard_normal((count, self.dim), dtype=np.float32) * _scales(ITEM_DECAY, self.dim)
        rows *= np.float32((1 - COMMON_SHARE - TOPIC_SHARE) ** 0.5)
        rows += self._centres[topics]
        rows = rows @ self._rotation
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float32, copy=False)

    @cached_property
    def _topic_weights(self) -> NDArray[np.float64]:
        weights = np.arange(1, TOPICS + 1, dtype=np.float64) ** -ZIPF
        return weights / weights.sum()

    @cached_property
    def _centres(self) -> NDArray[np.float32]:
        generator = np.random.default_rng([self.seed, 3])
        rows = generator.standard_normal((TOPICS, self.dim), dtype=np.float32) * _scales(TOPIC_DECAY, self.dim)
        rows *= np.float32(TOPIC_SHARE**0.5)
        rows[:, -1] += np.float32(COMMON_SHARE**0.5)
        return rows

    @cached_property
    def _rotation(self) -> NDArray[np.float32]:
        generator = np.random.default_rng([self.seed, 4])
        return np.linalg.qr(generator.standard_normal((self.dim, self.dim)))[0].astype(np.float32)


class _Best:
    """The k best rows seen so far of each query, −1 where there were fewer."""

    def __init__(self, queries: int, k: int) -> None:
        self._k = k
        self.ids = np.full((queries, k), -1, dtype=np.int64)
        self._scores = np.full((queries, k), -np.inf, dtype=np.float32)

    def take(self, queries: NDArray[np.int64], numbers: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Take in the scores of some rows for some queries, shape (queries, rows)."""
        ids = np.concatenate([self.ids[queries], np.broadcast_to(numbers, scores.shape)], axis=1)
        scores = np.concatenate([self._scores[queries], scores], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self._k]
        self.ids[queries] = np.take_along_axis(ids, best, axis=1)
        self._scores[queries] = np.take_along_axis(scores, best, axis=1)


def _scales(decay: float, dim: int) -> NDArray[np.float32]:
    """Return the standard deviation along each axis before the rotation; their squares add up to 1."""
    variances = (1 + np.arange(dim) / SPECTRUM_KNEE) ** (-2 * decay)
    return np.sqrt(variances / variances.sum()).astype(np.float32)
