"""Which traces a night replays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hippo_core import UnknownIdError

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.nights import Nights
from hippo_train.consolidation.rewrites import Rewrite, Rewriter


def known_traces(store: Any, nights: Nights) -> dict[int, str]:
    """Return what the night in force knows and the store still holds, oldest first."""
    known: set[int] = set()
    for night in nights.lineage():
        described = nights.describe(night)
        known |= set(described["learnt"])
        known -= set(described["forgotten"])
    found: dict[int, str] = {}
    for id in sorted(known):
        try:
            found[id] = store.get(id).text
        except UnknownIdError:
            continue  # deleted since
    return found


def choose_traces(
    store: Any,
    config: ConsolidationConfig,
    rewriter: Rewriter,
    *,
    known: Mapping[int, str],
    adapter: str | None = None,
) -> tuple[dict[int, str], tuple[int, ...]]:
    """Return what is to be learnt, by the store's priority, and the ids passed over on the way.

    A trace that no question can be made of is passed over, unless `statements` are learnt: it would take the place of
    one that can be taught, night after night. So is one that something known corrects.

    Args:
        store: `SupportsTeaching`.
        config: how many.
        rewriter: makes the questions.
        known: the traces of earlier nights, beside which the questions are made.
        adapter: whose knowledge counts; None is any's.
    """
    found: dict[int, str] = {}
    passed: dict[int, None] = {}
    for batch in store.replay_batches(32, seed=config.seed, adapter=adapter):
        unknown = [hit for hit in batch if not ((replay := hit.why.get("replay")) and replay.known)]
        found |= {hit.id: hit.item.text for hit in unknown if hit.id not in known}
        rewrites = rewritten({**known, **found}, rewriter)
        out = [id for id in found if not (rewrites[id].questions or (config.statements and rewrites[id].statements))]
        passed |= dict.fromkeys(out)
        found = {id: text for id, text in found.items() if id not in passed}
        if len(found) >= config.traces or len(unknown) < len(batch):  # what is known comes last
            break
    return dict(list(found.items())[: config.traces]), tuple(passed)


def rewritten(texts: Mapping[int, str], rewriter: Rewriter) -> dict[int, Rewrite]:
    """Return what becomes of each trace beside the others; of two that differ, the one with the higher id holds."""
    ids = sorted(texts)
    return dict(zip(ids, rewriter([texts[id] for id in ids]), strict=True))
