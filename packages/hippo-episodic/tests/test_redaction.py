"""Forgetting for real: after a redaction no byte of what was said is left in any file of the store."""

import sqlite3
from datetime import UTC, datetime

import numpy as np
import pytest
from hippo_core import EntitySlots, Episode, EventLog, InvalidInputError, Provenance, StorageError, UnknownIdError
from hippo_episodic import EpisodicStore, TaintedAdapterError, WriteGate

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRETS = [b"zanzibar", b"mrs-quillon", b"secretsession", b"letter-77", b"hiddenvalue"]
GATE = WriteGate(threshold=-1.0)


def secret(number=0, source="mrs-quillon", doc_id="letter-77"):
    return Episode(
        text=f"Zanzibar{number} zanzibar plan: the vault opens at {number}.",
        slots=EntitySlots(who="zanzibar person", extras={"code": "hiddenvalue"}),
        provenance=Provenance(source=source, doc_id=doc_id, time=NOON),
        session="secretsession",
    )


def harmless(number):
    return Episode(text=f"Traveller {number} met a fox.", provenance=Provenance(source="chat", time=NOON))


def found_in_files(folder, needles):
    return {
        (file.name, needle)
        for file in folder.iterdir()
        if file.is_file()
        for needle in needles
        if needle.lower() in file.read_bytes().lower()
    }


@pytest.fixture(params=["exact", "hnsw"])
def index(request):
    return request.param


def test_no_byte_of_it_is_left_in_any_file(tmp_path, index):
    path = tmp_path / "memory.db"
    events = EventLog(tmp_path / "events.jsonl")
    keys = np.random.default_rng(0).normal(size=(30, 384))  # no run of zeros that other vectors have too
    with EpisodicStore(path, index=index, gate=GATE, events=events) as store:
        store.write_many([harmless(i) for i in range(1_200)])
        ids = [receipt.id for receipt in store.write_many([secret(i) for i in range(30)], keys=keys)]
        vectors = [row[0] for row in store._database.query("SELECT vector FROM episodes WHERE id >= ?", (ids[0],))]
        store.put_blob(ids[0], "kv", "model", b"zanzibar in a blob")
        store.delete(ids[:5])  # their images are in the journal
        store.write(secret(2).text, provenance=secret(2).provenance, slots=secret(2).slots)
        store.undo()
        store.finish_indexing()
    assert found_in_files(tmp_path, SECRETS)  # or the search below would prove nothing
    assert found_in_files(tmp_path, [vector[:64] for vector in vectors])
    with EpisodicStore(path, index=index, gate=GATE, events=events) as store:
        redaction = store.redact(source="mrs-quillon")
        assert redaction.episodes >= 30
        assert not found_in_files(tmp_path, SECRETS)  # while it is open, the write-ahead log included
        assert len(store) == 1_200
        assert store.verify() == []
        assert not [hit for hit in store.recall("zanzibar plan vault") if "anzibar" in hit.item.text]
        for id in ids:
            with pytest.raises(UnknownIdError):
                store.get(id)
            assert [(change.kind, change.action) for change in store.history(id)] == [("redact", "delete")]
            assert store.get_blob(id, "kv", "model") is None
    assert not found_in_files(
        tmp_path, SECRETS + [vector[offset : offset + 64] for vector in vectors for offset in (0, 640)]
    )


def test_a_path_with_brackets_keeps_nothing_in_its_caches(tmp_path):
    path = tmp_path / "memory[1].db"
    keys = np.random.default_rng(1).normal(size=(2, 384)).astype(np.float32)
    with EpisodicStore(path) as store:
        store.write_many([harmless(0), secret(0)], keys=keys)
        vector = store._database.query("SELECT vector FROM episodes WHERE id = 2")[0][0]
    assert found_in_files(tmp_path, [vector[:64]])
    (tmp_path / "memory[1].db.vectors.partial-0a1b").write_bytes(vector)  # a crash left it
    (tmp_path / "memory[1].db.vectors-of-mine").write_bytes(b"not ours")
    with EpisodicStore(path) as store:
        store.redact(source="mrs-quillon")
        assert not found_in_files(tmp_path, [vector[:64]])
    assert (tmp_path / "memory[1].db.vectors-of-mine").exists()


