"""Which traces a night replays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.rewrites import Rewriter


def choose_traces(
    store: Any, config: ConsolidationConfig, rewriter: Rewriter, *, adapter: str | None = None
) -> tuple[dict[int, str], tuple[int, ...]]:
    """Return what is to be learnt, by the store's priority, and the ids passed over on the way.

    A trace that no question can be made of is passed over, unless `statements` are learnt: it would take the place of
    one that can be taught, night after night.

    Args:
        store: `SupportsTeaching`.
        config: how many.
        rewriter: makes the questions.
        adapter: whose knowledge counts; None is any's.
    """
    found: dict[int, str] = {}
    passed: dict[int, None] = {}
    batches: Iterator[Any] = store.replay_batches(32, seed=config.seed, adapter=adapter)
    for batch in batches:
        unknown = [hit for hit in batch if not ((replay := hit.why.get("replay")) and replay.known)]
        found |= {hit.id: hit.item.text for hit in unknown}
        if not config.statements:
            ids = sorted(found)  # oldest first
            rewrites = rewriter([found[id] for id in ids])
            passed |= {id: None for id, each in zip(ids, rewrites, strict=True) if not each.questions}
            found = {id: text for id, text in found.items() if id not in passed}
        if len(found) >= config.traces or len(unknown) < len(batch):  # what is known comes last
            break
    return dict(list(found.items())[: config.traces]), tuple(passed)
