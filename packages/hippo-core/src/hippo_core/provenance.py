"""Where a memory came from, and the clock that says when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hippo_core.checks import checked_probability, checked_text, checked_time
from hippo_core.errors import InvalidInputError

Clock = Callable[[], datetime]
"""A function that returns the present as an aware datetime. Stores take one, so that tests and replays own time."""


def utc_now() -> datetime:
    """Return the system's present time in UTC: the default `Clock`."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a record came from. Every write carries one.

    Raises:
        InvalidInputError: blank `source`, a span that is not 0 ≤ start ≤ end, a naive `time`, or a `confidence`
            outside [0, 1].

    Example:
        >>> from datetime import datetime, timezone
        >>> Provenance(source="chat", time=datetime(2026, 5, 3, tzinfo=timezone.utc)).source
        'chat'
    """

    source: str
    """Who or what said it, for instance a file name, a person or a tool. `delete_by_provenance` selects by it."""
    doc_id: str | None = None
    """The document inside the source."""
    span: tuple[int, int] | None = None
    """Characters [start, end) of the document."""
    time: datetime = field(default_factory=utc_now)
    """When it was said or seen; aware. The present by default (a store passes its own clock's)."""
    confidence: float = 1.0
    """How far the source is trusted, in [0, 1]."""

    def __post_init__(self) -> None:
        checked_text(self.source, name="provenance.source")
        if self.doc_id is not None:
            checked_text(self.doc_id, name="provenance.doc_id")
        if self.span is not None:
            span = tuple(self.span)
            if len(span) != 2 or not 0 <= span[0] <= span[1]:
                raise InvalidInputError(
                    f"`provenance.span` must be (start, end) with 0 ≤ start ≤ end, not {self.span!r}."
                )
            object.__setattr__(self, "span", span)
        checked_time(self.time, name="provenance.time")
        object.__setattr__(self, "confidence", checked_probability(self.confidence, name="provenance.confidence"))
