"""Learning a linear map under which a cue's code is nearer to its own episode's than to any other's.

The loss is the softmax over a batch of van den Oord et al. 2018 (arXiv:1807.03748), with one mined negative a cue as
in Karpukhin et al. 2020 (arXiv:2004.04906); the optimiser is Adam (Kingma and Ba 2015, arXiv:1412.6980). Plain numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hippo_core import InvalidInputError
from hippo_core.checks import checked_count, checked_number
from numpy.typing import NDArray

Rows = NDArray[np.float32]

_BETA_MEAN, _BETA_SQUARE, _EPSILON = 0.9, 0.999, 1e-8  # Adam's usual constants
_MINED = 8  # near but wrong episodes remembered for each cue
_BLOCK = 1024  # bounds the score matrix while they are sought


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastiveTraining:
    """How a projection is learnt.

    On the development world of `benchmarks/pattern_separation.py` codes with few winners learn as well at a rate of
    0.03 as at the default 0.01; where a third of the units win, a lower one (0.003) does no worse and 0.03 does.

    Raises:
        InvalidInputError: a count below 1, or a rate or temperature that is not positive.
    """

    steps: int = 200
    """Batches."""
    batch_size: int = 256
    """Pairs in a batch; every other episode in it is a negative. At most the number of pairs is used."""
    learning_rate: float = 0.01
    """At the start; it falls to zero along half a cosine. In units of the weights' initial spread."""
    temperature: float = 0.05
    """Cosines are divided by it; the smaller, the more the nearest wrong episodes count."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            checked_count(getattr(self, name), name=f"training.{name}")
        for name in ("learning_rate", "temperature"):
            if checked_number(getattr(self, name), name=f"training.{name}") <= 0:
                raise InvalidInputError(f"`training.{name}` must be above 0, not {getattr(self, name)!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a training stands."""

    step: int
    """Batches done, from 1."""
    steps: int
    loss: float
    """Of this batch, in nats."""
    accuracy: float
    """Share of the batch's cues whose own episode scores highest, before this step."""


def winners(activations: Rows, active: int) -> NDArray[np.int64]:
    """Return the places of each row's `active` largest values, ascending, shape (n, active)."""
    width = activations.shape[1]
    if active == width:
        return np.broadcast_to(np.arange(width), activations.shape).copy()
    return np.sort(np.argpartition(activations, width - active, axis=1)[:, width - active :], axis=1)


def random_projection(input_dim: int, dim: int, rng: np.random.Generator) -> Rows:
    """Return random weights of shape (input_dim, dim): orthonormal columns, block after block, times √input_dim.

    Orthogonal blocks keep angles better than independent Gaussian columns (Yu et al. 2016, arXiv:1610.09072).
    """
    blocks: list[Rows] = []
    for start in range(0, dim, input_dim):
        square = rng.standard_normal((input_dim, input_dim))
        basis, triangle = np.linalg.qr(square)
        basis *= np.sign(np.diag(triangle))  # makes it uniform over rotations, and the same for every LAPACK
        blocks.append((basis[:, : dim - start] * np.sqrt(input_dim)).astype(np.float32))
    return np.concatenate(blocks, axis=1)


