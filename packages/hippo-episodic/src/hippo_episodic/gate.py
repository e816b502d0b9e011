"""The write gate: is this experience worth a memory? (source: the HEI-NW seed, after neuromodulated encoding)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from hippo_core import InvalidInputError, Salience
from hippo_core.checks import checked_number
from numpy.typing import ArrayLike

from hippo_episodic.calibration import calibrate

DIARY_RATE = 0.4
"""Share of turns that `WriteGate.diary` keeps."""
SPARSE_WRITES_PER_1000_TOKENS = 3.0
"""What `WriteGate.sparse` writes; about 1 to 5 without scores of one's own."""
_NATS = 4.0  # mean nats a token that count as 1: a little above what SmolLM2-135M needs for an ordinary turn


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteGate:
    """S = α·surprise + β·novelty + γ·reward + δ·pin; an experience is written iff S > τ.

    `WriteGate.diary()` and `WriteGate.sparse()` are ready for a store, with or without a language model; the bare
    constructor is the seed's formula with the seed's weights, for signals that are about 1 when they are high.

    A store measures novelty itself: the number of words that none of its 100 newest live memories holds, 6 of them
    counting as 1. Surprise comes from whoever has a language model: its mean −log p per token, in units of
    `surprise_scale`. Where surprise or novelty was not measured, the other takes over its weight (α + β stays shared
    out), and the reason says so. A pin always writes unless `pin_override` is off.

    Raises:
        InvalidInputError: a negative weight, a scale that is not positive, or a number that is not finite.

    Example:
        >>> gate = WriteGate()
        >>> salience = gate.score(surprise=1.2, novelty=0.6)
        >>> round(salience.score, 3), gate.writes(salience)
        (1.8, True)
        >>> print(WriteGate.diary().explain(WriteGate.diary().score(surprise=3.2, novelty=5 / 6)))
        S = 1.63 (surprise 0.80 + novelty 0.83) > τ = 1.50
    """

    alpha: float = 1.0
    """Weight of surprise."""
    beta: float = 1.0
    """Weight of novelty."""
    gamma: float = 0.5
    """Weight of a reward."""
    delta: float = 0.8
    """Weight of a pin."""
    threshold: float = 1.5
    """τ."""
    surprise_scale: float = 1.0
    """The surprise that counts as 1, in the unit it is handed in. For mean nats per token, somewhat above the model's
    usual value; larger models need less."""
    pin_override: bool = True
    """Whether a pin writes whatever the sum says; False is the seed's bare formula."""

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma", "delta"):
            if checked_number(getattr(self, name), name=f"gate.{name}") < 0:
                raise InvalidInputError(f"`gate.{name}` must be at least 0, not {getattr(self, name)!r}.")
        checked_number(self.threshold, name="gate.threshold")
        if checked_number(self.surprise_scale, name="gate.surprise_scale") <= 0:
            raise InvalidInputError(f"`gate.surprise_scale` must be above 0, not {self.surprise_scale!r}.")

    @classmethod
    def diary(cls, scores: ArrayLike | None = None, *, tolerance: float = 0.1) -> Self:
        """Return the gate that keeps about 40 % of the turns of a conversation.

        The default τ was chosen on one LoCoMo conversation, where it keeps 40 % with the surprise of SmolLM2-135M and
        39 % with novelty alone; of two others it keeps 32 % and 30 %. Of what is denser with new words, such as notes,
        it keeps more, and of short sentences of one pattern far less: calibrate on your own.

        Args:
            scores: S of turns like those to come (`Receipt.score`, of this gate with τ = −1), shape (turns,); τ is
                then set to keep 40 % of them.
            tolerance: how far from 40 % that may be, as a share of it; 0.1 is 36 to 44 %.

        Raises:
            CalibrationError: no τ keeps so many of these scores.
        """
        gate = cls(surprise_scale=_NATS, threshold=1.5)
        if scores is None:
            return gate
        return replace(gate, threshold=calibrate(scores, target_rate=DIARY_RATE, tolerance=tolerance).threshold)

    @classmethod
    def sparse(
        cls, scores: ArrayLike | None = None, *, tokens: ArrayLike | None = None, tolerance: float = 0.1
    ) -> Self:
        """Return the gate that makes one to five writes in 1,000 tokens.

        The default τ was chosen on the same conversation as that of `diary`: 2.2 writes with surprise, 3.8 with
        novelty alone.

        Args:
            scores: S of turns like those to come, as for `diary`; τ is then set to three writes in 1,000 tokens.
            tokens: the length of each of these turns in tokens, shape (turns,); needed with `scores`.
            tolerance: how far from three that may be, as a share of it; 0.1 is 2.7 to 3.3.

        Raises:
            CalibrationError: no τ makes so many of these scores.
            InvalidInputError: scores without tokens, or the other way round.
        """
        gate = cls(surprise_scale=_NATS, threshold=3.0)
        if (scores is None) != (tokens is None):
            raise InvalidInputError("`scores` and `tokens` go together: a rate per token needs both.")
        if scores is None:
            return gate
        found = calibrate(
            scores, tokens=tokens, target_per_1000_tokens=SPARSE_WRITES_PER_1000_TOKENS, tolerance=tolerance
        )
        return replace(gate, threshold=found.threshold)

    def score(
        self, surprise: float | None = None, novelty: float | None = None, reward: bool = False, pin: bool = False
    ) -> Salience:
        """Return S with what each signal added to it.

        Args:
            surprise: the model's mean surprise per token over the text, given what came before; at least 0, in the
                unit of `surprise_scale`. None where no model read it.
            novelty: how new it is, at least 0; 1 is clearly new. None where it was not measured.
            reward: the task marked it.
            pin: the user asked to keep it.

        Raises:
            InvalidInputError: a surprise or a novelty that is negative or not finite.
        """
        if surprise is not None and checked_number(surprise, name="surprise") < 0:
            raise InvalidInputError(f"`surprise` must be at least 0 (it is −log p), not {surprise!r}.")
        if novelty is not None and checked_number(novelty, name="novelty") < 0:
            raise InvalidInputError(f"`novelty` must be at least 0, not {novelty!r}.")
        contributions: dict[str, float] = {}
        both = self.alpha + self.beta
        if surprise is not None:
            weight = self.alpha if novelty is not None else both
            contributions["surprise"] = weight * surprise / self.surprise_scale
        if novelty is not None:
            weight = self.beta if surprise is not None else both
            contributions["novelty"] = weight * novelty
        if reward:
            contributions["reward"] = self.gamma
        if pin:
            contributions["pin"] = self.delta
        return Salience(
            surprise=surprise,
            novelty=novelty,
            reward=reward,
            pin=pin,
            score=sum(contributions.values()),
            contributions=contributions,
        )

    def writes(self, salience: Salience) -> bool:
        """Return whether an experience of this salience is written."""
        return (salience.pin and self.pin_override) or salience.score > self.threshold

    def explain(self, salience: Salience) -> str:
        """Return the decision in a sentence: the sum, its parts, the threshold, and what was missing."""
        parts = " + ".join(f"{name} {value:.2f}" for name, value in salience.contributions.items()) or "nothing"
        sign = ">" if salience.score > self.threshold else "≤"
        reason = f"S = {salience.score:.2f} ({parts}) {sign} τ = {self.threshold:.2f}"
        if salience.pin and self.pin_override and salience.score <= self.threshold:
            reason += "; written because it is pinned"
        missing = [name for name in ("surprise", "novelty") if getattr(salience, name) is None]
        if missing:
            reason += f"; {' and '.join(missing)} not measured" + (
                ", its weight went to the other" if len(missing) == 1 else ""
            )
        return reason
