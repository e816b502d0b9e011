"""Records to JSON and back, the one way in which stores, exports and events write them.

Times become ISO 8601 strings, arrays base64 of little-endian float32, tuples lists. A field that holds its default
is left out, so that lines stay short and old lines still load when a field is added.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from hippo_core.errors import InvalidInputError

R = TypeVar("R")
Build = Callable[[Any], Any]

_PLAIN = frozenset((str, bool, int, float))


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
        if value.dtype.kind != "f":
            raise InvalidInputError(
                f"An array of {value.dtype} has no JSON form: arrays are written as float32. Use .tolist()."
            )
        array = np.ascontiguousarray(value, dtype="<f4").reshape(value.shape)
        return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode("ascii")}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(part) for key, part in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [to_jsonable(part) for part in cast("list[Any]", value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: part if type(part) in _PLAIN else to_jsonable(part)  # most are, and a call costs more
            for field in _fields_of(type(value))
            if not _is_default(field, part := getattr(value, field.name))
        }
    raise InvalidInputError(f"{type(value).__name__} has no JSON form: {value!r}.")


def from_jsonable(kind: type[R], data: object) -> R:
    """Build a record of class `kind` from what `to_jsonable` made of it.

    Args:
        kind: a Hippo record class, for instance `Episode` or `Hit[Episode]`.
        data: parsed JSON.

    Raises:
        InvalidInputError: an unknown or missing field, or a value of the wrong type; names the field.
    """
    record: Any = get_origin(kind) or kind
    if not isinstance(data, dict):
        raise InvalidInputError(f"{record.__name__} must be a JSON object, not {type(data).__name__}: {data!r:.80}.")
    builders = _builders(kind)
    parts: dict[str, Any] = {}
    for name, part in cast("dict[str, Any]", data).items():
        build = builders.get(name)
        if build is None:
            raise InvalidInputError(
                f"{record.__name__} has no field {name!r}; its fields are {', '.join(sorted(builders))}."
            )
        try:
            parts[name] = build(part)
        except (TypeError, ValueError, KeyError) as exc:
            raise InvalidInputError(f"{record.__name__}.{name}: {exc}") from exc
    if lacking := [repr(field.name) for field in _fields_of(record) if field.name not in parts and _is_needed(field)]:
        raise InvalidInputError(f"{record.__name__} lacks {' and '.join(lacking)}.")
    return record(**parts)


@cache
def _fields_of(kind: type) -> tuple[Field[Any], ...]:
    return fields(kind)


@cache
def _builders(kind: Any) -> dict[str, Build]:
    """Return what builds each field of a record class; looked up once, since the hints cost 0.2 ms a record."""
    record: Any = get_origin(kind) or kind
    # What the type variables of a generic record stand for, as in Hit[Episode]
    bound = dict(zip(getattr(record, "__parameters__", ()), get_args(kind), strict=False))
    hints = get_type_hints(record)
    return {field.name: _builder(bound.get(hints[field.name], hints[field.name])) for field in fields(record)}


def _builder(hint: Any) -> Build:
    """Return what builds a value of this type from parsed JSON."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        choices = [choice for choice in arguments if choice is not type(None)]
        build = _builder(choices[0]) if len(choices) == 1 else partial(_plain, tuple(choices))
        return build if len(choices) == len(arguments) else lambda data: None if data is None else build(data)
    if hint is Any or isinstance(hint, TypeVar):
        return lambda data: data
    if origin is Literal:
        return partial(_one_of, arguments)
    if hint is datetime:
        return lambda data: datetime.fromisoformat(_plain(str, data))
    if origin is np.ndarray:
        return _array
    if origin is tuple:
        each = _builder(arguments[0])
        return lambda data: tuple(each(part) for part in _plain(list, data))
    if origin is not None and issubclass(origin, Mapping):
        value = _builder(arguments[1])
        return lambda data: {name: value(part) for name, part in _plain(dict, data).items()}
    if is_dataclass(origin or hint):
        return partial(from_jsonable, hint)
    return partial(_plain, hint)


def _one_of(choices: tuple[Any, ...], data: Any) -> Any:
    if data not in choices:
        raise InvalidInputError(f"{data!r:.80} is none of {', '.join(map(repr, choices))}.")
    return data


def _array(data: Any) -> Any:
    parts = _plain(dict, data)
    return np.frombuffer(base64.b64decode(parts["float32"], validate=True), dtype="<f4").reshape(parts["shape"])


def _plain(kind: Any, data: Any) -> Any:
    """Return `data` if it is of a plain type; a whole number is a float too, a bool is neither."""
    kinds: tuple[type, ...] = kind if isinstance(kind, tuple) else (kind,)
    wider = (*kinds, int) if float in kinds else kinds
    if not isinstance(data, wider) or (isinstance(data, bool) and bool not in kinds):
        names = " or ".join(each.__name__ for each in kinds)
        raise InvalidInputError(f"expected {names}, not {type(data).__name__}: {data!r:.80}.")
    return data


def _is_needed(field: Field[Any]) -> bool:
    return field.init and field.default is MISSING and field.default_factory is MISSING


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default is not MISSING:
        return value is field.default or (type(value) is type(field.default) and value == field.default)
    # Not for a default such as the present time, which a later reader would make anew
    return (
        field.default_factory is not MISSING
        and (is_dataclass(value) or isinstance(value, Mapping))
        and value == field.default_factory()
    )
