"""Merging, gating and the receipts that explain them."""

import pytest
from hippo_core import EntitySlots, Episode, EventLog, InvalidInputError, Provenance, Salience
from hippo_episodic import EpisodicStore, WriteGate

P = Provenance(source="chat")


def texts(store):
    return sorted(store.get(hit.id).text for hit in store.recall("anything", k=1_000))


def test_identical_text_merges_and_keeps_every_provenance():
    with EpisodicStore(":memory:") as store:
        first = store.write("Carol  left the key.", provenance="chat")
        second = store.write("Carol left\nthe key.", provenance="mail")
        assert (first.status, second.status, second.id) == ("stored", "merged", first.id)
        assert [origin.source for origin in store.provenances(first.id)] == ["chat", "mail"]


def test_similar_text_never_merges():
    with EpisodicStore(":memory:") as store:
        store.write("The code is 4417.", provenance=P)
        assert store.write("The code is 4418.", provenance=P).status == "stored"
        assert store.write("the code is 4417.", provenance=P).status == "stored"
        assert len(store) == 3


def test_the_same_words_about_other_slots_are_another_memory():
    with EpisodicStore(":memory:") as store:
        store.write("It rained.", provenance=P, slots=EntitySlots(when="Monday"))
        assert store.write("It rained.", provenance=P, slots=EntitySlots(when="Tuesday")).status == "stored"


def test_a_repetition_inside_one_batch_merges_too():
    with EpisodicStore(":memory:") as store:
        receipts = store.write_many([Episode(text="Twice.", provenance=P), Episode(text="Twice.", provenance=P)])
        assert [receipt.status for receipt in receipts] == ["stored", "merged"]
        assert receipts[0].id == receipts[1].id


def test_a_repeated_experience_can_add_a_pin():
    with EpisodicStore(":memory:") as store:
        id = store.write("Keep me.", provenance=P).id
        store.write("Keep me.", provenance=P, pin=True)
        assert store.get(id).salience.pin
        store.undo()
        assert not store.get(id).salience.pin


def test_novelty_sees_the_live_store_and_earlier_items_of_the_batch():
    with EpisodicStore(":memory:", gate=WriteGate.diary()) as store:
        batch = [Episode(text=f"The red door of the mill is shut{end}", provenance=P) for end in (".", "!", "?")]
        assert [receipt.status for receipt in store.write_many(batch)] == ["stored", "gated", "gated"]
        assert store.write("The red door of the mill is shut;", provenance=P).status == "gated"
        assert store.write("Bees sleep in blue foxgloves tonight.", provenance=P).status == "stored"


def test_what_was_gated_does_not_count_as_known():
    gate = WriteGate(threshold=1.0)
    dull = Salience(surprise=0.0)
    with EpisodicStore(":memory:", gate=gate) as store:
        first = Episode(text="Alpha beta gamma delta.", provenance=P, salience=dull)
        again = Episode(text="Alpha beta gamma delta!", provenance=P, salience=Salience(surprise=0.5))
        receipts = store.write_many([first, again])
        assert [receipt.status for receipt in receipts] == ["gated", "stored"]


def test_a_deleted_memory_is_new_again():
    with EpisodicStore(":memory:", gate=WriteGate.diary()) as store:
        id = store.write("The gate opens at nine tomorrow.", provenance=P).id
        assert store.write("The gate opens at nine tomorrow!", provenance=P).status == "gated"
        store.delete(id)
        assert store.write("The gate opens at nine tomorrow!", provenance=P).status == "stored"


def test_the_gate_explains_and_logs_every_decision(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    with EpisodicStore(":memory:", gate=WriteGate(), events=log) as store:
        kept = store.write("Kept.", provenance=P, surprise=2.0)
        dropped = store.write("Dropped.", provenance=P, surprise=0.1)
    assert "> τ" in kept.reason
    assert "≤ τ" in dropped.reason
    assert dropped.id is None
    assert store_scores(log) == [kept.score, dropped.score]


def store_scores(log):
    return [event["payload"]["receipt"]["score"] for event in log.read()]


def test_the_stored_salience_is_the_gates():
    with EpisodicStore(":memory:", gate=WriteGate()) as store:
        id = store.write("New and surprising.", provenance=P, surprise=1.0, reward=True).id
        salience = store.get(id).salience
        assert salience.novelty == pytest.approx(3 / 6)
        assert salience.score == pytest.approx(1.0 + 3 / 6 + 0.5)


def test_text_without_provenance_is_refused():
    with EpisodicStore(":memory:") as store, pytest.raises(InvalidInputError, match="where it came from"):
        store.write("Nobody said this.")


@pytest.mark.parametrize("bad", ["", "  \n", "x" * 1_000_000, "\ud800", b"bytes", None])
def test_text_that_cannot_be_kept_is_refused_and_costs_nothing(bad):
    with EpisodicStore(":memory:") as store:
        store.write("Before.", provenance=P)
        with pytest.raises(InvalidInputError):
            store.write(bad, provenance=P)
        assert texts(store) == ["Before."]
