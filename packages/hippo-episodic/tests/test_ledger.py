"""The ledger: what was taught stays on record, whatever becomes of the episodes."""

from datetime import UTC, datetime

import pytest
from hippo_core import InvalidInputError, UnknownIdError
from hippo_episodic import EpisodicStore, Replay, TaintedAdapterError

NOW = datetime(2026, 5, 3, 4, tzinfo=UTC)


def make_store(path=":memory:"):
    return EpisodicStore(path, clock=lambda: NOW)


def write(store, count, *, first=0):
    return [store.write(f"Fact {n}.", provenance="chat").id for n in range(first, first + count)]


def test_a_replay_is_on_record_with_its_adapter_and_time():
    with make_store() as store:
        a, b = write(store, 2)
        store.ledger.record([a, b], adapter="night 1")
        store.ledger.record([a], adapter="night 2")
        assert store.ledger.replays(a) == tuple(
            Replay(episode=a, adapter=adapter, time=NOW) for adapter in ("night 1", "night 2")
        )
        assert store.ledger.adapters() == ("night 1", "night 2")
        assert store.ledger.adapters_that_learnt([b]) == {"night 1": (b,)}
        assert store.ledger.adapters_that_learnt([a, b]) == {"night 1": (a, b), "night 2": (a,)}


def test_it_outlives_delete_undo_and_reopening(tmp_path):
    with make_store(tmp_path / "memory.db") as store:
        ids = write(store, 3)
        store.ledger.record(ids, adapter="night 1")
        store.ledger.mark_known(ids[:1], "night 1")
        assert store.undo() == 1  # takes back the last write: what was taught is not an operation
        store.delete(ids[0])
    with make_store(tmp_path / "memory.db") as store:
        assert len(store) == 1
        assert store.ledger.adapters_that_learnt(ids) == {"night 1": tuple(ids)}
        assert store.ledger.tally().known == {ids[0]}
        assert store.verify() == []


def test_a_restore_does_not_unteach(tmp_path):
    with make_store() as store:
        ids = write(store, 3)
        store.ledger.record(ids[:1], adapter="night 1")
        store.snapshot(tmp_path / "early.db")
        store.ledger.record(ids, adapter="night 2")
        store.ledger.derive("night 2", parent="night 1")
        store.ledger.taint(ids[2:])
        store.restore(tmp_path / "early.db")
        assert [len(store.ledger.replays(id)) for id in ids] == [2, 1, 1]
        assert store.ledger.tainted() == {"night 2": (ids[2],)}
    with make_store() as fresh:
        fresh.restore(tmp_path / "early.db")
        assert fresh.ledger.adapters_that_learnt(ids) == {"night 1": (ids[0],)}


def test_a_deleted_episode_in_the_trainers_hands_is_still_recorded():
    with make_store() as store:
        (id,) = write(store, 1)
        store.delete(id)
        store.ledger.record([id], adapter="night 1")
        assert len(store.ledger.replays(id)) == 1


@pytest.mark.parametrize("bad", [0, -1, 3])
def test_an_id_that_was_never_given_out_is_refused_and_nothing_recorded(bad):
    with make_store() as store:
        ids = write(store, 2)
        with pytest.raises(UnknownIdError, match=str(bad)):
            store.ledger.record([*ids, bad], adapter="night 1")
        assert store.ledger.adapters() == ()


def test_bad_names_and_ids_are_refused():
    with make_store() as store:
        (id,) = write(store, 1)
        for adapter in ("", "  ", None):
            with pytest.raises(InvalidInputError, match="adapter"):
                store.ledger.record([id], adapter=adapter)
        for ids in ([1.5], ["1"], None):
            with pytest.raises(InvalidInputError, match="An id is a whole number"):
                store.ledger.record(ids, adapter="night 1")


