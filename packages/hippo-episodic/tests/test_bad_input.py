"""What a hurried caller hands in: the error says what is wrong, and nothing that was stored is lost."""

import json

import numpy as np
import pytest
from hippo_core import Episode, HippoError, InvalidInputError, Provenance, UnknownIdError
from hippo_episodic import EpisodicStore, WriteGate

P = Provenance(source="chat")


@pytest.fixture
def store(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        store.write_many([Episode(text=f"The lamp {i} is in the mill.", provenance=P) for i in range(3)])
        yield store
        assert len(store) == 3
        assert store.verify() == []


@pytest.mark.parametrize("path", [5, None, b"memory.db", "", "  ", "a\0b"])
def test_a_path_that_names_no_file_makes_none(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match="path"):
        EpisodicStore(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["encoder", "gate", "keyer", "completion", "eviction", "replay", "events"])
def test_an_argument_of_another_kind_is_named(name, tmp_path):
    with pytest.raises(InvalidInputError, match=rf"`{name}` must be an? .*, not str: 'diary'"):
        EpisodicStore(tmp_path / "memory.db", **{name: "diary"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ids", ["1", [1, "2"], [None], [1.0], {"id": 1}, np.array([0.5])])
@pytest.mark.parametrize("verb", ["delete", "pin", "unpin"])
def test_ids_are_whole_numbers(store, verb, ids):
    with pytest.raises(InvalidInputError, match="An id is a whole number, not"):
        getattr(store, verb)(ids)


def test_hits_in_the_place_of_ids_are_told_from_them(store):
    hits = store.recall("lamp", k=2)
    for misused in (store.delete, store.pin, lambda hits: store.ledger.record(hits, adapter="night 1")):
        with pytest.raises(InvalidInputError, match=f"not Hit: .*; pass its id, {hits[0].id}"):
            misused(hits)


@pytest.mark.parametrize("ids", [1, np.int64(1), np.array(1), [1], (1, 1), {1}, np.array([1]), iter([1])])
def test_ids_in_any_shape_are_pinned(store, ids):
    assert store.pin(ids) == 1


@pytest.mark.parametrize("cue", [5, 0.5, None, [], "", [["a"]], Episode(text="lamp", provenance=P)])
def test_what_is_no_cue_is_refused(store, cue):
    with pytest.raises(InvalidInputError, match="cue"):
        store.recall(cue)


def test_one_text_is_not_a_list_of_cues(store):
    with pytest.raises(InvalidInputError, match="use recall for one"):
        store.recall_many("lamp")


@pytest.mark.parametrize("where", ["who", [("who", "Carol")], {"who": 3}, {3: "Carol"}, {"who": ""}])
def test_where_is_a_mapping_of_texts(store, where):
    with pytest.raises(InvalidInputError, match="where"):
        store.recall("lamp", where=where)


@pytest.mark.parametrize("bad", [{"slots": {"who": "Carol"}}, {"provenance": 3}, {"session": 4}, {"key": "lamp"}])
def test_parts_of_a_write_are_checked(store, bad):
    with pytest.raises(InvalidInputError, match=next(iter(bad))):
        store.write("Another lamp.", **({"provenance": "chat"} | bad))


def test_an_episodes_own_parts_give_way_to_what_is_given_beside_it(store):
    receipt = store.write(Episode(text="The lamp 0 is in the mill.", provenance=P), provenance="walk", session="monday")
    assert [one.source for one in store.provenances(receipt.id)] == ["chat", "walk"]


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": "all"}, {"id": "first"}])
def test_a_history_of_nothing_is_refused(store, arguments):
    with pytest.raises(InvalidInputError):
        store.history(**arguments)


@pytest.mark.parametrize("id", [0, -1, 2**70, 99])
def test_an_id_that_was_never_given_out(store, id):
    with pytest.raises(UnknownIdError, match=f"No episode {id}"):
        store.get(id)


@pytest.mark.parametrize("state", [{}, {"batch_size": 2}, [], None, "state"])
def test_a_replay_state_that_is_none_says_so(store, state):
    with pytest.raises(InvalidInputError, match=r"not what `ReplayScheduler.state` returned") as caught:
        store.resume_replay(state)
    assert "__init__" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"episode": {"provenance": {"source": "chat"}}}, "Episode lacks 'text'."),
        ({}, "EpisodeLine lacks 'episode'."),
        ({"episode": {"text": "a lamp", "provenance": {}}}, "Provenance lacks 'source'."),
    ],
)
def test_a_line_that_lacks_something_says_what(store, tmp_path, line, says):
    (tmp_path / "lines.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    with pytest.raises(InvalidInputError, match="line 1: ") as caught:
        store.import_jsonl(tmp_path / "lines.jsonl")
    assert says in str(caught.value)
    assert "__init__" not in str(caught.value)


def test_evict_takes_a_policy(store):
    with pytest.raises(InvalidInputError, match="`policy` must be an EvictionPolicy, not int"):
        store.evict(3)


def test_a_calibration_that_just_misses_may_be_told_to_take_it():
    scores = [2.0, 2.0, 1.0, 0.5]
    with pytest.raises(HippoError, match="wider tolerance"):
        WriteGate.diary(scores)
    assert WriteGate.diary(scores, tolerance=0.3).threshold == pytest.approx(1.5)
    assert WriteGate.sparse(scores, tokens=[200] * 4, tolerance=0.3).threshold == pytest.approx(1.5)
