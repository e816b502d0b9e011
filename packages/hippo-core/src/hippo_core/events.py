"""One JSON object a line: what happened, when, in which package."""

from __future__ import annotations

import json
from pathlib import Path

from hippo_core.errors import InvalidInputError
from hippo_core.jsonable import to_jsonable
from hippo_core.provenance import Clock, utc_now


class EventLog:
    """Appends events to a JSON-lines file. Each line is written whole, so several processes may share the file.

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
        self._clock = clock

    def log(self, kind: str, package: str, **payload: object) -> None:
        """Append one event.

        Args:
            kind: what happened, a word.
            package: the import name of the package that says so.
            payload: anything `to_jsonable` accepts.

        Raises:
            InvalidInputError: a payload that has no JSON form.
            OSError: the file cannot be written.
        """
        event = {"time": self._clock().isoformat(), "kind": kind, "package": package, "payload": to_jsonable(payload)}
        try:
            line = (json.dumps(event, ensure_ascii=False) + "\n").encode("utf-8")
        except UnicodeEncodeError as exc:
            raise InvalidInputError(f"The event {kind!r} holds text that is not valid Unicode: {exc}.") from exc
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # O_APPEND and one write call keep lines of several processes apart
        with self.path.open("ab", buffering=0) as file:
            file.write(line)

    def read(self) -> list[dict[str, object]]:
        """Return all events, oldest first; an empty list where there is no file yet.

        A last line that is not complete, because another process is writing it, is left for the next call.
        """
        if not self.path.exists():
            return []
        *lines, _ = self.path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]
