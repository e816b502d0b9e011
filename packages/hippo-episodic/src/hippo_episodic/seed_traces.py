"""The seeds' `episodic.v1` JSON lines, in and out (source: the HEI-NW seed's `TraceValue`).

Such a line holds a key, slots, a sketch, tags, a time and a salience, but no text:

    {"schema": "episodic.v1", "id": 7, "key": [0.6, 0.8], "ts": 1714723200.0, "salience": 0.7,
     "value": {"tokens_span": [0, 12], "entity_slots": {"who": "Alice"}, "state_sketch": [0.5],
               "salience_tags": ["novel"], "provenance": "dummy"}}

Every field gets its place in an `Episode`. What has none is kept in `slots.extras`, so that a line comes back equal:
`seed_id`, `seed_tags` (a JSON list), `seed_line` (a fingerprint of the whole line) and `seed_rest` (JSON: what the
episode alone could not give back). Because of the fingerprint only wholly identical lines merge, which loses nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
from hippo_core import (
    Encoder,
    EntitySlots,
    Episode,
    ImportReport,
    InvalidInputError,
    OnError,
    Progress,
    Provenance,
    Salience,
    Vector,
    from_jsonable,
    to_jsonable,
)
from hippo_core.checks import checked_number, checked_vector
from hippo_core.records import SLOT_NAMES

from hippo_episodic.exchange import EpisodeLine
from hippo_episodic.store import EpisodicStore

SCHEMA = "episodic.v1"
"""What every line says it is; also the source of an episode whose line names none."""

_LINE_FIELDS = ("ts", "salience")  # those that older lines lack
_VALUE_FIELDS = ("tokens_span", "entity_slots", "state_sketch", "salience_tags", "provenance")
_RESERVED = ("seed_id", "seed_tags", "seed_line", "seed_rest")
_FOREIGN_IDS_FROM = 2**32  # added to the store's ids of episodes that are not from a seed; no seed counted so far
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def import_episodic_v1(
    store: EpisodicStore,
    path: str | Path,
    *,
    on_error: OnError = "stop",
    progress: Progress | None = None,
) -> ImportReport:
    """Import a seed's `episodic.v1` lines in one transaction, without the gate; nothing of a line is lost.

    The text is the slot `text` where there is one, else made of the slots ("who: Alice; what: paid"). A key as wide
    as the encoder's vectors and not all zero is kept as the vector; otherwise the text is encoded, and the key kept
    aside. `ts` becomes the provenance's time (a line without one gets the file's time of last change: it was said
    before that), `provenance` its source ("episodic.v1" for none), `tokens_span` its span, which counts tokens here;
    the sketch, the slots and the salience's score go to their namesakes, tags and id to `slots.extras`.

    Keys that another model made are recalled by keys of that model: a text cue is encoded by the store's encoder, and
    finds such episodes by shared words alone.

    Args:
        store: an open store.
        path: the file.
        on_error: "stop" imports nothing if a line is broken, "skip" imports the others and reports these.
        progress: as for `EpisodicStore.import_jsonl`.

    Raises:
        InvalidInputError: a line is broken; names it. Nothing was imported.
        StorageError: the file cannot be read, or the disk is full. Nothing was imported.
    """
    try:
        changed = datetime.fromtimestamp(int(Path(path).stat().st_mtime), tz=UTC)
    except OSError:  # said in words by the import itself
        changed = _EPOCH
    return store.import_jsonl(path, line_format=SeedLines(undated=changed), on_error=on_error, progress=progress)


def export_episodic_v1(store: EpisodicStore, path: str | Path, *, progress: Progress | None = None) -> int:
    """Write the store as `episodic.v1` lines to a new file; return how many.

    Episodes that came from such lines come back equal in every field, floats within float32. For the others the
    form has fewer places: their text goes to the slot `text`, their id is the store's plus 2³²; of the origins only
    the earliest is written, and session, document and confidence are not. Use `EpisodicStore.export_jsonl` to keep all.

    Args:
        store: an open store.
        path: must not exist yet.
        progress: as for `EpisodicStore.export_jsonl`.

    Raises:
        InvalidInputError: `path` exists.
        StorageError: it cannot be written.
    """
    return store.export_jsonl(path, line_format=SeedLines(), progress=progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedLines:
    """The `episodic.v1` line as a `LineFormat`."""

    undated: datetime = _EPOCH
    """When a line that does not say was said."""

    def parse(self, data: Any, encoder: Encoder) -> EpisodeLine:
        """Return the episode of one line.

        Raises:
            InvalidInputError: the line is not of this schema, or a value is not of its type.
        """
        line = _object(data, ("schema", "id", "key", "value", *_LINE_FIELDS), name="the line")
        if line.get("schema") != SCHEMA:
            raise InvalidInputError(f"`schema` is {line.get('schema')!r:.60}, not {SCHEMA!r}")
        value = _object({} if line.get("value") is None else line["value"], _VALUE_FIELDS, name="`value`")
        key = _floats(line.get("key"), name="key")
        episode = self._episode(line, value)
        rest = _rest_of_fields(episode, line, value)
        vector = None
        if not key.any():
            rest = replace(rest, zeros=len(key))
        elif len(key) != encoder.dim:
            rest = replace(rest, key=key)
        else:
            vector = checked_vector(key, dim=encoder.dim, name="key")
            if not np.array_equal(vector, key):
                rest = replace(rest, norm=float(np.linalg.norm(key.astype(np.float64))))
        return EpisodeLine(
            episode=_with_extras(episode, seed_line=_fingerprint(line), seed_rest=_json(to_jsonable(rest))),
            encoder=None if vector is None else encoder.name,
            vector=vector,
        )

    def dump(self, id: int, line: EpisodeLine) -> dict[str, Any]:
        """Return the line of an episode, as its seed wrote it if it came from one."""
        if line.vector is None:
            raise InvalidInputError(f"episode {id} has no vector, and an {SCHEMA} line needs a key.")
        extras = line.episode.slots.extras
        if "seed_line" in extras:
            number, rest = int(extras["seed_id"]), from_jsonable(_Rest, json.loads(extras["seed_rest"]))
        else:
            number, rest = _FOREIGN_IDS_FROM + id, _Rest()
        fields = {name: part for name, part in _fields(line.episode).items() if name not in rest.absent}
        fields |= rest.fields
        value = {name: fields[name] for name in _VALUE_FIELDS if name in fields}
        whole = {
            "schema": SCHEMA,
            "id": number,
            "key": _key(line.vector, rest),
            "value": rest.fields.get("value", value),
            **{name: fields[name] for name in _LINE_FIELDS if name in fields},
        }
        return {name: part for name, part in whole.items() if name not in rest.absent}

    def _episode(self, line: Mapping[str, Any], value: Mapping[str, Any]) -> Episode:
        """Return what the line says, without what is kept aside."""
        number, source, sketch = line.get("id"), value.get("provenance"), value.get("state_sketch")
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidInputError(f"`id` must be a whole number, not {number!r:.60}")
        if not isinstance(source, (str, type(None))):
            raise InvalidInputError(f"`provenance` must be a string or null, not {source!r:.60}")
        parts = _usable_slots(value.get("entity_slots"))
        text = parts.pop("text", None)
        named = {name: parts.pop(name, None) for name in SLOT_NAMES}
        slots = EntitySlots(
            who=named["who"],
            what=named["what"],
            where=named["where"],
            when=named["when"],
            extras={**parts, "seed_id": str(number), **_tags(value.get("salience_tags"))},
        )
        score = 0.0 if line.get("salience") is None else checked_number(line["salience"], name="salience")
        return Episode(
            text=text or _made_text(slots),
            slots=slots,
            provenance=Provenance(
                source=source if source and source.strip() else SCHEMA,
                time=self.undated if line.get("ts") is None else _time(line["ts"]),
                span=_span(value.get("tokens_span")),
            ),
            salience=Salience(score=score, contributions={"seed": score} if score else {}),
            sketch=None if sketch is None else _floats(sketch, name="state_sketch"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rest:
    """What of a line its episode could not give back."""

    absent: tuple[str, ...] = ()
    """Fields that were not there."""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that an episode spells in another way, such as a slot that is null."""
    key: Vector | None = None
    """A key of another width than the encoder's."""
    zeros: int | None = None
    """The width of a key that was all zero."""
    norm: float | None = None
    """The length of a key that was not a unit vector."""


