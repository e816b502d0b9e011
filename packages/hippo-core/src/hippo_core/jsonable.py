"""Records to JSON and back, the one way in which stores, exports and events write them.

Times become ISO 8601 strings, arrays base64 of little-endian float32, tuples lists. A field that holds its default
is left out, so that lines stay short and old lines still load when a field is added.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from hippo_core.errors import InvalidInputError

R = TypeVar("R")


def to_jsonable(value: object) -> Any:
    """Return `value` as plain JSON types.

    Args:
        value: a Hippo record, or what records are made of.

    Raises:
        InvalidInputError: a type that has no place in a record.

    Example:
        >>> from hippo_core import EntitySlots
        >>> to_jsonable(EntitySlots(who="Carol"))
        {'who': 'Carol'}
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, dtype="<f4")
        return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode("ascii")}
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_jsonable(part)
            for field in fields(value)
            if not _is_default(field, part := getattr(value, field.name))
        }
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(part) for key, part in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [to_jsonable(part) for part in cast("list[Any]", value)]
    raise InvalidInputError(f"{type(value).__name__} has no JSON form: {value!r}.")


def from_jsonable(kind: type[R], data: object) -> R:
    """Build a record of class `kind` from what `to_jsonable` made of it.

    Args:
        kind: a Hippo record class, for instance `Episode`.
        data: parsed JSON.

    Raises:
        InvalidInputError: an unknown or missing field, or a value of the wrong type; names the field.
    """
    if not isinstance(data, dict):
        raise InvalidInputError(f"{kind.__name__} must be a JSON object, not {type(data).__name__}: {data!r:.80}.")
    data = cast("dict[str, Any]", data)
    hints = get_type_hints(kind)
    known = {field.name for field in fields(cast("Any", kind))}
    unknown = sorted(set(data) - known)
    if unknown:
        raise InvalidInputError(
            f"{kind.__name__} has no field {unknown[0]!r}; its fields are {', '.join(sorted(known))}."
        )
    try:
        return kind(**{name: _build(hints[name], part) for name, part in data.items()})
    except TypeError as exc:
        raise InvalidInputError(f"{kind.__name__} cannot be built from {sorted(data)}: {exc}.") from exc


def _build(hint: Any, data: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if data is None:
        return None
    if origin in (Union, types.UnionType):
        return _build(next(choice for choice in arguments if choice is not type(None)), data)
    if origin is Literal or hint is Any:
        return data
    if hint is datetime:
        try:
            return datetime.fromisoformat(data)
        except (TypeError, ValueError) as exc:
            raise InvalidInputError(f"{data!r} is not an ISO 8601 time.") from exc
    if origin is np.ndarray:
        return np.frombuffer(base64.b64decode(data["float32"]), dtype="<f4").reshape(data["shape"])
    if origin is tuple:
        inner = arguments[0]
        return tuple(_build(inner, part) for part in data)
    if isinstance(hint, type) and is_dataclass(hint):
        return from_jsonable(hint, data)
    return data


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default is not MISSING:
        return value is field.default or (type(value) is type(field.default) and value == field.default)
    if field.default_factory is not MISSING and is_dataclass(value):
        return value == field.default_factory()
    return isinstance(value, dict) and not value
