"""The decoding guard (E14): predictions that are no answers at all are counted, and never count as right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hippo_core import InvalidInputError

from hippo_lab.errors import TooManyMalformedError
from hippo_lab.proofs import words_of

Fault = Literal["empty", "punctuation", "echo", "template"]
"""Nothing; no letter or digit; the question said back; a piece of the prompt's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReport:
    """What the guard saw in one run or arm."""

    total: int
    faults: dict[Fault, int]
    """How often each fault occurred; faults that did not occur are absent."""
    max_share: float

    @property
    def share(self) -> float:
        """Malformed predictions over all, in [0, 1]; 0 where there were none."""
        return sum(self.faults.values()) / self.total if self.total else 0.0

    @property
    def passed(self) -> bool:
        """Whether the share is within bounds."""
        return self.share <= self.max_share

    def require(self) -> None:
        """Stop a run whose decoding is broken.

        Raises:
            TooManyMalformedError: more than `max_share` are malformed.
        """
        if not self.passed:
            seen = ", ".join(f"{count} {fault}" for fault, count in sorted(self.faults.items()))
            raise TooManyMalformedError(
                f"{self.share:.1%} of {self.total} predictions are malformed ({seen}), more than {self.max_share:.1%}; "
                "read predictions.jsonl and mend the prompt form or the stop condition."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingGuard:
    """Tells predictions that are no answers.

    Raises:
        InvalidInputError: a share outside [0, 1].
    """

    markers: tuple[str, ...] = ("Memory:", "Question:", "Answer:")
    """Pieces of the prompt's form; one inside a prediction means that decoding ran on."""
    max_share: float = 0.05
    """Malformed predictions that a run may have."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_share <= 1.0:
            raise InvalidInputError(f"`guard.max_share` must lie in [0, 1], not {self.max_share!r}.")

    def fault(self, prediction: str, *, question: str) -> Fault | None:
        """Return what is wrong with the form of `prediction`, or None.

        Args:
            prediction: the answer as it will be scored.
            question: what was asked; a prediction that holds all its words in order is an echo.
        """
        if not prediction.strip():
            return "empty"
        if any(marker.casefold() in prediction.casefold() for marker in self.markers):
            return "template"
        said = words_of(prediction)
        if not said.strip():
            return "punctuation"
        return "echo" if words_of(question) in said else None

    def report(self, faults: Iterable[Fault | None]) -> GuardReport:
        """Return the counts over the outcomes of `fault`, one a prediction."""
        seen = list(faults)
        counts: Counter[Fault] = Counter(fault for fault in seen if fault is not None)
        return GuardReport(total=len(seen), faults=dict(counts), max_share=self.max_share)
