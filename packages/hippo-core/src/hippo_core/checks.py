"""Checks of input at the edge, so that every store refuses the same things in the same words."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hippo_core.errors import InvalidInputError

MAX_TEXT_CHARACTERS = 100_000
"""A longer text is a document, not an episode."""


def checked_text(text: object, *, name: str = "text") -> str:
    """Return `text` if it is a non-blank, encodable string of at most `MAX_TEXT_CHARACTERS` characters.

    Raises:
        InvalidInputError: the text is not a string, is blank, is too long or holds a lone surrogate (the mark of
            bytes that were not UTF-8).
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"`{name}` must be a str, not {type(text).__name__}: {_short(text)}. Decode it first.")
    if not text.strip():
        raise InvalidInputError(f"`{name}` is empty ({text!r}); give at least one visible character.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidInputError(
            f"`{name}` has {len(text):,} characters, more than {MAX_TEXT_CHARACTERS:,}; "
            "split it into passages and write each one."
        )
    try:
        if not text.isascii():  # which costs nothing to ask
            text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidInputError(
            f"`{name}` is not valid Unicode: {text[exc.start]!r} at character {exc.start} cannot be stored as UTF-8; "
            "decode the bytes with the right encoding, or with errors='replace'."
        ) from exc
    return text


def checked_time(time: object, *, name: str = "time") -> datetime:
    """Return `time` if it is a datetime that knows its time zone.

    Raises:
        InvalidInputError: it is not a datetime, or a naive one.
    """
    if not isinstance(time, datetime):
        raise InvalidInputError(f"`{name}` must be a datetime, not {type(time).__name__}: {_short(time)}.")
    if time.tzinfo is None or time.utcoffset() is None:
        raise InvalidInputError(
            f"`{name}` {time.isoformat()} has no time zone, so its order is unknown; "
            "pass for instance time.replace(tzinfo=timezone.utc)."
        )
    return time


def checked_probability(value: float, *, name: str) -> float:
    """Return `value` as a float if it lies in [0, 1].

    Raises:
        InvalidInputError: it is not a number in [0, 1].
    """
    number = checked_number(value, name=name)
    if not 0.0 <= number <= 1.0:
        raise InvalidInputError(f"`{name}` must lie in [0, 1], not {value!r}.")
    return number


def checked_number(value: object, *, name: str) -> float:
    """Return `value` as a float if it is a finite number.

    Raises:
        InvalidInputError: it is not a real number, or NaN or infinite.
    """
    if type(value) is float and math.isfinite(value):
        return value  # nearly always; records are made by the thousand
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InvalidInputError(f"`{name}` must be a number, not {type(value).__name__}: {_short(value)}.")
    try:
        number = float(value)
    except OverflowError as exc:
        raise InvalidInputError(f"`{name}` must fit a float, which {_short(value)} does not.") from exc
    if not math.isfinite(number):
        raise InvalidInputError(f"`{name}` must be finite, not {number!r}.")
    return number


def checked_k(k: object) -> int:
    """Return `k` if it is a whole number of at least 1.

    Raises:
        InvalidInputError: it is not.
    """
    return checked_count(k, name="k")


def checked_count(count: object, *, name: str) -> int:
    """Return `count` if it is a whole number of at least 1.

    Raises:
        InvalidInputError: it is not.
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise InvalidInputError(f"`{name}` must be a whole number of at least 1, not {count!r}.")
    return int(count)


def checked_ids(ids: object) -> list[int]:
    """Return the whole numbers in `ids`, a list or array of them or a single one.

    Raises:
        InvalidInputError: something else is among them, for instance a hit instead of its id.
    """
    several = isinstance(ids, Iterable) and not isinstance(ids, (str, bytes)) and getattr(ids, "ndim", 1) > 0
    found: list[int] = []
    for id in cast("Iterable[Any]", ids if several else [ids]):
        try:
            found.append(operator.index(id))
        except TypeError as exc:
            inner = getattr(id, "id", None)
            hint = f"; pass its id, {inner}" if isinstance(inner, int) else ""
            raise InvalidInputError(f"An id is a whole number, not {type(id).__name__}: {_short(id)}{hint}.") from exc
    return found


def checked_kind(value: object, kind: type, *, name: str, hint: str) -> None:
    """Do nothing if `value` is None or a `kind`, a class or a protocol that can be checked at run time.

    Raises:
        InvalidInputError: it is something else; `hint` says what to pass.
    """
    if value is not None and not isinstance(value, kind):
        raise InvalidInputError(f"`{name}` must be {hint}, not {type(value).__name__}: {_short(value)}.")


def checked_path(path: object, *, name: str = "path") -> str:
    """Return `path` as a string if it names a file.

    Raises:
        InvalidInputError: it is no path, or an empty one, for which SQLite would open a file that is gone afterwards.
    """
    plain: Any = os.fspath(cast("Any", path)) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(plain, str):
        raise InvalidInputError(f"`{name}` must be a str or a Path, not {type(path).__name__}: {_short(path)}.")
    if not plain.strip() or "\0" in plain:
        raise InvalidInputError(f'`{name}` is {plain!r}, which names no file; give one, or ":memory:".')
    return plain


def checked_vector(vector: ArrayLike, *, dim: int, name: str = "vector") -> NDArray[np.float32]:
    """Return `vector` as a float32 array of shape (dim,), scaled to length 1.

    Raises:
        InvalidInputError: wrong shape, NaN, infinite, or all zero.
    """
    try:
        with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
            array = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"`{name}` cannot be read as numbers: {_short(vector)}.") from exc
    if array.shape != (dim,):
        raise InvalidInputError(f"`{name}` has shape {array.shape}; this store's vectors have shape ({dim},).")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InvalidInputError(
            f"`{name}` holds {float(array[where])} at position {where}; every value must be finite."
        )
    norm = float(np.linalg.norm(array.astype(np.float64)))
    if norm == 0.0:
        raise InvalidInputError(f"`{name}` is all zeros, so it points nowhere; give a vector with a direction.")
    # Divided in float64: the length of a vector of large float32 values does not fit float32
    return (array.astype(np.float64) / norm).astype(np.float32) if abs(norm - 1.0) > 1e-6 else array


def checked_vectors(vectors: Sequence[ArrayLike], *, dim: int, name: str = "vectors") -> NDArray[np.float32]:
    """Return vectors as a float32 array of shape (len(vectors), dim), each scaled to length 1; see `checked_vector`.

    Raises:
        InvalidInputError: one of them has the wrong shape, or holds NaN, infinity or nothing but zeros; names it.
    """
    try:
        rows = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.shape == (len(vectors), dim):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if np.isfinite(norms).all() and (norms > 0).all() and np.abs(rows).max(initial=0.0) < np.finfo(np.float32).max:
            return np.where(np.abs(norms - 1.0) > 1e-6, rows / norms, rows).astype(np.float32)
    # One by one, to say which of them it is
    checked = [checked_vector(vector, dim=dim, name=f"{name}[{i}]") for i, vector in enumerate(vectors)]
    return np.stack(checked) if checked else np.zeros((0, dim), dtype=np.float32)


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