def _fields(episode: Episode) -> dict[str, Any]:
    """Return the fields of a line that an episode itself gives."""
    extras = episode.slots.extras
    slots = {name: part for name, part in episode.slots.filled().items() if name not in _RESERVED}
    if episode.text != _made_text(episode.slots):
        slots["text"] = episode.text
    provenance = episode.provenance
    return {
        "tokens_span": None if provenance.span is None else list(provenance.span),
        "entity_slots": slots or None,
        "state_sketch": None if episode.sketch is None else episode.sketch.tolist(),
        "salience_tags": json.loads(extras["seed_tags"]) if "seed_tags" in extras else None,
        "provenance": None if provenance.source == SCHEMA else provenance.source,
        "ts": (provenance.time - _EPOCH) / timedelta(seconds=1),
        "salience": episode.salience.score,
    }


def _rest_of_fields(episode: Episode, line: Mapping[str, Any], value: Mapping[str, Any]) -> _Rest:
    """Return what of the line `_fields` would not give back; the sketch comes back within float32."""
    given = {name: part for name, part in {**line, **value}.items() if name not in ("schema", "id", "key")}
    rebuilt = {**_fields(episode), "value": value}
    return _Rest(
        absent=tuple(name for name in rebuilt if name not in given),
        fields={name: part for name, part in given.items() if part != rebuilt[name] and name != "state_sketch"},
    )