def test_undo_cannot_bring_it_back(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        store.write_many([harmless(0), secret(0)])
        store.delete_by_provenance(source="mrs-quillon")
        assert store.redact(source="mrs-quillon").episodes == 1
        store.undo(10)
        assert not store.recall("zanzibar")
        assert store.verify() == []
        assert not found_in_files(tmp_path, SECRETS)


def test_what_another_source_said_too_stays_without_this_origin(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        (id,) = {receipt.id for receipt in store.write_many([secret(1), secret(1, source="mr-brown", doc_id="other")])}
        redaction = store.redact(source="mrs-quillon")
        assert (redaction.episodes, redaction.origins) == (0, 1)
        assert [one.source for one in store.provenances(id)] == ["mr-brown"]
        assert [(change.kind, change.action) for change in store.history(id)] == [
            ("redact", "update"),
            ("write", "insert"),
        ]
        assert not found_in_files(tmp_path, [b"mrs-quillon", b"letter-77"])
        store.delete(id)  # its text lives on in the journal, since mr-brown said it
        store.redact(source="mrs-quillon")
        store.undo()
        assert store.get(id).text == secret(1).text
        store.delete(id)
        assert store.redact(source="mr-brown").episodes == 1
        assert not found_in_files(tmp_path, [b"zanzibar"])


def test_only_one_document_of_a_source(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        store.write_many([secret(1), secret(2, doc_id="letter-78")])
        store.redact(source="mrs-quillon", doc_id="letter-77")
        assert [hit.item.provenance.doc_id for hit in store.recall("zanzibar plan")] == ["letter-78"]
        assert not found_in_files(tmp_path, [b"letter-77", b"zanzibar1"])


def test_an_open_store_of_another_kind_follows(tmp_path):
    path = tmp_path / "memory.db"
    with EpisodicStore(path) as one, EpisodicStore(path, index="hnsw") as two:
        one.write_many([harmless(0), secret(0)])
        assert len(two.recall("zanzibar plan")) == 2
        one.redact(source="mrs-quillon")
        assert [hit.item.text for hit in two.recall("zanzibar plan")] == [harmless(0).text]
        assert two.verify() == []
    assert not found_in_files(tmp_path, SECRETS)


def test_a_reader_holds_it_up_and_the_error_says_so(tmp_path):
    path = tmp_path / "memory.db"
    with EpisodicStore(path) as store:
        store.write_many([harmless(0), secret(0)])
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM episodes").fetchone()
        store._database.connection.execute("PRAGMA busy_timeout = 200")
        with pytest.raises(StorageError, match="another process reads it"):
            store.redact(source="mrs-quillon")
        reader.close()
        assert len(store) == 1
        store.redact(source="mrs-quillon")
        assert not found_in_files(tmp_path, SECRETS)


def test_nothing_to_redact_changes_nothing(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        store.write_many([harmless(i) for i in range(3)])
        assert store.redact(source="nobody").episodes == 0
        assert len(store) == 3
        assert [hit.item.text for hit in store.recall("traveller 1", k=1)] == [harmless(1).text]
        with pytest.raises(InvalidInputError, match="source"):
            store.redact(source=" ")


def test_adapters_that_learnt_it_are_named_and_refused(tmp_path):
    path = tmp_path / "memory.db"
    with EpisodicStore(path) as store:
        ids = [receipt.id for receipt in store.write_many([harmless(0), secret(0), secret(1)])]
        store.ledger.record(ids[:2], adapter="night-1")
        store.ledger.record(ids[:1], adapter="night-2")
        redaction = store.redact(source="mrs-quillon")
        assert redaction.adapters == {"night-1": (ids[1],)}
    with EpisodicStore(path) as store:
        assert not store.ledger.is_clean("night-1")
        assert store.ledger.is_clean("night-2")
        with pytest.raises(TaintedAdapterError, match="night-1"):
            store.ledger.require_clean("night-1")
    assert not found_in_files(tmp_path, SECRETS)


def test_in_memory(tmp_path):
    with EpisodicStore(":memory:") as store:
        store.write_many([harmless(0), secret(0)])
        assert store.redact(source="mrs-quillon").episodes == 1
        assert np.isclose(store.recall(harmless(0).text, k=1)[0].why["cosine"], 1.0, atol=1e-5)
