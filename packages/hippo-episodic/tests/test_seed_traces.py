"""The seeds' `episodic.v1` lines: every field finds its place, and comes back."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hippo_core import EntitySlots, Episode, HashingEncoder, InvalidInputError, Provenance, StorageError
from hippo_episodic import EpisodicStore, export_episodic_v1, import_episodic_v1
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ENCODER = HashingEncoder(8)
UNIT = (np.arange(1, 9) / np.linalg.norm(np.arange(1, 9))).tolist()
FULL = {
    "schema": "episodic.v1",
    "id": 7,
    "key": UNIT,
    "value": {
        "tokens_span": [3, 12],
        "entity_slots": {"who": "Alice", "what": "paid", "amount": "£5"},
        "state_sketch": [0.5, -0.25],
        "salience_tags": ["novel", "reward"],
        "provenance": "dummy",
    },
    "ts": 1714723200.25,
    "salience": 0.7,
}


def seed_line(**changes):
    value = {**FULL["value"], **changes.pop("value", {})}
    return {**FULL, "value": value, **changes}


def write_file(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def read_file(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def assert_same_line(ours, theirs):
    """Equal in every field; the two lists of floats within float32."""
    ours, theirs = json.loads(json.dumps(ours)), json.loads(json.dumps(theirs))
    floats = [[line.pop("key"), (line.get("value") or {}).pop("state_sketch", None)] for line in (ours, theirs)]
    assert ours == theirs
    for mine, other in zip(*floats, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            mine, other = np.array(mine, dtype=np.float64), np.array(other, dtype=np.float64)
            assert mine.shape == other.shape
            scale = max(float(np.abs(other).max(initial=0.0)), 1e-30)
            np.testing.assert_allclose(mine, other, rtol=3e-7, atol=3e-7 * scale)


def round_trip(tmp_path, lines):
    """Return what comes back, through a second store too, and the first import's report."""
    file = write_file(tmp_path / "in.jsonl", lines)
    with EpisodicStore(":memory:", encoder=ENCODER) as store, EpisodicStore(":memory:", encoder=ENCODER) as second:
        report = import_episodic_v1(store, file)
        assert export_episodic_v1(store, tmp_path / "out.jsonl") == len(store)
        store.export_jsonl(tmp_path / "hippo.jsonl")
        second.import_jsonl(tmp_path / "hippo.jsonl")
        export_episodic_v1(second, tmp_path / "second.jsonl")
        assert read_file(tmp_path / "second.jsonl") == read_file(tmp_path / "out.jsonl")
        assert store.verify() == []
    return read_file(tmp_path / "out.jsonl"), report


def test_every_field_finds_its_place(tmp_path):
    with EpisodicStore(":memory:", encoder=ENCODER) as store:
        (receipt,) = import_episodic_v1(store, write_file(tmp_path / "in.jsonl", [FULL])).receipts
        episode = store.get(receipt.id)
        assert episode.text == "who: Alice; what: paid; amount: £5"
        assert (episode.slots.who, episode.slots.what) == ("Alice", "paid")
        assert episode.slots.extras["amount"] == "£5"
        assert episode.slots.extras["seed_id"] == "7"
        assert json.loads(episode.slots.extras["seed_tags"]) == ["novel", "reward"]
        assert episode.provenance == Provenance(
            source="dummy", span=(3, 12), time=datetime(2024, 5, 3, 8, 0, 0, 250_000, tzinfo=UTC)
        )
        assert episode.sketch.tolist() == [0.5, -0.25]
        assert episode.salience.score == sum(episode.salience.contributions.values()) == 0.7
        assert store.recall(np.array(UNIT), k=1)[0].score == pytest.approx(1.0)
        assert store.recall("who paid?", k=1, where={"seed_id": "7"})[0].id == receipt.id


def test_a_key_that_is_no_vector_of_this_store_gives_way_to_the_text(tmp_path):
    lines = [
        seed_line(key=[0.0] * 8, id=1, value={"entity_slots": {"who": "Bob", "where": "harbour"}}),
        seed_line(key=[1.0] * 3, id=2, value={"entity_slots": {"who": "Carol", "where": "attic"}}),
        seed_line(key=[], id=3, value={"entity_slots": None}),
    ]
    with EpisodicStore(":memory:", encoder=ENCODER, lexical_weight=0.0) as store:
        import_episodic_v1(store, write_file(tmp_path / "in.jsonl", lines))
        for id, text in enumerate(["who: Bob; where: harbour", "who: Carol; where: attic"], start=1):
            assert store.get(id).text == text
            assert store.recall(text, k=1)[0].score == pytest.approx(1.0, abs=1e-6)
        assert "no words" in store.get(3).text
        assert "3" in store.get(3).text


