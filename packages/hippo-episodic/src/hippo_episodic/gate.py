"""The write gate: is this experience worth a memory? (source: the HEI-NW seed, after neuromodulated encoding)."""

from __future__ import annotations

from dataclasses import dataclass

from hippo_core import InvalidInputError, Salience
from hippo_core.checks import checked_number


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteGate:
    """S = α·surprise + β·novelty + γ·reward + δ·pin; an experience is written iff S > τ.

    Where surprise or novelty was not measured, the other takes over its weight (α + β stays shared out), and the
    reason says so. A pin always writes unless `pin_override` is off.

    Raises:
        InvalidInputError: a negative weight, a scale that is not positive, or a number that is not finite.

    Example:
        >>> gate = WriteGate()
        >>> salience = gate.score(surprise=1.2, novelty=0.6)
        >>> round(salience.score, 3), gate.writes(salience)
        (1.8, True)
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
    """The surprise that counts as 1, in the unit it is handed in: for mean nats per token the model's usual value,
    so that α·surprise is about 1 for an ordinary sentence, as novelty is for a new one."""
    pin_override: bool = True
    """Whether a pin writes whatever the sum says; False is the seed's bare formula."""

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma", "delta"):
            if checked_number(getattr(self, name), name=f"gate.{name}") < 0:
                raise InvalidInputError(f"`gate.{name}` must be at least 0, not {getattr(self, name)!r}.")
        checked_number(self.threshold, name="gate.threshold")
        if checked_number(self.surprise_scale, name="gate.surprise_scale") <= 0:
            raise InvalidInputError(f"`gate.surprise_scale` must be above 0, not {self.surprise_scale!r}.")

    def score(
        self, surprise: float | None = None, novelty: float | None = None, reward: bool = False, pin: bool = False
    ) -> Salience:
        """Return S with what each signal added to it.

        Args:
            surprise: the model's mean surprise per token over the text, given what came before; at least 0, in the
                unit of `surprise_scale`. None where no model read it.
            novelty: 1 − similarity to the nearest stored episode, in [0, 1]. None where it was not measured.
            reward: the task marked it.
            pin: the user asked to keep it.

        Raises:
            InvalidInputError: a surprise that is negative or not finite, or a novelty outside [0, 1].
        """
        if surprise is not None and checked_number(surprise, name="surprise") < 0:
            raise InvalidInputError(f"`surprise` must be at least 0 (it is −log p), not {surprise!r}.")
        if novelty is not None and not 0 <= checked_number(novelty, name="novelty") <= 1:
            raise InvalidInputError(f"`novelty` must lie in [0, 1], not {novelty!r}.")
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
