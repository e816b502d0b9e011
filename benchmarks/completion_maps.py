"""Learned maps from a cue's vector to a stored key: a linear one and a small MLP, residual, started at identity.

Fitted contrastively (van den Oord et al. 2018, arXiv:1807.03748) in plain numpy with Adam: the right episode against
the cue's nearest others. They are measured in `completion.py`; the library has neither unless they help there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
SCALE = 20.0
"""Inverse temperature of the training softmax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMap:
    """normalise(q + q·A), or normalise(q + relu(q·W + b)·V)."""

    weights: tuple[Array, ...]

    def __call__(self, cues: Array) -> Array:
        """Return unit rows, shape (m, dim)."""
        moved = cues + _change(self.weights, cues)[0]
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def fit_map(
    cues: Array,
    candidates: Array,
    right: NDArray[np.int64],
    *,
    hidden: int | None,
    rng: np.random.Generator,
    rate: float = 1e-3,
    decay: float = 1e-2,
    epochs: int = 20,
) -> QueryMap:
    """Return the map of the epoch that did best on a fifth of the cues, which is held out; identity among them.

    Args:
        cues: shape (m, dim).
        candidates: each cue's nearest episodes, the right one among them, shape (m, n, dim).
        right: its row, shape (m,).
        hidden: width of the MLP's layer; None is the linear map.
        rng: initial weights, split and order.
        rate: Adam's.
        decay: weight decay towards the identity, decoupled.
        epochs: at most.
    """
    dim = cues.shape[1]
    if hidden is None:
        weights = [np.zeros((dim, dim), dtype=np.float32)]
    else:
        first = rng.standard_normal((dim, hidden)).astype(np.float32) * np.float32((2 / dim) ** 0.5)
        weights = [first, np.zeros(hidden, dtype=np.float32), np.zeros((hidden, dim), dtype=np.float32)]
    moments = [(np.zeros_like(w), np.zeros_like(w)) for w in weights]
    order = rng.permutation(len(cues))
    held, train = order[: len(order) // 5], order[len(order) // 5 :]
    best, best_right, step = tuple(w.copy() for w in weights), -1.0, 0
    for _ in range(epochs + 1):
        now = QueryMap(weights=tuple(weights))
        score = float((_scores(now(cues[held]), candidates[held]).argmax(axis=1) == right[held]).mean())
        if score > best_right:
            best, best_right = tuple(w.copy() for w in weights), score
        for batch in np.array_split(rng.permutation(train), max(1, len(train) // 64)):
            step += 1
            for i, gradient in enumerate(_gradients(tuple(weights), cues[batch], candidates[batch], right[batch])):
                mean, square = moments[i]
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                move = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
                weights[i] -= (rate * (move + decay * weights[i])).astype(np.float32)
    return QueryMap(weights=best)


def _change(weights: tuple[Array, ...], cues: Array) -> tuple[Array, Array | None]:
    if len(weights) == 1:
        return cues @ weights[0], None
    active = np.maximum(cues @ weights[0] + weights[1], 0)
    return active @ weights[2], active


def _scores(states: Array, candidates: Array) -> Array:
    return np.matmul(candidates, states[:, :, None])[:, :, 0]


def _gradients(weights: tuple[Array, ...], cues: Array, candidates: Array, right: NDArray[np.int64]) -> list[Array]:
    change, active = _change(weights, cues)
    moved = cues + change
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    states = moved / length
    scores = SCALE * _scores(states, candidates)
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    chance[np.arange(len(right)), right] -= 1
    slope = SCALE * np.matmul(chance[:, None, :], candidates)[:, 0] / len(cues)
    slope = (slope - states * (slope * states).sum(axis=1, keepdims=True)) / length
    if active is None:
        return [cues.T @ slope]
    inner = (slope @ weights[2].T) * (active > 0)
    return [cues.T @ inner, inner.sum(axis=0), active.T @ slope]
