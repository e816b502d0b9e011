"""Questions about the present: of the memories that fit the cue equally well, the newest is the one to read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hippo_core import Episode, Hit

POOL = 50
"""How many hits to look through for a newer one."""

_PRESENT = frozenset({"now", "currently", "latest", "nowadays", "today"})
_WORD = re.compile(r"\w+")
_SUFFIXES = ("'s", "ing", "ed", "es", "s")


def asks_for_the_present(question: str) -> bool:
    """Return whether the question asks how things are now, rather than what happened once."""
    return not _PRESENT.isdisjoint(_WORD.findall(question.lower()))


def newest_first(question: str, hits: Sequence[Hit[Episode]]) -> list[Hit[Episode]]:
    """Return the hits with those that say most of the question's words first, the newest of them at the front.

    Only where the question asks for the present; other hits keep their order. Every retrieval arm goes through this,
    the baselines too: it needs nothing but texts and times.

    Args:
        question: the cue.
        hits: best first.
    """
    if not hits or not asks_for_the_present(question):
        return list(hits)
    asked = _stems(question) - _PRESENT
    covered = [len(asked & _stems(hit.item.text)) for hit in hits]
    most = max(covered)
    fitting = [hit for hit, count in zip(hits, covered, strict=True) if count == most]
    others = [hit for hit, count in zip(hits, covered, strict=True) if count < most]
    return sorted(fitting, key=lambda hit: hit.item.provenance.time, reverse=True) + others


def _stems(text: str) -> set[str]:
    # Words of up to three letters are function words as a rule, and whether a text says "is" tells nothing
    words = _WORD.findall(text.lower())
    return {_stem(word) for word in words if len(word) > 3 or any(letter.isdigit() for letter in word)}


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if len(word) > len(suffix) + 3 and word.endswith(suffix):
            return word.removesuffix(suffix)
    return word
