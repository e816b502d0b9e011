"""What relational memory is written as and hands out: facts and subgraphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hippo_core.checks import checked_probability, checked_text, checked_time
from hippo_core.errors import InvalidInputError
from hippo_core.provenance import Provenance
from hippo_core.records import Episode, Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One relation between two entities, and when it held (the seeds' `Tuple`).

    Raises:
        InvalidInputError: a blank name, a naive time, a validity that ends before it begins, or a confidence outside
            [0, 1].
    """

    head: str
    relation: str
    tail: str
    provenance: Provenance
    context: str | None = None
    """The sentence that says it."""
    time: datetime | None = None
    """When it was said; aware."""
    valid_from: datetime | None = None
    """The first moment at which it held; None is 'as far back as known'."""
    valid_to: datetime | None = None
    """The moment from which it no longer held; None is 'still'."""
    confidence: float = 1.0
    """The extractor's probability that the text says this, in [0, 1]."""
    head_type: str | None = None
    tail_type: str | None = None

    def __post_init__(self) -> None:
        for name in ("head", "relation", "tail"):
            checked_text(getattr(self, name), name=name)
        for name in ("context", "head_type", "tail_type"):
            if getattr(self, name) is not None:
                checked_text(getattr(self, name), name=name)
        for name in ("time", "valid_from", "valid_to"):
            if getattr(self, name) is not None:
                checked_time(getattr(self, name), name=name)
        if self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from:
            raise InvalidInputError(
                f"`valid_to` {self.valid_to.isoformat()} is before `valid_from` {self.valid_from.isoformat()}."
            )
        object.__setattr__(self, "confidence", checked_probability(self.confidence, name="confidence"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgraph:
    """The part of a knowledge graph that answers a query, best first."""

    passages: tuple[Hit[Episode], ...] = ()
    """Ranked texts; each one's provenance names its document."""
    facts: tuple[Hit[Fact], ...] = ()
    """Ranked facts."""
    entities: Mapping[str, float] = field(default_factory=dict[str, float])
    """Entity to relevance; higher is nearer."""
    paths: tuple[tuple[Fact, ...], ...] = ()
    """Chains of facts that explain why the passages belong to the query."""
