"""Files of JSON lines: read line by line with every bad one named, written whole or not at all."""

from __future__ import annotations

import codecs
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, TypeVar

from hippo_core.errors import InvalidInputError, StorageError
from hippo_core.records import SkippedLine

R = TypeVar("R")

OnError = Literal["stop", "skip"]
"""What an import does about a line that it cannot use: "stop" imports nothing and raises an error that names the line,
"skip" leaves the line out and says so in the report."""

Progress = Callable[[int, int], None]
"""Called now and then with how much is done and how much there is; the unit is the caller's. What it raises stops
the work, and nothing of it stays."""

MAX_LINE_BYTES = 64 << 20
"""A longer line is refused unread: some other kind of file, or one without line ends."""

_MAX_REASON_CHARACTERS = 400


class JsonLineReader(Generic[R]):
    """The records of a file of JSON lines, one at a time: the file may be larger than memory.

    The file is UTF-8, with or without a byte order mark; lines end in LF or CR LF, the last one may lack it, and blank
    ones are passed over. The standard's JSON: NaN and Infinity are refused.

    Args:
        path: the file.
        parse: makes a record of a line's parsed JSON; raises ValueError or TypeError where it cannot.
        on_error: "stop" raises at the first bad line, "skip" notes it in `skipped` and goes on.

    Raises:
        InvalidInputError: `on_error` is neither; while iterating, a bad line, named by its number.
        StorageError: while iterating, the file cannot be read.
    """

    def __init__(self, path: str | Path, parse: Callable[[Any], R], *, on_error: OnError = "stop") -> None:
        if on_error not in ("stop", "skip"):
            raise InvalidInputError(f'`on_error` must be "stop" or "skip", not {on_error!r}.')
        self._path = Path(path)
        self._parse = parse
        self._on_error = on_error
        self.skipped: list[SkippedLine] = []
        """The lines left out so far."""
        self.position = 0
        """Bytes read so far."""
        self.size = 0
        """Bytes of the file, known once iteration has begun."""

    def __iter__(self) -> Iterator[R]:
        try:
            with self._path.open("rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                yield from self._records(file)
        except OSError as exc:
            if isinstance(exc, StorageError):
                raise
            raise StorageError(f"{str(self._path)!r} cannot be read: {exc.strerror}. Check the path.") from exc

    def _records(self, file: BinaryIO) -> Iterator[R]:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            self.position += len(line)
            try:
                if len(line) > MAX_LINE_BYTES:
                    self._pass_over_rest(file, line)
                    raise InvalidInputError(f"it has more than {MAX_LINE_BYTES:,} bytes")
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if not line.strip():
                    continue
                record = self._parse(_parsed(line))
            except (ValueError, TypeError, KeyError, OverflowError) as exc:
                self._refuse(number, exc)
                continue
            yield record

    def _pass_over_rest(self, file: BinaryIO, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)
            self.position += len(line)

    def _refuse(self, number: int, error: Exception) -> None:
        reason = f"{error}"[:_MAX_REASON_CHARACTERS].rstrip(". ") + "."
        if self._on_error == "skip":
            self.skipped.append(SkippedLine(line=number, reason=reason))
            return
        raise InvalidInputError(
            f"{str(self._path)!r}, line {number}: {reason} Nothing was imported. Mend or remove the line, "
            'or import with on_error="skip" to leave such lines out.'
        ) from error


def write_json_lines(path: str | Path, values: Iterable[object]) -> int:
    """Write one value a line to a new file; return how many. The file appears whole or not at all.

    The lines go to a partial file beside it, which is synced and then named `path`: after a crash there may be a
    leftover that ends in `.partial-…`, never half a file.

    Args:
        path: must not exist yet.
        values: plain JSON types; taken one at a time.

    Raises:
        InvalidInputError: `path` exists.
        StorageError: it cannot be written.
    """
    target = Path(path)
    exists = f"{str(target)!r} exists; an export never overwrites. Choose another path."
    if target.exists():
        raise InvalidInputError(exists)
    partial = target.with_name(target.name + f".partial-{secrets.token_hex(4)}")
    count = 0
    try:
        with partial.open("x", encoding="utf-8", newline="\n") as file:
            for value in values:
                file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        _publish(partial, target)
    except FileExistsError as exc:
        raise InvalidInputError(exists) from exc
    except OSError as exc:
        if isinstance(exc, StorageError):
            raise
        raise StorageError(f"{str(target)!r} cannot be written: {exc.strerror}. Nothing was exported.") from exc
    finally:
        partial.unlink(missing_ok=True)
    return count


def _publish(partial: Path, target: Path) -> None:
    """Give the finished file its name; raise FileExistsError where another file took it in the meantime."""
    try:
        target.hardlink_to(partial)  # a rename would replace the other file
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(str(target)) from None
        partial.rename(target)


def _parsed(line: bytes) -> Any:
    ending = "" if line.endswith(b"\n") else ", and the file ends inside this line: it may have been cut off"
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"it is not UTF-8 at byte {exc.start + 1}{ending}") from exc
    except json.JSONDecodeError as exc:
        raise InvalidInputError(
            f"it is not JSON: {exc.msg.removesuffix(' at')} at character {exc.pos + 1}{ending}"
        ) from exc
    except RecursionError as exc:
        raise InvalidInputError("its JSON is nested too deeply") from exc


def _refuse_constant(name: str) -> object:
    raise InvalidInputError(f"{name} is not JSON; every number must be finite")
