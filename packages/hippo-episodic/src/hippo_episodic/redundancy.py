"""How far an episode only repeats another one that stays, and who goes first because of it."""

from __future__ import annotations

import heapq
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.capacity import Excess
from hippo_episodic.inventory import Floats
from hippo_episodic.vectors import Ids, VectorTable

_BANDS = 32  # of 100,000 episodes this finds 0.99 of the pairs at cosine 0.95, 0.9 at 0.9 and half at 0.8
_WINDOW = 4  # looked at on each side among equal codes: a thousand copies of one sentence do not make a million pairs
_BLOCK_ROWS = 8_192  # 12 MB of vectors at 384 dimensions
_SAMPLE_ROWS = 4_096  # enough for the mean


class Redundancy:
    """The near-duplicates of some candidates among all that may stay, found without comparing all pairs.

    Vectors are hashed to the signs of random projections, as in Charikar 2002 (doi:10.1145/509907.509965), in bands of
    about log2(n) signs; pairs that share a band are compared exactly. Near-duplicates are found the more surely
    the nearer they are. Cost: O(n · dim · log n) and no search in an index.

    Args:
        ids: all that may stay, ascending, shape (n,).
        candidates: positions in `ids` of those that may have to go.
        vectors: holds all of them.
        near: cosine above which two episodes begin to count as the same, in [0, 1).
    """

    def __init__(self, ids: Ids, candidates: NDArray[np.int64], vectors: VectorTable, *, near: float) -> None:
        self._near = near
        pairs = _sharing_a_band(_codes(ids, vectors), candidates)
        self._duplicates: list[list[tuple[int, float]]] = [[] for _ in candidates]
        for start in range(0, len(pairs), _BLOCK_ROWS):
            block = pairs[start : start + _BLOCK_ROWS]
            positions, others = block[:, 0], ids[block[:, 1]]
            rows, where = np.unique(np.stack([candidates[positions], block[:, 1]]), return_inverse=True)
            one, other = vectors.get(ids[rows])[where.reshape(2, -1)]
            cosines = np.einsum("ij,ij->i", one, other)
            close = cosines > near
            for position, id, cosine in zip(
                positions[close].tolist(), others[close].tolist(), cosines[close].tolist(), strict=True
            ):
                self._duplicates[position].append((id, cosine))
        for duplicates in self._duplicates:
            duplicates.sort(key=lambda pair: (-pair[1], pair[0]))

    def nearest_staying(self, candidate: int, gone: AbstractSet[int]) -> tuple[int, float] | None:
        """Return id and cosine of the nearest near-duplicate that is not gone; None where there is none.

        Args:
            candidate: position among the candidates.
            gone: ids that leave.
        """
        return next((pair for pair in self._duplicates[candidate] if pair[0] not in gone), None)

    def of(self, candidate: int, gone: AbstractSet[int]) -> float:
        """Return 0 for an episode unlike all that stay, rising from cosine `near` to 1 for an identical vector."""
        nearest = self.nearest_staying(candidate, gone)
        return 0.0 if nearest is None else min(1.0, (nearest[1] - self._near) / (1.0 - self._near))


def _codes(ids: Ids, vectors: VectorTable) -> NDArray[np.int64]:
    """Return each row's code in each band, shape (n, bands)."""
    bits = max(1, (len(ids) - 1).bit_length())  # about one row a code, were the codes spread evenly
    rng = np.random.default_rng(0)  # fixed: the same store gives the same plan
    planes = rng.normal(size=(vectors.dim, _BANDS * bits)).astype(np.float32)
    # Sentence vectors share a direction; without it their signs differ more
    mean = vectors.get(ids[:: max(1, len(ids) // _SAMPLE_ROWS)]).mean(axis=0)
    powers = 1 << np.arange(bits, dtype=np.int64)
    codes = np.zeros((len(ids), _BANDS), dtype=np.int64)
    for start in range(0, len(ids), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        signs = (vectors.get(ids[block]) - mean) @ planes > 0
        codes[block] = signs.reshape(-1, _BANDS, bits) @ powers
    return codes


def _sharing_a_band(codes: NDArray[np.int64], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return pairs (position among the candidates, row) that have a code in common, shape (pairs, 2), each once."""
    n = len(codes)
    rng = np.random.default_rng(1)
    found: list[NDArray[np.int64]] = []
    for code in codes.T:
        order = np.lexsort((rng.permutation(n), code))  # equal codes in a new order in each band
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        for step in (*range(-_WINDOW, 0), *range(1, _WINDOW + 1)):
            there = place[candidates] + step
            positions = np.flatnonzero((there >= 0) & (there < n))
            others = order[there[positions]]
            same = code[others] == code[candidates[positions]]
            found.append(positions[same] * n + others[same])
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // n, pairs % n], axis=1)


def weakest_or_repeated(
    ids: Ids, strengths: Floats, weights: NDArray[np.int64], excess: Excess, redundancy: Redundancy, diversity: float
) -> list[int]:
    """Return the positions of the candidates that go, in order, until the excess is gone or no candidate is left.

    At each step the one goes whose strength · (1 − diversity · redundancy) is lowest, where redundancy looks only at
    what still stays: of two near-duplicates the weaker goes, and the other counts as unique from then on.

    Args:
        ids: the candidates, the weakest first.
        strengths: at least 0, shape (candidates,).
        weights: their bytes.
        excess: what has to go.
        redundancy: made for these candidates.
        diversity: in [0, 1].
    """
    gone: set[int] = set()
    chosen: list[int] = []
    freed = 0

    def held_by(candidate: int) -> float:
        return float(strengths[candidate]) * (1.0 - diversity * redundancy.of(candidate, gone))

    # Lazy: what goes only makes those stronger that it repeated, so an outdated entry is met too early, never too late
    heap = [(held_by(candidate), candidate) for candidate in range(len(ids))]
    heapq.heapify(heap)
    while heap and not excess.met(len(chosen), freed):
        believed, candidate = heapq.heappop(heap)
        present = held_by(candidate)
        if present > believed:
            heapq.heappush(heap, (present, candidate))
            continue
        chosen.append(candidate)
        gone.add(int(ids[candidate]))
        freed += int(weights[candidate])
    return chosen