def test_an_old_line_is_as_old_as_its_file(tmp_path):
    file = write_file(tmp_path / "in.jsonl", [{"schema": "episodic.v1", "id": 0, "key": UNIT, "value": {}}])
    with EpisodicStore(":memory:", encoder=ENCODER) as store:
        first = import_episodic_v1(store, file).receipts[0]
        assert store.get(first.id).provenance.source == "episodic.v1"
        assert abs(store.get(first.id).provenance.time.timestamp() - file.stat().st_mtime) <= 1
        assert import_episodic_v1(store, file).receipts[0].status == "merged"
        assert len(store.provenances(first.id)) == 1


LINES = {
    "full": FULL,
    "a text of its own": seed_line(value={"entity_slots": {"text": "Alice paid.", "who": "Alice"}}),
    "a text that the slots would make": seed_line(value={"entity_slots": {"text": "who: Alice", "who": "Alice"}}),
    "no slots": seed_line(value={"entity_slots": None}),
    "empty slots": seed_line(value={"entity_slots": {}}),
    "odd slots": seed_line(value={"entity_slots": {"who": None, "what": " ", "n": 5, "at": ["x", {}], "": "y"}}),
    "reserved slots": seed_line(value={"entity_slots": {"seed_id": "9", "seed_rest": "{", "who": "Alice"}}),
    "no source": seed_line(value={"provenance": None}),
    "a blank source": seed_line(value={"provenance": ""}),
    "our word for no source": seed_line(value={"provenance": "episodic.v1"}),
    "no span": seed_line(value={"tokens_span": None}),
    "no sketch": seed_line(value={"state_sketch": None}),
    "an empty sketch": seed_line(value={"state_sketch": []}),
    "no tags": seed_line(value={"salience_tags": None}),
    "empty tags": seed_line(value={"salience_tags": []}),
    "a zero key": seed_line(key=[0.0] * 8),
    "a long key": seed_line(key=[3.0, 0, 0, 0, 4.0, 0, 0, 0]),
    "a wide key": seed_line(key=[0.1] * 20),
    "a wide zero key": seed_line(key=[0.0] * 20),
    "a negative time": seed_line(ts=-5),
    "a time finer than microseconds": seed_line(ts=1714723200.1234567),
    "null everywhere": seed_line(ts=None, salience=None, value=dict.fromkeys(FULL["value"])),
    "no value": {name: part for name, part in FULL.items() if name != "value"},
    "a null value": {**FULL, "value": None},
    "old": {"schema": "episodic.v1", "id": 7, "key": UNIT, "value": {}},
    "half old": {"schema": "episodic.v1", "id": -1, "key": UNIT, "value": {"salience_tags": ["novel"]}, "ts": 0},
}  # fmt: skip


@pytest.mark.parametrize("line", LINES.values(), ids=list(LINES))
def test_a_line_comes_back_as_it_was(tmp_path, line):
    (back,), report = round_trip(tmp_path, [line])
    assert report.receipts[0].status == "stored"
    assert_same_line(back, line)


words = st.text(max_size=12)
floats32 = st.floats(-100, 100, width=32)
keys = st.lists(floats32, max_size=10) | st.lists(floats32, min_size=8, max_size=8)
values = st.fixed_dictionaries(
    {},
    optional={
        "tokens_span": st.none() | st.tuples(st.integers(0, 9), st.integers(9, 99)).map(list),
        "entity_slots": st.none()
        | st.dictionaries(st.sampled_from(["who", "what", "where", "when", "text"]) | words, st.none() | words),
        "state_sketch": st.none() | st.lists(floats32, max_size=3),
        "salience_tags": st.none() | st.lists(words, max_size=3),
        "provenance": st.none() | words,
    },
)
seed_lines = st.fixed_dictionaries(
    {"schema": st.just("episodic.v1"), "id": st.integers(0, 3), "key": keys, "value": values},
    optional={"ts": st.floats(-6e10, 2e11), "salience": st.floats(-5, 5)},
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(seed_lines, min_size=1, max_size=4))
def test_any_lines_come_back_as_they_were(tmp_path, lines):
    for file in tmp_path.glob("*.jsonl"):
        file.unlink()
    distinct = [line for i, line in enumerate(lines) if json.dumps(line, sort_keys=True) not in
                {json.dumps(earlier, sort_keys=True) for earlier in lines[:i]}]  # fmt: skip
    back, report = round_trip(tmp_path, lines)
    assert len(report.receipts) == len(lines)
    assert len(back) == len(distinct)
    for ours, theirs in zip(back, distinct, strict=True):
        assert_same_line(ours, theirs)


