"""A small durable store over `Database` and a sidecar under the whole kit, so that the kit's promises about files,
processes and crashes are tried where the reference store cannot try them."""

import json
import sqlite3
import time
from contextlib import closing, suppress
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
    utc_now,
)
from hippo_core.checks import checked_k, checked_text, checked_vector
from hippo_core.storage import read_sidecar, write_sidecar
from hippo_core.testing import MemoryStoreContract
from hippo_core.testing.machine import run_machine

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

    def __init__(self, path, *, clock=utc_now):
        self.encoder = HashingEncoder(64)
        self.database = Database(
            path,
            kind="small-store",
            migrations=[SCHEMA],
            record_columns={"episodes": "id"},
            clock=clock,
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
            return self.remove(transaction, [int(id) for id in wanted if abs(id) < INT64])

    def remove(self, transaction, ids):
        return transaction.delete("episodes", ids)

    def delete_by_provenance(self, *, source, doc_id=None):
        with self.database.transaction("delete_by_provenance") as transaction:
            rows = self.database.query(
                "SELECT id FROM episodes WHERE source = ? AND (? IS NULL OR doc_id = ?)", (source, doc_id, doc_id)
            )
            return self.remove(transaction, [row[0] for row in rows])

    def evict(self):
        """Let the oldest third go."""
        with self.database.transaction("evict") as transaction:
            ids = [row[0] for row in self.database.query("SELECT id FROM episodes ORDER BY id")]
            self.remove(transaction, ids[: len(ids) // 3])
        return ids[: len(ids) // 3]

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
            transaction.connection.execute(
                "INSERT OR REPLACE INTO blobs(episode, kind, digest, data) VALUES (?, ?, ?, ?)",
                (id, kind, model_digest, data),
            )

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

    @staticmethod
    def open_store_at(path, clock):
        return SmallStore(path, clock=clock)

    @staticmethod
    def evict(store):
        return store.evict()


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


class Trusting(SmallStore):
    """Believes whatever its cache says, whenever it was written."""

    def load_cache(self):
        read = read_sidecar(self.cache)
        if read is None:
            return self.database.generation, {}
        return self.database.generation, dict(zip(read[1]["ids"].tolist(), np.array(read[1]["rows"]), strict=True))


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


class RawErrors(SmallStore):
    """Lets the errors of the system through."""

    def write_many(self, items):
        try:
            return super().write_many(items)
        except StorageError as error:
            raise OSError(str(error)) from error


class AnswersBeforeItDeletes(SmallStore):
    """Counts what is to be deleted, and deletes it after the next write but one."""

    undo = history = None  # of one operation that is two an undo would be another fault

    def __init__(self, path):
        super().__init__(path)
        self.waiting, self.writes = [], 0

    def write_many(self, items):
        receipts = super().write_many(items)
        self.writes += 1
        if self.writes % 2 == 0:
            super().delete(self.waiting)
            self.waiting = []
        return receipts

    def delete(self, ids):
        self.waiting += ids
        return len(ids)


class MendsTooMuch(SmallStore):
    """Takes a delete that came last for a mistake of the crash."""

    def __init__(self, path):
        super().__init__(path)
        if any(change.kind == "delete" for change in self.history(limit=1)):
            self.undo()


class DeletesOneByOne(SmallStore):
    """Needs several transactions for one call."""

    undo = history = None

    def delete(self, ids):
        count = 0
        for id in [ids] if isinstance(ids, int) else ids:
            count += super().delete(id)
            time.sleep(0.01)
        return count


class KeepsBlobsInMemory(SmallStore):
    """Writes a blob when the next one comes."""

    undo = history = None
    waiting = None

    def put_blob(self, id, kind, model_digest, data):
        self.get(id)
        if self.waiting:
            last, self.waiting = self.waiting, None
            with suppress(UnknownIdError):
                super().put_blob(*last)
        self.waiting = (id, kind, model_digest, data)


class NamesWhatItWillEvict(SmallStore):
    """Evicts at the next eviction what it has named at this one."""

    undo = history = None
    waiting = ()

    def evict(self):
        super().delete(self.waiting)
        self.waiting = [row[0] for row in self.database.query("SELECT id FROM episodes ORDER BY id LIMIT 2")]
        return self.waiting


class SnapshotsWithoutTheNewest(SmallStore):
    """Copies all but the record written last."""

    def snapshot(self, path):
        super().snapshot(path)
        with closing(sqlite3.connect(path)) as copy, copy:
            (newest,) = copy.execute("SELECT max(id) FROM episodes").fetchone()
            copy.execute("DELETE FROM blobs WHERE episode = ?", (newest,))
            copy.execute("DELETE FROM episodes WHERE id = ?", (newest,))


class SnapshotsWithWhatIsGone(SmallStore):
    """Copies a record that was deleted before."""

    def snapshot(self, path):
        super().snapshot(path)
        dead = [change.id for change in self.history() if change.action == "delete"][:1]
        with closing(sqlite3.connect(path)) as copy, copy:
            row = self.row_of(SmallStoreContract.make_item(0))
            copy.executemany("INSERT OR IGNORE INTO episodes VALUES (?, ?, ?, ?)", [(id, *row.values()) for id in dead])


class SnapshotsInPlace(SmallStore):
    """Writes the copy where it will stand, in two parts."""

    def snapshot(self, path):
        whole = path.with_name(path.name + ".whole")
        super().snapshot(whole)
        content = whole.read_bytes()
        with path.open("wb", buffering=0) as file:
            file.write(content[: len(content) // 2])
            time.sleep(0.1)
            file.write(content[len(content) // 2 :])
        whole.unlink()


class LooksRarely(SmallStore):
    """Sees what was written at every other question."""

    turn = 0

    def catch_up(self):
        self.turn += 1
        if self.turn % 2 or not self.vectors:
            super().catch_up()


class BelievesEveryBit(SmallStore):
    """Reads its cache without a look at the checksums."""

    def load_cache(self):
        read = read_sidecar(self.cache, check_bytes_up_to=0)
        return super().load_cache() if read is None else self.believe(read)

    def believe(self, read):
        if read[0]["generation"] != self.database.generation:
            return self.database.generation, {}
        return self.database.generation, dict(zip(read[1]["ids"].tolist(), np.array(read[1]["rows"]), strict=True))


class GivesUpOnABadCache(SmallStore):
    """Does not open where the cache cannot be read."""

    def load_cache(self):
        if self.cache.exists() and read_sidecar(self.cache) is None:
            raise StorageError(f"{self.cache} is damaged")
        return super().load_cache()


def contract_of(kind):
    """A contract that child processes find by its name in this module."""

    class Contract(SmallStoreContract):
        @staticmethod
        def open_store(path):
            return kind(path)

    Contract.__name__ = Contract.__qualname__ = f"{kind.__name__}Contract"
    return Contract


FAULTY = (
    *(Forgetful, Trusting, Blind, RawErrors, AnswersBeforeItDeletes, MendsTooMuch, DeletesOneByOne, KeepsBlobsInMemory),
    *(NamesWhatItWillEvict, SnapshotsWithoutTheNewest, SnapshotsWithWhatIsGone, SnapshotsInPlace, LooksRarely),
    *(BelievesEveryBit, GivesUpOnABadCache),
)
globals().update({f"{kind.__name__}Contract": contract_of(kind) for kind in FAULTY})
FAULT = (AssertionError, pytest.fail.Exception, UnknownIdError, StorageError)


class UntilItShows:
    """In place of a request: more rounds than the fault needs to show, of which the first that shows it is the last."""

    class config:  # noqa: N801 - the request's name for it
        @staticmethod
        def getoption(name, default):
            return 200


# One fault shows in several ways, by the moment at which the writers are killed
FINDINGS = (
    "came back|was lost|holds|content was changed|a part of|several operations|is damaged|is not a SQLite database"
)


@pytest.mark.parametrize(
    ("kind", "finding"),
    [
        (Forgetful, None),
        (AnswersBeforeItDeletes, FINDINGS),
        (MendsTooMuch, FINDINGS),
        (DeletesOneByOne, FINDINGS),
        (KeepsBlobsInMemory, FINDINGS),
        (NamesWhatItWillEvict, FINDINGS),
        (SnapshotsWithoutTheNewest, FINDINGS),
        (SnapshotsWithWhatIsGone, FINDINGS),
        (SnapshotsInPlace, FINDINGS),
    ],
)
def test_kill_9_shows_the_fault(kind, finding, tmp_path):
    with pytest.raises(FAULT, match=finding):
        globals()[f"{kind.__name__}Contract"]().test_kill_9_loses_no_receipt(tmp_path, UntilItShows)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Trusting, "test_another_stores_caches_change_no_answer"),
        (BelievesEveryBit, "test_a_damaged_cache_changes_no_answer"),
        (GivesUpOnABadCache, "test_a_damaged_cache_changes_no_answer"),
    ],
)
def test_a_fault_breaks_its_promise(kind, promise, tmp_path):
    contract = globals()[f"{kind.__name__}Contract"]()
    with pytest.raises(FAULT):
        getattr(contract, promise)(tmp_path / "kit.db")


def test_the_state_machine_notices_a_handle_that_is_blind_to_the_other(tmp_path):
    def try_histories():
        for turn in range(5):  # not every run opens two handles and then writes
            folder = tmp_path / f"turn{turn}"
            folder.mkdir()
            run_machine(contract_of(Blind)(), folder, shrink=False)

    with pytest.raises(FAULT):
        try_histories()


@pytest.mark.parametrize(
    ("kind", "promise", "fault"),
    [
        (LooksRarely, "test_four_processes_at_once_lose_nothing", "what was just written is not recalled|no record"),
        (GivesUpOnABadCache, "test_caches_harmed_while_in_use_change_no_answer", "is damaged"),
        (BelievesEveryBit, "test_caches_harmed_while_in_use_change_no_answer", None),
        (Trusting, "test_caches_replaced_while_in_use_change_no_answer", None),
        (Trusting, "test_a_cache_from_after_the_truth_is_not_believed", None),
        (Blind, "test_an_open_store_sees_what_another_process_does", None),
        (RawErrors, "test_a_full_disk_loses_nothing", "OSError"),
    ],
)
def test_a_fault_shows_beside_other_processes(kind, promise, fault, tmp_path):
    with pytest.raises(FAULT, match=fault):
        getattr(globals()[f"{kind.__name__}Contract"](), promise)(tmp_path / "kit.db", tmp_path)
