"""Which traces a night replays, and what becomes of each beside the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.nights import Nights
from hippo_train.consolidation.rewrites import Rewrite, Rewriter, corrections


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a night learns and may practise."""

    new: tuple[int, ...]
    """Ids of what is to be learnt, by the store's priority."""
    known: tuple[int, ...]
    """Ids of what earlier nights learnt, of which questions can be made; not what something told since corrects."""
    passed: tuple[int, ...]
    """Ids that are neither known nor learnt, because no question can be made of them."""
    texts: Mapping[int, str]
    """Of `new`, of all that earlier nights learnt, and of what corrects either, in the order of telling."""
    rewrites: Mapping[int, Rewrite]
    """What becomes of each of `texts` beside the others."""
    unknown: int
    """How many traces of the store the weights do not know."""


def known_ids(nights: Nights) -> set[int]:
    """Return the ids of what the night in force knows."""
    known: set[int] = set()
    for night in nights.lineage():
        described = nights.describe(night)
        known |= set(described["learnt"])
        known -= set(described["forgotten"])
    return known


def choose_traces(
    store: Any, config: ConsolidationConfig, rewriter: Rewriter, *, known: Collection[int], adapter: str
) -> Choice:
    """Return what is to be learnt, by the store's priority, and what is known, beside each other.

    A trace that no question can be made of is passed over, unless `statements` are learnt: it would take the place of
    one that can be taught, night after night. So is one that another trace of the store corrects, replayed or not.
    What was said last holds. A question that two traces answer differently is left out where both are in `texts`.

    Args:
        store: `SupportsTeaching`.
        config: how many.
        rewriter: makes the questions.
        known: ids of what earlier nights learnt.
        adapter: whose knowledge counts.

    Cost:
        One epoch of the store's replay, and the rules for reading every trace.
    """
    hits = {hit.id: hit for batch in store.replay_batches(32, seed=config.seed, adapter=adapter) for hit in batch}
    told = {id: hits[id].item.text for id in sorted(hits, key=lambda id: _said_last(hits[id]))}
    places = list(told)
    correcting = {
        places[place]: {places[each] for each in later} for place, later in corrections(list(told.values())).items()
    }

    def beside(ids: Iterable[int]) -> dict[int, str]:
        wanted = set(ids)
        wanted |= {each for id in wanted for each in correcting.get(id, ())}
        return {id: text for id, text in told.items() if id in wanted}

    def rewritten(ids: Iterable[int]) -> dict[int, Rewrite]:
        texts = beside(ids)
        return dict(zip(texts, rewriter(list(texts.values())), strict=True))

    def teachable(ids: list[int], rewrites: Mapping[int, Rewrite]) -> list[int]:
        return [id for id in ids if rewrites[id].questions or (config.statements and rewrites[id].statements)]

    learnt = [id for id in told if id in known]
    unknown = [id for id, hit in hits.items() if id not in known and not _is_known(hit)]
    seen: list[int] = []
    new: list[int] = []
    rewrites: dict[int, Rewrite] = {}
    size = max(32, config.traces)
    for start in range(0, len(unknown), size):
        some = unknown[start : start + size]
        seen += some
        new += teachable(some, rewritten(some))  # most that go, go here, without all that is known beside them
        if len(new) >= config.traces or len(seen) == len(unknown):
            rewrites = rewritten([*learnt, *new])
            new = teachable(new, rewrites)
            if len(new) >= config.traces:
                break
    passed = set(seen) - set(new)
    new = new[: config.traces]
    texts = beside([*learnt, *new])
    return Choice(
        new=tuple(new),
        known=tuple(id for id in learnt if rewrites and rewrites[id].questions),
        passed=tuple(id for id in seen if id in passed),
        texts=texts,
        rewrites={id: rewrites[id] for id in texts if id in rewrites},
        unknown=len(unknown),
    )


def _is_known(hit: Any) -> bool:
    return bool((replay := hit.why.get("replay")) and replay.known)


def _said_last(hit: Any) -> tuple[float, int]:
    replay = hit.why.get("replay")
    return (replay.timestamp.timestamp() if replay else 0.0, hit.id)
