"""Completing a cue from what is stored: the iterated readout of a modern Hopfield network over the candidates.

A cue's nearest episodes are its candidates. A completer turns the cue into a state, and the store ranks all of the
candidates anew by their inner product with it. The network and its energy: Ramsauer et al. 2020 (arXiv:2008.02217).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol, Self, runtime_checkable

import numpy as np
from hippo_core import InvalidInputError
from hippo_core.checks import checked_count, checked_number
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Patterns = Rows | Sequence[Rows]
"""Candidates: the same for every cue, shape (n, dim), or one array of shape (n_i, dim) for each cue."""

_SETTLED = 1e-6  # a state that moved less than this is a fixed point as far as float32 can tell


@runtime_checkable
class Completer(Protocol):
    """Turns cues into the states by which their candidates are ranked anew."""

    def complete(self, cues: Rows, patterns: Patterns) -> Rows:
        """Return one state for each cue, unit rows of shape (m, dim).

        Args:
            cues: unit rows, shape (m, dim).
            patterns: unit rows, shape (n, dim) for all cues, or m arrays of shape (n_i, dim). A cue without
                candidates is returned as it is.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HopfieldCompletion:
    """Iterates s ← normalise((1 − |a|)·cue + a·softmax(β·X·s)·X) over the candidates X, from s = cue.

    The softmax readout is what the candidates say the cue might have meant. With attraction a = 1 this is the plain
    Hopfield layer; with 0 < a < 1 the cue stays in the state, and the energy −a·logsumexp(β·X·s)/β − (1 − a)·cue·s
    never rises. With a < 0 the state is pushed off the readout, off what many candidates have in common, which
    cannot tell them apart: unlearning (Hopfield, Feinstein and Palmer 1983). That minimises nothing and may swing
    to and fro, hence few steps. A sharp readout is mostly the nearest candidate itself, and repulsion from it can
    put a stranger first: candidates that share nothing keep their order, in one step, if β ≤ 2·(1 − |a|)/|a|, as the
    defaults do. As β → ∞ attraction ranks like the nearest neighbour; at β = 0 the readout is the candidates' mean.

    What was measured (docs/LOG.md): attraction never put the right episode first more often than the cue alone.
    Repulsion did for partial cues, and for noisy ones with a sentence encoder, by vectors alone; the candidates' mean
    does nearly all of it, and where shared words count too it adds little or nothing. The defaults were chosen on
    development worlds of two encoders; `tune` chooses for your own data.

    Cost: O(steps · n · dim) a cue.

    Raises:
        InvalidInputError: a negative `beta`, `steps` below 1, `attraction` outside [−1, 1], or no number at all.

    Example:
        >>> patterns = np.eye(3, dtype=np.float32)
        >>> cue = np.array([[0.8, 0.6, 0.0]], dtype=np.float32)
        >>> HopfieldCompletion(beta=50.0, attraction=1.0).complete(cue, patterns).round(2).tolist()
        [[1.0, 0.0, 0.0]]
    """

    beta: float = 3.0
    """β, the inverse temperature: how sharply the readout prefers the nearest candidates. At least 0."""
    steps: int = 3
    """Iterations at most; a state that no longer moves stops earlier."""
    attraction: float = -0.35
    """a, in [−1, 1]: above 0 the state is drawn to the readout, below 0 pushed off it; 0 leaves the cue as it is."""

    def __post_init__(self) -> None:
        if checked_number(self.beta, name="completion.beta") < 0:
            raise InvalidInputError(
                f"`completion.beta` must be at least 0, not {self.beta!r}; push off with a negative `attraction`."
            )
        checked_count(self.steps, name="completion.steps")
        if not -1 <= checked_number(self.attraction, name="completion.attraction") <= 1:
            raise InvalidInputError(
                f"`completion.attraction` must lie in [-1, 1], not {self.attraction!r}; 0 leaves the cue as it is."
            )

    def complete(self, cues: Rows, patterns: Patterns) -> Rows:
        """Return one state for each cue, unit rows of shape (m, dim); a cue without candidates stays as it is.

        A state depends on its own cue and candidates alone, and not on their order.

        Args:
            cues: unit rows, shape (m, dim).
            patterns: unit rows, shape (n, dim) for all cues, or m arrays of shape (n_i, dim).

        Raises:
            InvalidInputError: shapes that do not fit, or a value that is not finite.
        """
        cues, candidates = _checked(cues, patterns)
        states = [self._state(cue, rows) for cue, rows in zip(cues, candidates, strict=True)]
        return np.array(states, dtype=np.float32).reshape(cues.shape)

    @classmethod
    def tune(
        cls,
        cues: Rows,
        patterns: Patterns,
        targets: Sequence[int] | NDArray[np.int64],
        *,
        betas: Sequence[float] = (0.0, 1.5, 3.0, 6.0, 24.0),
        steps: Sequence[int] = (1, 3),
        attractions: Sequence[float] = (-0.4, -0.35, -0.3, -0.25, -0.15, 0.3, 0.7, 1.0),
    ) -> Self:
        """Return the setting that ranks the right candidate first most often, on development data.

        No change (`attraction` 0) is among the choices, and stays unless a setting's wins over it outnumber its
        losses by more than twice √(wins + losses), two standard errors: the best of many settings is a little
        better by luck alone. Repulsion too sharp for few candidates (see above) is passed over. Among equals the
        first in the order of `attractions`, `betas`, `steps`.

        Cost: one `complete` for each of the settings.

        Args:
            cues: unit rows, shape (m, dim), m at least 1.
            patterns: as in `complete`.
            targets: the row of the right one among each cue's candidates, shape (m,); −1 where it is not among
                them, which no setting can help.
            betas: values of `beta` to try.
            steps: values of `steps` to try.
            attractions: values of `attraction` to try; 0 always is.

        Raises:
            InvalidInputError: as in `complete`; no cues; a target beyond its candidates; a setting out of range.
        """
        cues, candidates = _checked(cues, patterns)
        rows = _checked_targets(targets, candidates)
        unchanged = cls(attraction=0.0)
        baseline = unchanged._right(cues, candidates, rows)
        best, most = unchanged, 0
        for attraction, beta, count in product(attractions, betas, steps):
            setting = cls(beta=beta, steps=count, attraction=attraction)
            if attraction < 0 and beta * -attraction > 2 * (1 + attraction):
                continue
            right = setting._right(cues, candidates, rows)
            wins, losses = int((right & ~baseline).sum()), int((baseline & ~right).sum())
            if wins - losses > max(most, 2 * (wins + losses) ** 0.5):
                best, most = setting, wins - losses
        return best

    def _state(self, cue: Rows, rows: Rows) -> NDArray[np.float64]:
        start = cue.astype(np.float64)
        if not len(rows) or self.attraction == 0:
            return start
        patterns = rows.astype(np.float64)
        state = start
        for _ in range(self.steps):
            overlaps = self.beta * (patterns @ state)
            shares = np.exp(overlaps - overlaps.max())
            readout = (shares / shares.sum()) @ patterns
            moved = (1 - abs(self.attraction)) * start + self.attraction * readout
            length = float(np.linalg.norm(moved))
            if length < _SETTLED:  # pushed off to nowhere: there is no direction to go on in
                return state
            moved /= length
            settled = float(np.abs(moved - state).max()) < _SETTLED
            state = moved
            if settled:
                break
        return state

    def _right(self, cues: Rows, candidates: Sequence[Rows], targets: NDArray[np.int64]) -> NDArray[np.bool_]:
        states = self.complete(cues, candidates)
        return np.array(
            [
                target >= 0 and int(np.argmax(rows @ state)) == target
                for state, rows, target in zip(states, candidates, targets.tolist(), strict=True)
            ],
            dtype=bool,
        )


