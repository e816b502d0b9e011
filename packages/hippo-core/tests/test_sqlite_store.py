"""A small durable store over `Database` and a sidecar under the whole kit, so that the kit's promises about files,
processes and crashes are tried where the reference store cannot try them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hippo_core import (
    Database,
    Episode,
    HashingEncoder,
    Hit,
    InvalidInputError,
    Provenance,
    Receipt,
    StorageError,
    UnknownIdError,
    from_jsonable,
    to_jsonable,
)
from hippo_core.checks import checked_k, checked_text, checked_vector
from hippo_core.storage import read_sidecar, write_sidecar
from hippo_core.testing import MemoryStoreContract

SCHEMA = """
CREATE TABLE episodes(id INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT NOT NULL, source TEXT NOT NULL, doc_id TEXT);
CREATE TABLE blobs(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episodes(id) ON DELETE CASCADE,
    kind TEXT, digest TEXT, data BLOB, UNIQUE(episode, kind, digest)
);
"""
INT64 = 2**63


class SmallStore:
    """Rows are the truth, vectors are made from them, and a sidecar keeps the vectors between openings."""

    def __init__(self, path):
        self.encoder = HashingEncoder(64)
        self.database = Database(
            path, kind="small-store", migrations=[SCHEMA], record_columns={"episodes": "id", "blobs": "episode"}
        )
        self.cache = Path(f"{path}.vectors")
        self.generation, self.vectors = self.load_cache()

    def load_cache(self):
        read = read_sidecar(self.cache)
        if read is None:
            return self.database.generation, {}
        stamp, arrays = read
        if stamp["generation"] != self.database.generation or stamp["sequence"] > self.database.sequence:
            return self.database.generation, {}
        return self.database.generation, dict(zip(arrays["ids"].tolist(), np.array(arrays["rows"]), strict=True))

    def write_many(self, items):
        rows = [self.row_of(item) for item in items]
        with self.database.transaction("write") as transaction:
            ids = transaction.insert("episodes", rows)
        return [Receipt(status="stored", id=id) for id in ids]

    def row_of(self, item):
        if not isinstance(item, Episode):
            raise InvalidInputError(f"not an Episode: {item!r}")
        return {
            "item": json.dumps(to_jsonable(item)),
            "source": item.provenance.source,
            "doc_id": item.provenance.doc_id,
        }

    def recall_many(self, cues, k=8):
        k = checked_k(k)
        cue_rows = [
            checked_vector(cue, dim=64) if isinstance(cue, np.ndarray) else self.encoder.encode([checked_text(cue)])[0]
            for cue in cues
        ]
        with self.database.reading():
            self.catch_up()
            ids = np.array(sorted(self.vectors), dtype=np.int64)
            if not ids.size:
                return [[] for _ in cues]
            matrix = np.stack([self.vectors[id] for id in ids.tolist()])
            return [self.hits(ids, np.array([float(row @ cue) for row in matrix]), k) for cue in cue_rows]

    def hits(self, ids, scores, k):
        best = np.lexsort((ids, -scores))[:k]
        return [Hit(id=int(ids[i]), item=self.get(int(ids[i])), score=float(scores[i])) for i in best]

    def catch_up(self):
        if self.generation != self.database.generation:
            self.generation, self.vectors = self.database.generation, {}
        live = {row[0] for row in self.database.query("SELECT id FROM episodes")}
        self.vectors = {id: row for id, row in self.vectors.items() if id in live}
        missing = sorted(live - set(self.vectors))
        if missing:
            self.vectors |= dict(zip(missing, self.encoder.encode([self.get(id).text for id in missing]), strict=True))

    def get(self, id):
        rows = self.database.query("SELECT item FROM episodes WHERE id = ?", (int(id),)) if abs(id) < INT64 else []
        if not rows:
            raise UnknownIdError(f"no record {id}")
        return from_jsonable(Episode, json.loads(rows[0][0]))

    def delete(self, ids):
        wanted = [ids] if isinstance(ids, (int, np.integer)) else ids
        with self.database.transaction("delete") as transaction:
            return transaction.delete("episodes", [int(id) for id in wanted if abs(id) < INT64])

    def delete_by_provenance(self, *, source, doc_id=None):
        with self.database.transaction("delete_by_provenance") as transaction:
            rows = self.database.query(
                "SELECT id FROM episodes WHERE source = ? AND (? IS NULL OR doc_id = ?)", (source, doc_id, doc_id)
            )
            return transaction.delete("episodes", [row[0] for row in rows])

    def __len__(self):
        return self.database.query("SELECT count(*) FROM episodes")[0][0]

    def undo(self, count=1):
        return self.database.undo(count)

    def history(self, id=None, *, limit=100):
        return self.database.history(id, limit=limit)

    def snapshot(self, path):
        self.database.snapshot(path)

    def restore(self, path):
        self.database.restore(path)

    def verify(self):
        with self.database.reading():
            self.catch_up()
            ids = sorted(self.vectors)
            fresh = self.encoder.encode([self.get(id).text for id in ids])
            stale = [id for id, row in zip(ids, fresh, strict=True) if not np.array_equal(row, self.vectors[id])]
        return self.database.check() + [f"vector {id} is stale" for id in stale]

    def rebuild(self):
        self.database.query("SELECT 1")
        self.vectors = {}

    def put_blob(self, id, kind, model_digest, data):
        self.get(id)
        with self.database.transaction("put_blob") as transaction:
            rows = self.database.query(
                "SELECT id FROM blobs WHERE episode=? AND kind=? AND digest=?", (id, kind, model_digest)
            )
            transaction.delete("blobs", [row[0] for row in rows])
            transaction.insert("blobs", [{"episode": id, "kind": kind, "digest": model_digest, "data": data}])

    def get_blob(self, id, kind, model_digest):
        if abs(id) >= INT64:
            return None
        rows = self.database.query(
            "SELECT data FROM blobs WHERE episode = ? AND kind = ? AND digest = ?", (id, kind, model_digest)
        )
        return rows[0][0] if rows else None

    def close(self):
        if self.database._connection is not None:
            with self.database.reading():
                self.catch_up()
                stamp = {"generation": self.generation, "sequence": self.database.sequence}
            ids = np.array(sorted(self.vectors), dtype=np.int64)
            rows = np.array([self.vectors[id] for id in ids.tolist()], dtype=np.float32).reshape(-1, 64)
            write_sidecar(self.cache, stamp, {"ids": ids, "rows": rows})
        self.database.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class SmallStoreContract(MemoryStoreContract):
    @staticmethod
    def open_store(path):
        return SmallStore(path)

    @staticmethod
    def make_item(number, *, source="kit", doc_id=None):
        return Episode(
            text=f"{number:x} parcel {number * 7919 % 10007} shelf {number * 104729 % 100003:x}.",
            provenance=Provenance(source=source, doc_id=doc_id, time=datetime(2026, 5, 3, tzinfo=UTC)),
        )

    @staticmethod
    def cue_for(item):
        return item.text

    @staticmethod
    def cue_width(store):
        return 64

    @staticmethod
    def cache_files(path):
        return [Path(f"{path}.vectors")]


class TestSmallStore(SmallStoreContract):
    """The whole kit."""


class Forgetful(SmallStore):
    """Gives receipts before the commit: of every four writes, the last three wait for the next one."""

    def __init__(self, path):
        super().__init__(path)
        self.waiting = []

    def write_many(self, items):
        rows = [self.row_of(item) for item in items]
        end = self.database.query("SELECT coalesce(max(id), 0) FROM episodes")[0][0]
        first = end + 1 + sum(map(len, self.waiting))
        self.waiting.append(rows)
        if len(self.waiting) == 4:
            with self.database.transaction("write") as transaction:
                transaction.insert("episodes", [row for batch in self.waiting for row in batch])
            self.waiting = []
        return [Receipt(status="stored", id=first + place) for place in range(len(rows))]


class ForgetfulContract(SmallStoreContract):
    @staticmethod
    def open_store(path):
        return Forgetful(path)


class Trusting(SmallStore):
    """Believes whatever its cache says, whenever it was written."""

    def load_cache(self):
        read = read_sidecar(self.cache)
        if read is None:
            return self.database.generation, {}
        return self.database.generation, dict(zip(read[1]["ids"].tolist(), np.array(read[1]["rows"]), strict=True))


class TrustingContract(SmallStoreContract):
    @staticmethod
    def open_store(path):
        return Trusting(path)


class Blind(SmallStore):
    """Reads what there is when it is opened, and then follows only itself."""

    def __init__(self, path):
        super().__init__(path)
        self.seen = {row[0] for row in self.database.query("SELECT id FROM episodes")}

    def write_many(self, items):
        receipts = super().write_many(items)
        self.seen |= {receipt.id for receipt in receipts}
        return receipts

    def __len__(self):
        return len(self.seen & {row[0] for row in self.database.query("SELECT id FROM episodes")})


class BlindContract(SmallStoreContract):
    @staticmethod
    def open_store(path):
        return Blind(path)


class RawErrors(SmallStore):
    """Lets the errors of the system through."""

    def write_many(self, items):
        try:
            return super().write_many(items)
        except StorageError as error:
            raise OSError(str(error)) from error


class RawErrorsContract(SmallStoreContract):
    @staticmethod
    def open_store(path):
        return RawErrors(path)


def test_the_kit_notices_receipts_before_the_commit(tmp_path, request):
    with pytest.raises((AssertionError, UnknownIdError)):
        ForgetfulContract().test_kill_9_loses_no_receipt(tmp_path, request)


def test_the_kit_notices_a_cache_that_is_believed(tmp_path):
    with pytest.raises(AssertionError):
        TrustingContract().test_a_cache_from_after_the_truth_is_not_believed(tmp_path / "kit.db", tmp_path)


def test_the_kit_notices_a_store_that_is_blind_to_others(tmp_path):
    with pytest.raises(AssertionError):
        BlindContract().test_an_open_store_sees_what_another_process_does(tmp_path / "kit.db", tmp_path)


def test_the_kit_notices_raw_errors_of_a_full_disk(tmp_path):
    with pytest.raises(AssertionError, match="OSError"):
        RawErrorsContract().test_a_full_disk_loses_nothing(tmp_path / "kit.db", tmp_path)
