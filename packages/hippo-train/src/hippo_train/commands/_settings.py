"""From a resolved configuration to the dataclass that checks it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from hippo_core.errors import InvalidInputError

T = TypeVar("T")


def settings(kind: type[T], values: Mapping[str, Any], *, group: str) -> T:
    """Return a dataclass made of a group's keys.

    Raises:
        InvalidInputError: a key that it has not, by name with those that it has, or a value that it refuses.
    """
    known = [field.name for field in fields(kind)]  # pyright: ignore[reportArgumentType]
    if unknown := sorted(set(values) - set(known)):
        raise InvalidInputError(f"`{group}.{unknown[0]}` is no key of the training; known are {', '.join(known)}.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def commit() -> str | None:
    """Return the commit of the code that runs, None outside a repository."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