def _with_extras(episode: Episode, **more: str) -> Episode:
    extras = {**episode.slots.extras, **more}
    return replace(episode, slots=replace(episode.slots, extras=extras))


def _key(vector: Vector, rest: _Rest) -> list[float]:
    if rest.zeros is not None:
        return [0.0] * rest.zeros
    if rest.key is not None:
        return rest.key.tolist()
    return vector.tolist() if rest.norm is None else (vector.astype(np.float64) * rest.norm).tolist()


def _made_text(slots: EntitySlots) -> str:
    """Return words for an episode of which only the slots are known."""
    parts = [f"{name}: {part}" for name, part in slots.filled().items() if name not in _RESERVED]
    return "; ".join(parts) if parts else f"Trace {slots.extras.get('seed_id', '')}, of which no words were kept."


def _usable_slots(slots: object) -> dict[str, str]:
    """Return the slots that hold something, as text."""
    if slots is None:
        return {}
    if not isinstance(slots, dict):
        raise InvalidInputError(f"`entity_slots` must be an object or null, not {slots!r:.60}")
    texts = {
        name: part if isinstance(part, str) else _json(part)
        for name, part in cast("dict[str, Any]", slots).items()
        if part is not None and name.strip() and name not in _RESERVED
    }
    return {name: text for name, text in texts.items() if text.strip()}


def _tags(tags: object) -> dict[str, str]:
    if tags is None:
        return {}
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in cast("list[Any]", tags)):
        raise InvalidInputError(f"`salience_tags` must be a list of strings or null, not {tags!r:.60}")
    return {"seed_tags": _json(cast("list[str]", tags))}


def _span(span: object) -> tuple[int, int] | None:
    match span:
        case None:
            return None
        case [int(start), int(end)] if not isinstance(start, bool) and not isinstance(end, bool):
            return start, end
        case _:
            raise InvalidInputError(f"`tokens_span` must be [start, end] or null, not {span!r:.60}")


def _time(seconds: object) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=checked_number(seconds, name="ts"))
    except OverflowError as exc:
        raise InvalidInputError(f"`ts` is {seconds!r:.60}, which is no time in seconds since 1970") from exc


def _floats(values: object, *, name: str) -> Vector:
    if not isinstance(values, list) or not all(type(number) in (int, float) for number in cast("list[Any]", values)):
        raise InvalidInputError(f"`{name}` must be a list of numbers, not {values!r:.60}")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
        array = np.array(cast("list[float]", values), dtype=np.float64).astype(np.float32)
    if not np.isfinite(array).all():
        raise InvalidInputError(f"`{name}` holds a number that does not fit float32")
    return array


def _object(data: object, known: tuple[str, ...], *, name: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidInputError(f"{name} must be a JSON object, not {data!r:.60}")
    fields = cast("dict[str, Any]", data)
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise InvalidInputError(
            f"{name} has no field {unknown[0]!r:.60} in {SCHEMA}; its fields are {', '.join(known)}"
        )
    return fields


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _fingerprint(line: Mapping[str, Any]) -> str:
    """Return 16 hex digits that differ for lines that say different things."""
    return hashlib.sha256(json.dumps(line, sort_keys=True).encode("ascii")).hexdigest()[:16]