def fit_projection(
    cues: Rows,
    episodes: Rows,
    *,
    dim: int,
    active: int | None,
    seed: int,
    training: ContrastiveTraining,
    on_step: Callable[[Progress], None] | None = None,
) -> tuple[Rows, Rows]:
    """Return weights of shape (input_dim, dim) and an offset of shape (dim,), learnt from pairs.

    The gradient flows through the winners only: it is the exact gradient wherever the set of winners does not change.
    Deterministic for given inputs on one machine with one number of BLAS threads.

    Args:
        cues: unit rows, shape (pairs, input_dim).
        episodes: row i is what cue i should find. Equal rows are one episode and never each other's negatives.
        dim: width of the codes.
        active: entries kept by the k-WTA; None keeps all, which learns an ordinary dense projection (the control of
            every claim about sparsity).
        seed: of the initial weights and of the batches.
        training: steps, rate and temperature.
        on_step: told after every step.
    """
    rng = np.random.default_rng(seed)
    weights = random_projection(cues.shape[1], dim, rng)
    # Codes see what tells the vectors apart, not what all of them share: at first the mean episode maps to zero
    offset = -(episodes.mean(axis=0) @ weights)
    labels = np.unique(episodes, axis=0, return_inverse=True)[1].reshape(-1)
    mined = _near_but_wrong(cues, episodes, labels)
    batch_size = min(training.batch_size, len(cues))
    parameters = [weights, offset]
    means = [np.zeros_like(parameter) for parameter in parameters]
    squares = [np.zeros_like(parameter) for parameter in parameters]
    order = np.zeros(0, dtype=np.int64)
    for step in range(1, training.steps + 1):
        if len(order) < batch_size:
            order = rng.permutation(len(cues))
        batch, order = order[:batch_size], order[batch_size:]
        rivals = mined[batch, rng.integers(0, mined.shape[1], size=len(batch))]
        others = np.concatenate([batch, rivals])
        same = labels[batch][:, None] == labels[others][None, :]
        inputs = np.concatenate([cues[batch], episodes[others]])
        codes, back = _forward(inputs, weights, offset, active)
        loss, accuracy, gradient = _softmax_loss(codes, same, training.temperature)
        raw = back(gradient)
        gradients = [inputs.T @ raw, raw.sum(axis=0)]
        rate = training.learning_rate * 0.5 * (1 + np.cos(np.pi * (step - 1) / training.steps))
        for parameter, slope, mean, square in zip(parameters, gradients, means, squares, strict=True):
            mean += (1 - _BETA_MEAN) * (slope - mean)
            square += (1 - _BETA_SQUARE) * (slope * slope - square)
            unbiased = mean / (1 - _BETA_MEAN**step)
            spread = np.sqrt(square / (1 - _BETA_SQUARE**step))
            parameter -= np.float32(rate) * unbiased / (spread + np.float32(_EPSILON))
        if on_step is not None:
            on_step(Progress(step=step, steps=training.steps, loss=loss, accuracy=accuracy))
    return weights, offset


def _forward(inputs: Rows, weights: Rows, offset: Rows, active: int | None) -> tuple[Rows, Callable[[Rows], Rows]]:
    """Return unit codes, dense with zeros, and what carries a gradient of the codes back to the activations."""
    activations = inputs @ weights + offset
    mask: Rows | None = None
    if active is not None and active < activations.shape[1]:
        mask = np.zeros_like(activations)
        np.put_along_axis(mask, winners(activations, active), 1.0, axis=1)
        activations *= mask
    lengths = np.maximum(np.linalg.norm(activations, axis=1, keepdims=True), 1e-12)
    codes = activations / lengths

    def back(gradient: Rows) -> Rows:
        if mask is not None:
            gradient = gradient * mask
        along = np.einsum("ij,ij->i", gradient, codes)[:, None]
        return (gradient - codes * along) / lengths

    return codes, back


def _softmax_loss(codes: Rows, same: NDArray[np.bool_], temperature: float) -> tuple[float, float, Rows]:
    """Return loss, accuracy and the gradient for all codes: the first rows are cues, the others their candidates."""
    n = same.shape[0]
    cues, candidates = codes[:n], codes[n:]
    scores = cues @ candidates.T / np.float32(temperature)
    own = scores[np.arange(n), np.arange(n)].copy()
    scores[same] = -np.inf  # another copy of the right episode is neither right nor wrong
    scores[np.arange(n), np.arange(n)] = own
    shifted = scores - scores.max(axis=1, keepdims=True)
    shares = np.exp(shifted)
    shares /= shares.sum(axis=1, keepdims=True)
    loss = float(-np.log(np.maximum(shares[np.arange(n), np.arange(n)], 1e-30)).mean())
    accuracy = float((shifted[np.arange(n), np.arange(n)] == 0).mean())
    shares[np.arange(n), np.arange(n)] -= 1
    shares /= np.float32(n * temperature)
    return loss, accuracy, np.concatenate([shares @ candidates, shares.T @ cues])


def _near_but_wrong(cues: Rows, episodes: Rows, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each cue the pairs whose episodes are nearest to it without being its own, shape (pairs, few)."""
    representative = np.unique(labels, return_index=True)[1]  # one pair for each episode
    pool = episodes[representative]
    few = min(_MINED, len(pool) - 1)
    found = np.zeros((len(cues), few), dtype=np.int64)
    for start in range(0, len(cues), _BLOCK):
        scores = cues[start : start + _BLOCK] @ pool.T
        scores[np.arange(len(scores)), labels[start : start + _BLOCK]] = -np.inf
        found[start : start + _BLOCK] = representative[np.argsort(-scores, axis=1, kind="stable")[:, :few]]
    return found
