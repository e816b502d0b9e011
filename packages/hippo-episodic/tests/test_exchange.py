"""Export and import: what goes out comes in again, and a bad file is refused in words, whole or line by line."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hippo_core import (
    EntitySlots,
    Episode,
    HashingEncoder,
    InvalidInputError,
    Provenance,
    Salience,
    StorageError,
    to_jsonable,
)
from hippo_episodic import EpisodicStore, WriteGate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

START = datetime(2026, 5, 3, tzinfo=UTC)
NARROW = HashingEncoder(8)


def line(number, **more):
    """A line as a stranger would write it, and quick to make."""
    provenance = {"source": "test", "time": "2026-05-03T00:00:00+00:00"}
    return {"episode": {"text": f"Parcel {number} is here.", "provenance": provenance}, **more}


def write_file(path, lines):
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return path


def store_of(*items, **options):
    store = EpisodicStore(":memory:", encoder=NARROW, **options)
    store.write_many(items)
    return store


# What goes out comes in again

words = st.text(min_size=1, max_size=30).filter(str.strip)
numbers = st.floats(-1e6, 1e6)
provenances = st.builds(
    Provenance,
    source=words,
    doc_id=st.none() | words,
    span=st.none() | st.tuples(st.integers(0, 10**20), st.integers(0, 10**20)).map(lambda pair: tuple(sorted(pair))),
    time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])),
    confidence=st.floats(0, 1),
)
episodes = st.builds(
    Episode,
    text=words,
    provenance=provenances,
    slots=st.builds(
        EntitySlots,
        who=st.none() | words,
        where=st.none() | words,
        extras=st.dictionaries(words, words, max_size=3),
    ),
    salience=st.builds(
        Salience,
        surprise=st.none() | numbers,
        pin=st.booleans(),
        score=numbers,
        contributions=st.dictionaries(words, numbers, max_size=2),
    ),
    session=st.none() | words,
    sketch=st.none() | st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=4).map(np.array),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(episodes, max_size=6), st.data())
def test_any_episodes_make_the_round_trip(tmp_path, items, data):
    folder = tmp_path / os.urandom(8).hex()
    folder.mkdir()
    repeats = data.draw(st.lists(st.sampled_from(items), max_size=3)) if items else []
    with store_of(*items) as store, EpisodicStore(":memory:", encoder=NARROW) as other:
        store.write_many([Episode(text=item.text, slots=item.slots, provenance=Provenance(source="again", time=START))
                          for item in repeats])  # fmt: skip
        assert store.export_jsonl(folder / "out.jsonl") == len(store)
        report = other.import_jsonl(folder / "out.jsonl")
        assert {receipt.status for receipt in report.receipts} <= {"stored"}
        ids = sorted({hit.id for hit in store.recall("anything", k=100)})
        for id, receipt in zip(ids, report.receipts, strict=True):
            assert other.get(receipt.id) == store.get(id)
            assert other.provenances(receipt.id) == store.provenances(id)
        other.export_jsonl(folder / "again.jsonl")
        assert (folder / "again.jsonl").read_bytes() == (folder / "out.jsonl").read_bytes()
        assert other.verify() == []


def test_more_than_a_batch_makes_the_round_trip_in_order(tmp_path):
    items = [
        Episode(text=f"Parcel {i}.", provenance=Provenance(source="test", time=START - timedelta(hours=i)), session="s")
        for i in range(2_500)
    ]
    calls = []
    with store_of(*items) as store, EpisodicStore(":memory:", encoder=NARROW) as other:
        store.delete(7)
        assert store.export_jsonl(tmp_path / "out.jsonl", progress=lambda *call: calls.append(call)) == 2_499
        assert calls == [(1_000, 2_499), (2_000, 2_499), (2_499, 2_499)]
        report = other.import_jsonl(tmp_path / "out.jsonl")
        assert [other.get(receipt.id) for receipt in report.receipts] == items[:6] + items[7:]
        assert other.undo() == 1, "an import is one operation"
        assert len(other) == 0


def test_a_line_lists_every_origin_the_earliest_first(tmp_path):
    later, earlier = (
        Provenance(source=word, time=START + timedelta(hours=hours)) for word, hours in (("b", 1), ("a", 0))
    )
    with store_of() as store:
        store.write_many([Episode(text="Said twice.", provenance=each, session="s") for each in (later, earlier)])
        store.export_jsonl(tmp_path / "out.jsonl")
    (written,) = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert [one["provenance"]["source"] for one in written["occurrences"]] == ["a", "b"]
    assert written["episode"]["provenance"] == written["occurrences"][0]["provenance"]


def test_a_key_of_the_callers_is_what_the_episode_is_found_by_afterwards(tmp_path):
    key = np.eye(8, dtype=np.float32)[3]
    with store_of() as store, EpisodicStore(":memory:", encoder=NARROW) as other:
        store.write("The attic is locked.", provenance="test", key=key)
        store.write("The cellar is open.", provenance="test")
        store.export_jsonl(tmp_path / "out.jsonl")
        other.import_jsonl(tmp_path / "out.jsonl")
        assert other.recall(key, k=1)[0].score == pytest.approx(1.0)


# A file of another's making


def test_the_shortest_line_is_a_text_with_a_source(tmp_path):
    file = write_file(tmp_path / "in.jsonl", [{"episode": {"text": "A fox.", "provenance": {"source": "diary"}}}])
    with store_of() as store:
        (receipt,) = store.import_jsonl(file).receipts
        assert receipt.status == "stored"
        assert store.get(receipt.id).provenance.source == "diary"
        assert store.recall("A fox.", k=1)[0].id == receipt.id


def test_identical_lines_merge_and_keep_every_origin_once(tmp_path):
    first = Provenance(source="chat", time=START)
    second = Provenance(source="mail", time=START + timedelta(hours=1))
    lines = [line(1), line(1), {"episode": to_jsonable(Episode(text="Parcel 1  is here.", provenance=second))}]
    lines.append(line(2, occurrences=[{"provenance": to_jsonable(first)}, {"provenance": to_jsonable(first)}]))
    file = write_file(tmp_path / "in.jsonl", lines)
    with store_of() as store:
        for _ in range(2):
            receipts = store.import_jsonl(file).receipts
            assert [receipt.id for receipt in receipts] == [1, 1, 1, 2]
            assert [origin.source for origin in store.provenances(1)] == ["test", "mail"]
            # Said twice in one breath, as the line says, and by its own origin, which the list lacked
            assert sorted(origin.source for origin in store.provenances(2)) == ["chat", "chat", "test"]
        assert [receipt.status for receipt in receipts] == ["merged"] * 4
        assert "origin" in receipts[0].reason


def test_no_gate_judges_an_import(tmp_path):
    file = write_file(tmp_path / "in.jsonl", [line(1), line(2)])
    with store_of(gate=WriteGate(threshold=9.0)) as store:
        assert [receipt.status for receipt in store.import_jsonl(file).receipts] == ["stored", "stored"]


class Other(HashingEncoder):
    """Another space, and a note of how many texts came at a time."""

    def __init__(self):
        super().__init__(16)
        self.batches = []

    @property
    def name(self):
        return "other"

    def encode(self, texts):
        self.batches.append(len(texts))
        return super().encode(texts)[:, ::-1].copy()


def test_vectors_of_another_encoder_are_made_anew_in_batches(tmp_path):
    items = [Episode(text=f"Parcel {i}.", provenance=Provenance(source="test", time=START)) for i in range(1_500)]
    encoder = Other()
    with store_of(*items) as store, EpisodicStore(":memory:", encoder=encoder) as other:
        store.export_jsonl(tmp_path / "out.jsonl")
        receipts = other.import_jsonl(tmp_path / "out.jsonl").receipts
        assert encoder.batches == [1_000, 500]
        assert other.recall("Parcel 77.", k=1)[0].item == items[77]
        assert other.recall(encoder.encode(["Parcel 77."])[0], k=1)[0].id == receipts[77].id


def test_nobody_waits_while_texts_are_encoded(tmp_path):
    class Busy(Other):
        """Another program writes to the same file while the texts are encoded."""

        def encode(self, texts):
            if len(texts) == 40:
                with EpisodicStore(tmp_path / "a.db", encoder=Other()) as second:
                    second.write("Meanwhile.", provenance="second")
            return super().encode(texts)

    file = write_file(tmp_path / "in.jsonl", [line(i) for i in range(40)])
    with EpisodicStore(tmp_path / "a.db", encoder=Busy()) as store:
        assert len(store.import_jsonl(file).receipts) == 40
        assert len(store) == 41
        assert store.verify() == []


# A bad file

VECTOR = to_jsonable(np.eye(8, dtype=np.float32)[0])
BAD_LINES = {
    "no episode": {"vector": VECTOR},
    "another field": line(1, colour="red"),
    "no source": {"episode": {"text": "A fox."}},
    "a blank text": {"episode": {"text": " ", "provenance": {"source": "test"}}},
    "a text over the limit": {"episode": {"text": "x" * 100_001, "provenance": {"source": "test"}}},
    "a lone surrogate": {"episode": {"text": "a\ud800", "provenance": {"source": "test"}}},
    "a time without a zone": {"episode": {"text": "A.", "provenance": {"source": "t", "time": "2026-05-03T00:00:00"}}},
    "an occurrence without a source": line(1, occurrences=[{"session": "s"}]),
    "occurrences that are no list": line(1, occurrences={}),
    "a vector of nobody's": line(1, vector=VECTOR),
    "another width": line(1, vector=to_jsonable(np.ones(9)), encoder=NARROW.name),
    "a wrong shape": line(1, vector={**VECTOR, "shape": [4, 2]}, encoder=NARROW.name),
    "an impossible shape": line(1, vector={**VECTOR, "shape": [10**30]}, encoder=NARROW.name),
    "NaN": line(1, vector=to_jsonable(np.full(8, np.nan)), encoder=NARROW.name),
    "zeros": line(1, vector=to_jsonable(np.zeros(8)), encoder=NARROW.name),
    "broken base64": line(1, vector={**VECTOR, "float32": "!"}, encoder=NARROW.name),
    "a blank encoder": line(1, vector=VECTOR, encoder=""),
    "an infinite contribution": {
        "episode": {**line(1)["episode"], "salience": {"contributions": {"novelty": float("1e999")}}}
    },
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=list(BAD_LINES))
def test_a_line_that_says_something_wrong_is_named_and_can_be_left_out(tmp_path, bad):
    file = write_file(tmp_path / "in.jsonl", [line(1), bad, line(2)])
    with store_of() as store:
        with pytest.raises(InvalidInputError, match="line 2: "):
            store.import_jsonl(file)
        assert (len(store), store.history()) == (0, [])
        report = store.import_jsonl(file, on_error="skip")
        assert [skipped.line for skipped in report.skipped] == [2]
        assert [store.get(receipt.id).text for receipt in report.receipts] == ["Parcel 1 is here.", "Parcel 2 is here."]
        assert store.verify() == []


@pytest.fixture(scope="module")
def broken_at_40_000(tmp_path_factory):
    """50,000 lines, and a comma too many in line 40,000."""
    lines = [json.dumps(line(i, vector=VECTOR, encoder=NARROW.name)) for i in range(1, 50_001)]
    lines[39_999] = lines[39_999].replace(",", ",,", 1)
    path = tmp_path_factory.mktemp("big") / "in.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_broken_line_40_000_imports_nothing(tmp_path, broken_at_40_000):
    with EpisodicStore(tmp_path / "a.db", encoder=NARROW) as store:
        store.write("Here before.", provenance="test")
        with pytest.raises(InvalidInputError, match=r"line 40000: it is not JSON: .*skip"):
            store.import_jsonl(broken_at_40_000)
        assert len(store) == 1
        assert {change.kind for change in store.history()} == {"write"}
        assert store.verify() == []


def test_a_broken_line_40_000_is_the_only_one_left_out(tmp_path, broken_at_40_000):
    calls = []
    with EpisodicStore(tmp_path / "a.db", encoder=NARROW) as store:
        report = store.import_jsonl(broken_at_40_000, on_error="skip", progress=lambda *call: calls.append(call))
        assert [skipped.line for skipped in report.skipped] == [40_000]
        assert len(report.receipts) == len(store) == 49_999
        texts = [store.get(report.receipts[i].id).text for i in (0, 39_998, 39_999, 49_998)]
        assert texts == [f"Parcel {n} is here." for n in (1, 39_999, 40_001, 50_000)]
        total = 2 * broken_at_40_000.stat().st_size
        assert calls == sorted(calls)
        assert len(calls) > 50
        assert calls[-1] == (total, total)


def test_what_progress_raises_stops_the_work_and_nothing_stays(tmp_path):
    class EnoughError(Exception):
        pass

    def give_up(done, total):
        if done == total:
            raise EnoughError

    file = write_file(tmp_path / "in.jsonl", [line(i) for i in range(10)])
    with store_of() as store:
        with pytest.raises(EnoughError):
            store.import_jsonl(file, progress=give_up)
        assert (len(store), store.history()) == (0, [])
        store.import_jsonl(file)
        with pytest.raises(EnoughError):
            store.export_jsonl(tmp_path / "out.jsonl", progress=give_up)
    assert list(tmp_path.iterdir()) == [file]


def test_a_killed_export_leaves_no_file_of_that_name(tmp_path):
    code = """
import os, signal, sys
from hippo_core import Episode, HashingEncoder, Provenance
from hippo_episodic import EpisodicStore
store = EpisodicStore(":memory:", encoder=HashingEncoder(8))
store.write_many([Episode(text=f"Parcel {i}.", provenance=Provenance(source="test")) for i in range(1_001)])
store.export_jsonl(sys.argv[1], progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL))
"""
    file = tmp_path / "out.jsonl"
    assert subprocess.run([sys.executable, "-c", code, str(file)], check=False).returncode == -9
    assert not file.exists()
    with store_of() as store:
        store.export_jsonl(file)
    assert file.exists()


def test_an_export_to_nowhere_is_a_storage_error(tmp_path):
    with store_of() as store, pytest.raises(StorageError, match="cannot be written"):
        store.export_jsonl(tmp_path / "no" / "out.jsonl")