def test_identical_lines_merge_and_all_others_stay(tmp_path):
    lines = [FULL, FULL, seed_line(key=UNIT[::-1]), seed_line(salience=0.8), seed_line(value={"state_sketch": [1.0]})]
    back, report = round_trip(tmp_path, lines)
    assert [receipt.status for receipt in report.receipts] == ["stored", "merged", "stored", "stored", "stored"]
    assert len(back) == 4


def test_an_episode_of_ours_goes_out_with_its_words_and_comes_in_again(tmp_path):
    ours = Episode(
        text="Carol left the key.",
        slots=EntitySlots(who="Carol", extras={"colour": "red"}),
        provenance=Provenance(source="chat", time=datetime(2026, 5, 3, tzinfo=UTC)),
    )
    with EpisodicStore(":memory:", encoder=ENCODER) as store, EpisodicStore(":memory:", encoder=ENCODER) as other:
        (receipt,) = store.write_many([ours])
        export_episodic_v1(store, tmp_path / "out.jsonl")
        (line,) = read_file(tmp_path / "out.jsonl")
        assert line["value"]["entity_slots"] == {"who": "Carol", "colour": "red", "text": "Carol left the key."}
        assert line["id"] == 2**32 + receipt.id
        (again,) = import_episodic_v1(other, tmp_path / "out.jsonl").receipts
        assert other.get(again.id).text == ours.text
        assert other.get(again.id).provenance == ours.provenance
        assert other.recall(ours.text, k=1)[0].score == pytest.approx(1.0, abs=1e-6)


BAD_LINES = {
    "another schema": {**FULL, "schema": "relational.v1"},
    "no schema": {name: part for name, part in FULL.items() if name != "schema"},
    "another field": {**FULL, "colour": "red"},
    "another field of the value": seed_line(value={"colour": "red"}),
    "a list": [FULL],
    "no id": {name: part for name, part in FULL.items() if name != "id"},
    "an id in words": {**FULL, "id": "7"},
    "an id that is true": {**FULL, "id": True},
    "no key": {**FULL, "key": None},
    "a key of words": {**FULL, "key": ["1"] * 8},
    "a nested key": {**FULL, "key": [[1.0] * 8]},
    "a key beyond float32": {**FULL, "key": [1e39] * 8},
    "a value that is a list": {**FULL, "value": []},
    "a span of three": seed_line(value={"tokens_span": [1, 2, 3]}),
    "a span backwards": seed_line(value={"tokens_span": [5, 2]}),
    "a span of fractions": seed_line(value={"tokens_span": [0.5, 2]}),
    "slots that are a list": seed_line(value={"entity_slots": ["Alice"]}),
    "slots beyond the limit": seed_line(value={"entity_slots": {"who": "x" * 100_001}}),
    "an infinite slot": seed_line(value={"entity_slots": {"n": float("1e999")}}),
    "a lone surrogate": seed_line(value={"entity_slots": {"who": "\ud800"}}),
    "tags that are numbers": seed_line(value={"salience_tags": [1]}),
    "a source that is a number": seed_line(value={"provenance": 5}),
    "a sketch of words": seed_line(value={"state_sketch": "dense"}),
    "a time in milliseconds": {**FULL, "ts": 1714723200_000.0},
    "a time in words": {**FULL, "ts": "2024-05-03"},
    "a salience in words": {**FULL, "salience": "high"},
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=list(BAD_LINES))
def test_a_bad_line_is_named_and_can_be_left_out(tmp_path, bad):
    file = write_file(tmp_path / "in.jsonl", [FULL, bad, seed_line(id=8)])
    with EpisodicStore(":memory:", encoder=ENCODER) as store:
        with pytest.raises(InvalidInputError, match="line 2: "):
            import_episodic_v1(store, file)
        assert len(store) == 0
        report = import_episodic_v1(store, file, on_error="skip")
        assert [skipped.line for skipped in report.skipped] == [2]
        assert len(report.receipts) == len(store) == 2


def test_a_missing_file_and_a_taken_name_are_errors(tmp_path):
    with EpisodicStore(":memory:", encoder=ENCODER) as store:
        with pytest.raises(StorageError, match="missing"):
            import_episodic_v1(store, tmp_path / "missing.jsonl")
        (tmp_path / "taken.jsonl").touch()
        with pytest.raises(InvalidInputError, match="taken"):
            export_episodic_v1(store, tmp_path / "taken.jsonl")