def test_the_latest_mark_counts():
    with make_store() as store:
        a, b = write(store, 2)
        store.ledger.mark_known([a, b], "night 1")
        end = store.ledger.end
        store.ledger.mark_known([a], "night 1", known=False)
        assert store.ledger.tally().known == {b}
        assert store.ledger.tally(until=end).known == {a, b}
        assert store.ledger.tally().replays == {}


def test_an_adapter_counts_what_its_ancestors_learnt():
    with make_store() as store:
        a, b = write(store, 2)
        store.ledger.record([a], adapter="night 1")
        store.ledger.derive("night 2", parent="night 1")
        store.ledger.record([a, b], adapter="night 2")
        assert store.ledger.tally("night 1").replays == {a: 1}
        assert store.ledger.tally("night 2").replays == {a: 2, b: 1}
        assert store.ledger.tally("never met").replays == {}


def test_lineage_has_no_loops_and_no_second_parent():
    with make_store() as store:
        (id,) = write(store, 1)
        store.ledger.record([id], adapter="a")
        store.ledger.derive("b", parent="a")
        store.ledger.derive("b", parent="a")
        store.ledger.record([id], adapter="c")
        with pytest.raises(InvalidInputError, match="starts from it"):
            store.ledger.derive("a", parent="b")
        with pytest.raises(InvalidInputError, match="starts from it"):
            store.ledger.derive("a", parent="a")
        with pytest.raises(InvalidInputError, match="another name"):
            store.ledger.derive("b", parent="c")
        with pytest.raises(InvalidInputError, match="not met"):
            store.ledger.derive("d", parent="misspelt")


def test_an_adapter_that_learnt_what_was_redacted_is_refused_with_a_way_out():
    with make_store() as store:
        a, b = write(store, 2)
        store.ledger.record([a], adapter="night 1")
        store.ledger.derive("night 2", parent="night 1")
        store.ledger.record([b], adapter="night 2")
        store.ledger.derive("night 3", parent="night 2")
        store.ledger.require_clean("night 3")
        assert store.ledger.taint([b]) == {"night 2": (b,), "night 3": (b,)}
        store.delete(b)
        assert store.ledger.is_clean("night 1")
        assert not store.ledger.is_clean("night 2")
        with pytest.raises(TaintedAdapterError, match=rf"'night 3' learnt 1 redacted.*{b}.*Retrain from 'night 1'"):
            store.ledger.require_clean("night 3")
        store.ledger.taint([a])
        with pytest.raises(TaintedAdapterError, match="the base model"):
            store.ledger.require_clean("night 2")
        assert store.ledger.tainted() == {"night 1": (a,), "night 2": (a, b), "night 3": (a, b)}


def test_an_adapter_that_learns_a_redacted_episode_late_is_tainted_too():
    with make_store() as store:
        (id,) = write(store, 1)
        assert store.ledger.taint([id]) == {}
        store.ledger.record([id], adapter="was training already")
        assert not store.ledger.is_clean("was training already")


def test_the_ledger_does_not_vouch_for_a_stranger():
    with make_store() as store, pytest.raises(InvalidInputError, match="not met adapter 'misspelt'"):
        store.ledger.is_clean("misspelt")


def test_a_taint_is_part_of_the_transaction_that_redacts():
    with make_store() as store:
        (id,) = write(store, 1)
        store.ledger.record([id], adapter="night 1")

        def fail_while_redacting():
            with store._database.transaction("redact") as transaction:
                store.ledger.taint([id], transaction=transaction)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail_while_redacting()
        assert store.ledger.is_clean("night 1")


def test_the_ledger_keeps_no_text(tmp_path):
    with make_store(tmp_path / "memory.db") as store:
        (id,) = write(store, 1)
        store.ledger.record([id], adapter="night 1")
        store.ledger.taint([id])
        for table in ("replays", "replay_parents", "replay_redactions"):
            for row in store._database.query(f"SELECT * FROM {table}"):
                assert "Fact" not in str(tuple(row))
                assert all(value is None or isinstance(value, (int, float)) or value == "night 1" for value in row)
