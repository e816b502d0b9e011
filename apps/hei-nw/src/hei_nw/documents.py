"""Text, Markdown and JSON lines to episodes: one for each sentence or two."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hippo_core import EntitySlots, Episode, InvalidInputError, Provenance, Salience
from hippo_core.checks import checked_text

_SHORT = 40  # characters; a shorter sentence joins its neighbour, since alone it says too little
_LONG = 400  # a longer one is cut at a comma or a space: a small model reads short traces best
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_ABBREVIATIONS = ("Mr.", "Mrs.", "Ms.", "Dr.", "St.", "Prof.", "e.g.", "i.e.", "vs.", "No.", "Fig.", "cf.")
_MARKDOWN_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKDOWN_MARK = re.compile(r"[*_`]{1,3}")
_BULLET = re.compile(r"^\s*(?:[-*+>]|\d+[.)])\s+")


def read_document(path: Path) -> list[Episode]:
    """Return the episodes of one file, in its order; their provenance names the file and the characters.

    The kind goes by the ending: `.jsonl` is one object a line (see `read_json_lines`), `.md` and `.markdown` are
    Markdown, anything else is plain text. Times are the file's time of change.

    Raises:
        InvalidInputError: the file is missing, is not UTF-8, holds no text, or has a broken line.
    """
    if not path.is_file():
        raise InvalidInputError(f"There is no file {str(path)!r}; check the path.")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInputError(
            f"{str(path)!r} is not UTF-8: byte {raw[exc.start]:#04x} at position {exc.start}; "
            "convert it first (for instance with iconv -t utf-8)."
        ) from exc
    time = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    if path.suffix.lower() == ".jsonl":
        episodes = list(read_json_lines(text, source=path.name, time=time))
    else:
        markdown = path.suffix.lower() in (".md", ".markdown")
        episodes = list(_passages(text, source=path.name, time=time, markdown=markdown))
    if not episodes:
        raise InvalidInputError(f"{str(path)!r} holds no text to remember.")
    return episodes


def read_json_lines(text: str, *, source: str, time: datetime) -> Iterator[Episode]:
    """Yield one episode a line.

    A line is an object with `text`, and optionally `source`, `time` (ISO 8601 with a zone), `session`, `who`, `what`,
    `where`, `when`, `reward`, `pin`.

    Raises:
        InvalidInputError: names the first broken line; nothing was yielded for later ones.
    """
    known = {"text", "source", "time", "session", "who", "what", "where", "when", "reward", "pin"}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry: Any = json.loads(line)
            if not isinstance(entry, dict):
                raise InvalidInputError(f"it is a JSON {type(entry).__name__}, not an object")
            if unknown := sorted(set(entry) - known):
                raise InvalidInputError(f"unknown field {unknown[0]!r}; fields are {', '.join(sorted(known))}")
            moment = datetime.fromisoformat(entry["time"]) if "time" in entry else time
            yield Episode(
                text=checked_text(entry.get("text")),
                provenance=Provenance(source=entry.get("source", source), doc_id=f"line {number}", time=moment),
                session=entry.get("session"),
                slots=EntitySlots(**{name: entry.get(name) for name in ("who", "what", "where", "when")}),
                salience=Salience(reward=bool(entry.get("reward")), pin=bool(entry.get("pin"))),
            )
        except ValueError as exc:
            raise InvalidInputError(f"{source}, line {number}: {exc}") from exc


def _passages(text: str, *, source: str, time: datetime, markdown: bool) -> Iterator[Episode]:
    section = None
    for start, block in _blocks(text, markdown=markdown):
        if markdown and block.lstrip().startswith("#"):
            section = _plain(block.lstrip("# \t")) or section
            continue
        for offset, length, sentence in _sentences(block):
            words = _plain(sentence) if markdown else " ".join(sentence.split())
            if not re.search(r"\w", words):
                continue
            yield Episode(
                text=words,
                provenance=Provenance(
                    source=source, doc_id=section, span=(start + offset, start + offset + length), time=time
                ),
            )


def _blocks(text: str, *, markdown: bool) -> Iterator[tuple[int, str]]:
    """Yield paragraphs with their first character's position; in Markdown headings and bullets stand alone."""
    position, start, lines = 0, 0, list[str]()
    fenced = False
    for line in text.splitlines(keepends=True):
        if markdown and line.lstrip().startswith("```"):
            fenced = not fenced
            line_is_text = False
        else:
            line_is_text = bool(line.strip()) and not fenced
        alone = markdown and (line.lstrip().startswith(("#", "|")) or _BULLET.match(line) is not None)
        if lines and (not line_is_text or alone or (markdown and lines[0].lstrip().startswith("#"))):
            yield start, "".join(lines)
            lines = []
        if line_is_text:
            if not lines:
                start = position
            lines.append(line)
        position += len(line)
    if lines:
        yield start, "".join(lines)


def _sentences(block: str) -> Iterator[tuple[int, int, str]]:
    """Yield (offset, length, text) of sentences, short ones joined, long ones cut."""
    ends = [
        match.end() for match in _SENTENCE_END.finditer(block) if not block[: match.start()].endswith(_ABBREVIATIONS)
    ]
    start = 0
    for end in [*ends, len(block)]:
        if end - start < _SHORT and end < len(block):
            continue
        if len(block) - end < _SHORT:
            end = len(block)
        while end - start > _LONG:
            cut = block.rfind(", ", start, start + _LONG) + 1 or block.rfind(" ", start, start + _LONG)
            cut = cut if cut > start else start + _LONG
            yield start, cut - start, block[start:cut]
            start = cut
        if block[start:end].strip():
            yield start, end - start, block[start:end]
        start = end


def _plain(text: str) -> str:
    text = _BULLET.sub("", text)
    text = _MARKDOWN_LINK.sub(r"\1", text).replace("|", " ")
    return " ".join(_MARKDOWN_MARK.sub("", text).split())
