"""One JSON object a line: what happened, when, in which package."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, cast

from hippo_core.errors import InvalidInputError
from hippo_core.jsonable import to_jsonable
from hippo_core.provenance import Clock, utc_now

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class EventLog:
    """Appends events to a JSON-lines file. Each line is written whole, so several processes may share the file.

    A crash or a full disk may tear the last line: the next writer begins a line of its own, and `read` passes over what
    is torn.

    Args:
        path: the file; made, with its folder, on the first event.
        clock: gives each event its time.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = EventLog(Path(folder) / "events.jsonl")
        ...     log.log("write", "hippo_episodic", id=1)
        ...     [event["kind"] for event in log.read()]
        ['write']
    """

    def __init__(self, path: str | Path, *, clock: Clock = utc_now) -> None:
        self.path = Path(path)
        self.skipped = 0
        """How many torn lines the latest `read` passed over."""
        self._clock = clock

    def log(self, kind: str, package: str, **payload: object) -> None:
        """Append one event.

        Args:
            kind: what happened, a word.
            package: the import name of the package that says so.
            payload: anything `to_jsonable` accepts.

        Raises:
            InvalidInputError: a payload that has no JSON form.
            OSError: the file cannot be written, or not the whole line.
        """
        event = {"time": self._clock().isoformat(), "kind": kind, "package": package, "payload": to_jsonable(payload)}
        try:
            line = (json.dumps(event, ensure_ascii=False) + "\n").encode("utf-8")
        except UnicodeEncodeError as exc:
            raise InvalidInputError(f"The event {kind!r} holds text that is not valid Unicode: {exc}.") from exc
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # O_APPEND and one write call keep lines of several processes apart
        with self.path.open("ab+", buffering=0) as file:
            # A line that another process is still writing looks torn too. Without the lock a blank line may
            # come between, which `read` passes over
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
            line = line if _ends_a_line(file.fileno()) else b"\n" + line
            written = file.write(line)
        if written != len(line):
            raise OSError(f"Only {written} of {len(line)} bytes of an event could be written to {str(self.path)!r}.")

    def read(self) -> list[dict[str, object]]:
        """Return all events, oldest first; an empty list where there is no file yet.

        A last line that is not complete, because another process is writing it, is left for the next call. Lines that a
        crash has torn are passed over and counted in `skipped`.
        """
        self.skipped = 0
        if not self.path.exists():
            return []
        *lines, _ = self.path.read_bytes().split(b"\n")
        found = [_event_of(line) for line in lines if line.strip()]
        events = [event for event in found if event is not None]
        self.skipped = len(found) - len(events)
        return events


def _ends_a_line(descriptor: int) -> bool:
    """Return whether what is appended to the file stands at the beginning of a line."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    if end == 0:
        return True
    os.lseek(descriptor, end - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def _event_of(line: bytes) -> dict[str, object] | None:
    """Return the event of a line, None if the line is torn: a part of an object never is an object."""
    try:
        event: Any = json.loads(line)
    except ValueError:
        return None
    return cast("dict[str, object]", event) if isinstance(event, dict) else None
