"""LoCoMo: long conversations over many sessions, with questions whose evidence turns are known.

The data (Maharana et al. 2024, arXiv:2402.17753) is CC BY-NC 4.0, so it is read from a path that the user gives and
never shipped. Its questions often rest on several turns and its answers are not checked for being the only one: use it
for evidence recall, not for exact match.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hippo_core import EntitySlots, Episode, InvalidInputError, Provenance
from hippo_lab.errors import MissingDataError
from hippo_lab.worlds import Item

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
"""What the file's category numbers mean."""

_EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
_SESSION = re.compile(r"session_(\d+)")
_TIME_FORMAT = "%I:%M %p on %d %B, %Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceQuestion:
    """A question, and the turns that answer it."""

    id: str
    text: str
    answer: str | None
    """As in the file; None for most adversarial questions, which the conversation does not answer."""
    category: int
    """1 to 5, see `CATEGORIES`."""
    evidence: tuple[str, ...]
    """Keys of the turns, at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation: its turns in order, and the questions about it."""

    id: str
    items: tuple[Item, ...]
    """A turn each; the key is `<conversation>/<dia_id>`, the session `<conversation>/session_<number>`."""
    questions: tuple[EvidenceQuestion, ...]
    skipped: int
    """Questions left out because the file names no turn of the conversation as their evidence."""


def load_locomo(path: str | Path) -> list[Conversation]:
    """Read conversations from LoCoMo's JSON file.

    A turn's text is `Speaker: words`, with the caption of a shared photo in brackets. Sessions have a time in the
    file, taken as UTC; turns inside one are set a second apart, which keeps their order.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is not LoCoMo's JSON; names the conversation and what is wrong.
    """
    source = Path(path)
    if not source.is_file():
        raise MissingDataError(
            f"No LoCoMo file at {source}. The data is CC BY-NC 4.0 and not shipped: take data/locomo10.json from "
            "github.com/snap-research/locomo and give its path."
        )
    try:
        samples: Any = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise InvalidInputError(f"{source} is not JSON: {exc}. Take locomo10.json as it is.") from exc
    if not isinstance(samples, list):
        raise InvalidInputError(f"{source} holds a {type(samples).__name__}, not LoCoMo's list of conversations.")
    conversations: list[Conversation] = []
    for place, sample in enumerate(samples):
        try:
            conversations.append(_conversation(sample, str(sample.get("sample_id", place))))
        except (KeyError, TypeError, AttributeError) as exc:
            raise InvalidInputError(
                f"conversation {place} of {source} is not in LoCoMo's form ({type(exc).__name__}: {exc}); "
                "take data/locomo10.json from github.com/snap-research/locomo."
            ) from exc
    return conversations


def _conversation(sample: dict[str, Any], name: str) -> Conversation:
    turns = _turns(sample["conversation"], name)
    questions: list[EvidenceQuestion] = []
    for place, entry in enumerate(sample["qa"]):
        named = [
            f"{name}/D{int(session)}:{int(turn)}"
            for text in entry["evidence"]
            for session, turn in _EVIDENCE.findall(text)
        ]
        evidence = tuple(dict.fromkeys(key for key in named if key in turns))
        if evidence:
            answer = entry.get("answer")
            questions.append(
                EvidenceQuestion(
                    id=f"{name}-q{place:03d}",
                    text=entry["question"],
                    answer=None if answer is None else str(answer),
                    category=int(entry["category"]),
                    evidence=evidence,
                )
            )
    asked = {key for question in questions for key in question.evidence}
    items = tuple(Item(key=key, episode=turn, asked=key in asked, event="turn") for key, turn in turns.items())
    return Conversation(id=name, items=items, questions=tuple(questions), skipped=len(sample["qa"]) - len(questions))


def _turns(conversation: dict[str, Any], name: str) -> dict[str, Episode]:
    numbers = sorted(int(found[1]) for key in conversation if (found := _SESSION.fullmatch(key)))
    turns: dict[str, Episode] = {}
    for number in numbers:
        session = f"session_{number}"
        stamp = conversation[f"{session}_date_time"]
        start = _parse_time(stamp, session=f"{name}/{session}")
        for place, turn in enumerate(conversation[session]):
            caption = turn.get("blip_caption")
            key = f"{name}/{turn['dia_id']}"
            turns[key] = Episode(
                text=f"{turn['speaker']}: {turn['text']}" + (f" [photo: {caption}]" if caption else ""),
                slots=EntitySlots(who=turn["speaker"], when=stamp),
                provenance=Provenance(source="locomo", doc_id=key, time=start + timedelta(seconds=place)),
                session=f"{name}/{session}",
            )
    return turns


def _parse_time(stamp: str, *, session: str) -> datetime:
    try:
        return datetime.strptime(stamp, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as exc:
        raise InvalidInputError(
            f"{session} has the time {stamp!r}, which does not read like '1:56 pm on 8 May, 2023'."
        ) from exc