def _checked(cues: Rows, patterns: Patterns) -> tuple[Rows, Sequence[Rows]]:
    """Return the cues and one array of candidates for each of them."""
    cues = np.asarray(cues, dtype=np.float32)
    if cues.ndim != 2 or not np.isfinite(cues).all():
        raise InvalidInputError(f"`cues` must be finite rows of shape (m, dim), not of shape {cues.shape}.")
    shared = isinstance(patterns, np.ndarray) and patterns.ndim == 2
    if not shared and len(patterns) != len(cues):
        raise InvalidInputError(
            f"`patterns` holds {len(patterns)} arrays for {len(cues)} cues; give one array for each cue, or one of "
            "shape (n, dim) for all."
        )
    different = [np.asarray(rows, dtype=np.float32) for rows in ([patterns] if shared else patterns)]
    for rows in different:
        if rows.ndim != 2 or rows.shape[1] != cues.shape[1] or not np.isfinite(rows).all():
            raise InvalidInputError(
                f"`patterns` must be finite rows of shape (n, {cues.shape[1]}), as the cues are, not {rows.shape}."
            )
    return cues, different * len(cues) if shared else different


def _checked_targets(targets: Sequence[int] | NDArray[np.int64], candidates: Sequence[Rows]) -> NDArray[np.int64]:
    rows = np.asarray(targets)
    if not len(candidates) or rows.shape != (len(candidates),) or not np.issubdtype(rows.dtype, np.integer):
        raise InvalidInputError(
            f"`targets` must be one row number for each of {len(candidates)} cues (at least one), not {targets!r:.60}."
        )
    for target, offered in zip(rows.tolist(), candidates, strict=True):
        if not -1 <= target < len(offered):
            raise InvalidInputError(
                f"`targets` names row {target} of {len(offered)} candidates; use -1 where the right one is missing."
            )
    return rows.astype(np.int64)
