"""A folder of nights, each a complete adapter, one of them in force. Adding one is a rename, going back a line."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hippo_core.errors import InvalidInputError

_CURRENT, _LOCK = "current", ".lock"
DESCRIPTION = "night.json"
_UNFINISHED, _REFUSED = ".part", ".refused"


class Nights:
    """The adapters that nights left behind, and which of them is in force.

    A night writes into a folder of its own that no reader knows until `commit` renames it and points to it; so a killed
    or refused night leaves everything as it was, to the last bit. An earlier adapter is never written to.

    Args:
        folder: made if it is missing.

    Example:
        >>> import tempfile
        >>> nights = Nights(tempfile.mkdtemp())
        >>> nights.current is None
        True
        >>> with nights.lock():
        ...     night = nights.commit(nights.begin(), {"learnt": [3]})
        >>> nights.current == night, nights.describe(night)
        (True, {'parent': None, 'learnt': [3]})
        >>> nights.roll_back() is None
        True
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def current(self) -> Path | None:
        """The adapter in force; None is the base model alone.

        Raises:
            InvalidInputError: the folder points to a night that is gone.
        """
        pointer = self.folder / _CURRENT
        name = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
        if not name:
            return None
        if not (self.folder / name / DESCRIPTION).is_file():
            raise InvalidInputError(
                f"{pointer} names {name!r}, which is gone; put it back, or delete {pointer} to begin anew."
            )
        return self.folder / name

    def all(self) -> list[Path]:
        """Return the committed nights, oldest first, those that were rolled back included."""
        return [path for path in sorted(self.folder.glob("night-*")) if not path.suffix]

    def lineage(self) -> list[Path]:
        """Return the nights whose learning the current one holds, oldest first, itself last."""
        found: list[Path] = []
        night = self.current
        while night is not None:
            found.append(night)
            parent = self.describe(night)["parent"]
            night = self.folder / parent if parent else None
        return found[::-1]

    def describe(self, night: Path) -> dict[str, Any]:
        """Return what `commit` was given, and the name of the night before.

        Raises:
            InvalidInputError: the description is missing or damaged.
        """
        try:
            return json.loads((night / DESCRIPTION).read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise InvalidInputError(f"{night / DESCRIPTION} cannot be read: {exc}. Restore the folder.") from exc

    @contextmanager
    def lock(self) -> Generator[None]:
        """Keep other nights out while this one lasts; the system lets go of it when the process ends, however it does.

        Raises:
            InvalidInputError: another process holds it.
        """
        try:
            with FileLock(self.folder / _LOCK, timeout=0):
                yield
        except Timeout as exc:
            raise InvalidInputError(
                f"A night is under way in {self.folder}; wait for it, or end that process."
            ) from exc

    def begin(self) -> Path:
        """Return an empty folder for the night that is to come; what interrupted ones left is deleted. Needs `lock`."""
        for left in self.folder.glob(f"night-*{_UNFINISHED}"):
            shutil.rmtree(left)
        numbers = [int(path.name.split("-")[1]) for path in self.folder.glob("night-*")]
        # A name of its own for ever: ledgers go by it, also for nights that were refused or deleted
        name = f"night-{max(numbers, default=0) + 1:04d}-{secrets.token_hex(3)}"
        part = self.folder / (name + _UNFINISHED)
        part.mkdir()
        return part

    def commit(self, part: Path, description: dict[str, Any]) -> Path:
        """Put a night in force and return where it is now."""
        return self._finish(part, description, "", point=True)

    def refuse(self, part: Path, description: dict[str, Any]) -> Path:
        """Keep what there is to read about a night that is not to come, and no weights; return where."""
        for weights in part.glob("*.safetensors"):
            weights.unlink()
        return self._finish(part, description, _REFUSED, point=False)

    def roll_back(self) -> Path | None:
        """Put the night before the current one in force, and return it; None is the base model alone.

        Raises:
            InvalidInputError: there is no night to take back.
        """
        current = self.current
        if current is None:
            raise InvalidInputError(f"No night of {self.folder} is in force, so there is nothing to take back.")
        self._point_to(self.describe(current)["parent"] or "")
        return self.current

    def _finish(self, part: Path, description: dict[str, Any], suffix: str, *, point: bool) -> Path:
        parent = None if self.current is None else self.current.name
        (part / DESCRIPTION).write_text(
            json.dumps({"parent": parent, **description}, indent=2) + "\n", encoding="utf-8"
        )
        for file in part.rglob("*"):
            if file.is_file():
                _to_disk(file)
        done = part.with_name(part.name.removesuffix(_UNFINISHED) + suffix)
        part.rename(done)
        if point:
            self._point_to(done.name)
        return done

    def _point_to(self, name: str) -> None:
        fresh = self.folder / f".{_CURRENT}"
        fresh.write_text(name, encoding="utf-8")
        _to_disk(fresh)
        fresh.replace(self.folder / _CURRENT)


def _to_disk(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
