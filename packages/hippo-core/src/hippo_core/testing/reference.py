"""A store that keeps every promise of the kit in memory, as plainly as can be: the specification."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np

from hippo_core.checks import checked_count, checked_k, checked_text, checked_vector
from hippo_core.encoders import Encoder, HashingEncoder, Vector
from hippo_core.errors import InvalidInputError, StorageError, StoreClosedError, UnknownIdError
from hippo_core.jsonable import from_jsonable, to_jsonable
from hippo_core.jsonlines import JsonLineReader, OnError, write_json_lines
from hippo_core.protocols import Cue
from hippo_core.provenance import Clock, Provenance, utc_now
from hippo_core.records import Episode, Hit, ImportReport, Receipt
from hippo_core.storage.journal import Action, Change

_KIND = "hippo-reference"
_Blobs = dict[tuple[int, str, str], bytes]  # by record, kind and model


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """An episode and all who said it, the first one first."""

    item: Episode
    origins: tuple[Provenance, ...]

    def as_line(self) -> dict[str, Any]:
        return {**to_jsonable(self.item), "also_from": [to_jsonable(origin) for origin in self.origins[1:]]}

    @staticmethod
    def from_line(line: Any) -> _Record:
        if not isinstance(line, dict):
            raise InvalidInputError(f"not a JSON object: {line!r:.80}")
        fields = dict(cast("dict[str, Any]", line))
        also = [from_jsonable(Provenance, origin) for origin in fields.pop("also_from", [])]
        item = from_jsonable(Episode, fields)
        return _Record(item=item, origins=(item.provenance, *also))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """One call that changed something, and what was there before it."""

    number: int
    kind: str
    time: datetime
    touched: tuple[tuple[int, Action], ...]
    before: dict[int, _Record]


class ReferenceStore:
    """Episodes in a dict; every verb does the most obvious thing. Nothing outlives the object.

    Identical text, whatever its case and spacing, is one record that keeps every provenance.

    Args:
        encoder: makes vectors of texts and cues.
        clock: gives operations their time.

    Example:
        >>> with ReferenceStore() as store:
        ...     receipts = store.write_many([Episode(text="The key is red.", provenance=Provenance(source="Carol"))])
        ...     store.recall_many(["which key?"], k=1)[0][0].item.text
        'The key is red.'
    """

    def __init__(self, *, encoder: Encoder | None = None, clock: Clock = utc_now) -> None:
        self._encoder = encoder if encoder is not None else HashingEncoder(dim=256)
        self._clock = clock
        self._records: dict[int, _Record] = {}
        self._vectors: dict[int, Vector] = {}
        self._blobs: _Blobs = {}
        self._operations: list[_Operation] = []
        self._undone: set[int] = set()
        self._next_id = count(1)
        self._next_operation = count(1)
        self._closed = False

    # ---- every store ----

    def write_many(self, items: Sequence[Episode]) -> list[Receipt]:
        """Write all of `items`, or none; one receipt each, in order."""
        self._check_open()
        return self._write([_Record(item=_checked(item), origins=(item.provenance,)) for item in items], "write")

    def recall_many(self, cues: Sequence[Cue], k: int = 8) -> list[list[Hit[Episode]]]:
        """Return up to `k` hits for each cue, best first; ties by id."""
        self._check_open()
        k = checked_k(k)
        return [self._nearest(vector, k) for vector in [self._cue_vector(cue) for cue in cues]]

    def get(self, id: int) -> Episode:
        """Return one record."""
        self._check_open()
        if id not in self._records:
            raise UnknownIdError(f"There is no record {id}; it was never written here, or it was deleted.")
        return self._records[int(id)].item

    def delete(self, ids: int | Sequence[int]) -> int:
        """Delete records for good and return how many there were."""
        self._check_open()
        wanted: Iterable[int] = [ids] if isinstance(ids, (int, np.integer)) else ids
        gone = {int(id) for id in wanted} & set(self._records)
        self._become({id: record for id, record in self._records.items() if id not in gone}, "delete")
        return len(gone)

    def __len__(self) -> int:
        self._check_open()
        return len(self._records)

    def close(self) -> None:
        """Forget everything."""
        self._closed = True

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- provenance, undo, snapshot, verify, export, blobs, replay ----

    def delete_by_provenance(self, *, source: str, doc_id: str | None = None) -> int:
        """Take back what `source` (within it `doc_id`, if given) said."""
        self._check_open()
        after: dict[int, _Record] = {}
        for id, record in self._records.items():
            others = tuple(o for o in record.origins if o.source != source or doc_id not in (None, o.doc_id))
            if others:
                after[id] = _Record(item=replace(record.item, provenance=others[0]), origins=others)
        count_before = len(self._records)
        self._become(after, "delete_by_provenance")
        return count_before - len(after)

    def undo(self, count: int = 1) -> int:
        """Take back the latest `count` operations that still stand."""
        self._check_open()
        checked_count(count, name="count")
        standing = [each for each in reversed(self._operations) if each.number not in self._undone][:count]
        if standing:
            undone = {each.number for each in standing}
            self._become(standing[-1].before, "undo")
            self._undone |= undone
            # The undo itself is part of the history, but not something that stands
            self._undone.add(self._operations[-1].number)
        return len(standing)

    def history(self, id: int | None = None, *, limit: int = 100) -> list[Change]:
        """Return the latest changes, newest first, of one record or of all."""
        self._check_open()
        changes: list[Change] = []
        for each in self._operations:
            for touched, action in each.touched:
                changes.append(
                    Change(
                        sequence=len(changes) + 1,
                        operation=each.number,
                        kind=each.kind,
                        time=each.time,
                        id=touched,
                        action=action,
                        undone=each.kind != "undo" and each.number in self._undone,
                    )
                )
        return [change for change in reversed(changes) if id is None or change.id == id][:limit]

    def snapshot(self, path: str | Path) -> None:
        """Copy records and blobs to a JSON file at `path`, which must not exist yet. The history stays behind."""
        self._check_open()
        file = Path(path)
        if file.exists():
            raise InvalidInputError(f"{str(file)!r} exists; a snapshot never overwrites. Choose another path.")
        content = {
            "kind": _KIND,
            "records": {id: record.as_line() for id, record in self._records.items()},
            "blobs": [[*key, base64.b64encode(blob).decode("ascii")] for key, blob in self._blobs.items()],
        }
        try:
            file.write_text(json.dumps(content), encoding="utf-8")
        except OSError as exc:
            raise StorageError(f"{str(file)!r} cannot be written: {exc}.") from exc

    def restore(self, path: str | Path) -> None:
        """Hold exactly what the snapshot holds. Ids never go back; undo reaches back to here."""
        self._check_open()
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["kind"] != _KIND:
                raise InvalidInputError(f"it is a {content['kind']!r}")
            records = {int(id): _Record.from_line(line) for id, line in content["records"].items()}
            blobs = {(id, kind, model): base64.b64decode(blob) for id, kind, model, blob in content["blobs"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise StorageError(f"{str(path)!r} is not a snapshot of a {_KIND}: {exc}. Nothing was changed.") from exc
        self._become(records, "restore")
        self._blobs = blobs
        self._operations.clear()
        self._next_id = count(max([next(self._next_id) - 1, *records]) + 1)

    def verify(self) -> list[str]:
        """Return what is wrong with the vectors."""
        self._check_open()
        fresh = self._encoded(self._records)
        wrong = sorted(set(fresh) ^ set(self._vectors))
        wrong += [id for id in fresh if id in self._vectors and not np.array_equal(fresh[id], self._vectors[id])]
        return [f"The vector of record {id} is missing, left over or stale; call rebuild()." for id in wrong]

    def rebuild(self) -> None:
        """Make all vectors anew."""
        self._check_open()
        self._vectors = self._encoded(self._records)

    def export_jsonl(self, path: str | Path) -> int:
        """Write one record a line to a new file; return how many."""
        self._check_open()
        return write_json_lines(path, [record.as_line() for record in self._records.values()])

    def import_jsonl(self, path: str | Path, *, on_error: OnError = "stop") -> ImportReport:
        """Write every line's record; a broken line stops it or is left out."""
        self._check_open()
        reader = JsonLineReader(path, _Record.from_line, on_error=on_error)
        records = list(reader)
        return ImportReport(receipts=tuple(self._write(records, "import")), skipped=tuple(reader.skipped))

    def put_blob(self, id: int, kind: str, model_digest: str, data: bytes) -> None:
        """Keep `data` for record `id`, replacing an earlier blob of this kind and model."""
        self.get(id)
        self._blobs[id, kind, model_digest] = bytes(data)

    def get_blob(self, id: int, kind: str, model_digest: str) -> bytes | None:
        """Return what was kept, or None."""
        self._check_open()
        return self._blobs.get((id, kind, model_digest))

    def replay_batches(self, batch_size: int, *, seed: int = 0, adapter: str | None = None) -> Iterator[list[Hit[Any]]]:
        """Yield every record once, shuffled, with its salience as priority. It keeps no ledger."""
        self._check_open()
        size = checked_count(batch_size, name="batch_size")
        ids = sorted(self._records)
        random.Random(seed).shuffle(ids)
        hits = [Hit(id=id, item=self.get(id), score=self.get(id).salience.score) for id in ids]
        return iter([hits[start : start + size] for start in range(0, len(hits), size)])

    # ---- how ----

    def _write(self, records: Sequence[_Record], kind: str) -> list[Receipt]:
        after = dict(self._records)
        by_text = {_normalised(record.item.text): id for id, record in after.items()}
        receipts: list[Receipt] = []
        for record in records:
            id = by_text.get(_normalised(record.item.text))
            if id is None:
                id = by_text[_normalised(record.item.text)] = next(self._next_id)
                after[id] = record
                receipts.append(Receipt(status="stored", id=id))
            else:
                origins = tuple(dict.fromkeys(after[id].origins + record.origins))
                after[id] = replace(after[id], origins=origins)
                receipts.append(Receipt(status="merged", id=id, reason="the same text is there already"))
        self._become(after, kind)
        return receipts

    def _become(self, after: dict[int, _Record], kind: str) -> None:
        """Hold `after`, and of the blobs those that its records have; the one place where records change."""
        before = self._records
        touched: list[tuple[int, Action]] = [
            (id, "insert" if id not in before else "delete" if id not in after else "update")
            for id in sorted(before.keys() | after.keys())
            if before.get(id) != after.get(id)
        ]
        if not touched:
            return
        vectors = self._encoded({id: after[id] for id, _ in touched if id in after})
        number = next(self._next_operation)
        self._operations.append(
            _Operation(
                number=number,
                kind=kind,
                time=self._clock(),
                touched=tuple(touched),
                before=before,
            )
        )
        self._records = after
        self._vectors = {id: row for id, row in {**self._vectors, **vectors}.items() if id in after}
        self._blobs = {key: blob for key, blob in self._blobs.items() if key[0] in after}

    def _encoded(self, records: dict[int, _Record]) -> dict[int, Vector]:
        rows = self._encoder.encode([record.item.text for record in records.values()])
        return dict(zip(records, rows, strict=True))

    def _cue_vector(self, cue: Cue) -> Vector:
        if isinstance(cue, np.ndarray):
            return checked_vector(cue, dim=self._encoder.dim, name="cue")
        return self._encoder.encode([checked_text(cue, name="cue")])[0]

    def _nearest(self, vector: Vector, k: int) -> list[Hit[Episode]]:
        scores = {id: float(row @ vector) for id, row in self._vectors.items()}
        best = sorted(scores, key=lambda id: (-scores[id], id))[:k]
        return [Hit(id=id, item=self._records[id].item, score=scores[id], why={"path": "scan"}) for id in best]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError("This ReferenceStore is closed, and with it its content is gone; make a new one.")


def _checked(item: object) -> Episode:
    if not isinstance(item, Episode):
        raise InvalidInputError(f"A record must be an Episode, not {type(item).__name__}: {item!r:.60}.")
    return item


def _normalised(text: str) -> str:
    return " ".join(text.casefold().split())
