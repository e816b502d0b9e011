"""What recall promises beyond the kit: filters first, words and vectors together, partial cues."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hippo_core import EntitySlots, Episode, InvalidInputError, Provenance
from hippo_episodic import EpisodicStore, HopfieldCompletion, SparseKeyer

START = datetime(2026, 5, 1, tzinfo=UTC)


def told(text, *, day=0, source="chat", doc_id=None, session=None, **slots):
    return Episode(
        text=text,
        provenance=Provenance(source=source, doc_id=doc_id, time=START + timedelta(days=day)),
        session=session,
        slots=EntitySlots(**slots),
    )


@pytest.fixture(params=["exact", "hnsw"])
def store(request):
    with EpisodicStore(":memory:", index=request.param) as store:
        yield store


def test_a_filter_reaches_an_episode_that_a_thousand_nearer_ones_hide(store):
    store.write_many([told(f"The copper key lies in drawer {i}.", session="noise") for i in range(1_500)])
    store.write_many([told("A fox crossed the yard.", session="quiet")])
    hits = store.recall("where is the copper key?", k=3, session="quiet")
    assert [hit.item.text for hit in hits] == ["A fox crossed the yard."]


def test_where_selects_by_slot_source_and_document(store):
    store.write_many(
        [
            told("Carol left the key at the harbour.", who="Carol", where="harbour", source="chat", doc_id="d1"),
            told("Dora left the key at the mill.", who="Dora", where="mill", source="mail", doc_id="d2"),
        ]
    )
    assert [hit.item.slots.who for hit in store.recall("the key", where={"who": "carol"})] == ["Carol"]
    assert [hit.item.slots.who for hit in store.recall("the key", where={"source": "mail"})] == ["Dora"]
    assert [hit.item.slots.who for hit in store.recall("the key", where={"doc_id": "d1", "where": "harbour"})] == [
        "Carol"
    ]
    assert store.recall("the key", where={"who": "Carol", "source": "mail"}) == []


def test_extras_can_be_filtered_even_with_odd_names(store):
    store.write_many([told("A note.", extras={'odd "name".x': "yes"}), told("Another note.")])
    assert [hit.item.text for hit in store.recall("note", where={'odd "name".x': "yes"})] == ["A note."]


def test_as_of_answers_as_the_store_would_have_then(store):
    store.write_many([told("The code is 1111.", day=0), told("The code is 2222.", day=5)])
    then = START + timedelta(days=1)
    assert [hit.item.text for hit in store.recall("the code", as_of=then)] == ["The code is 1111."]
    with pytest.raises(InvalidInputError, match="no time zone"):
        store.recall("the code", as_of=datetime(2026, 5, 2))


def test_a_merged_episode_shows_the_occurrence_that_fits_the_filter(store):
    store.write_many([told("Rain again.", day=0, session="a"), told("Rain again.", day=3, session="b")])
    assert len(store) == 1
    (hit,) = store.recall("rain", session="b")
    assert (hit.item.session, hit.item.provenance.time) == ("b", START + timedelta(days=3))


def test_shared_rare_words_lift_an_episode_and_why_says_so(store):
    store.write_many([told(f"The weather on day {i} was fine.") for i in range(50)] + [told("Zyx weather.")])
    best = store.recall("what about zyx?", k=1)[0]
    assert best.item.text == "Zyx weather."
    assert best.why["path"] == "dense+lexical"
    assert best.why["lexical"] == 1.0


def test_a_vector_cue_is_ranked_by_cosine_alone(store):
    store.write_many([told(f"Thing number {i}.") for i in range(30)])
    vector = store.encoder.encode(["Thing number 7."])[0]
    best = store.recall(vector, k=2)
    assert best[0].item.text == "Thing number 7."
    assert best[0].score == pytest.approx(1.0, abs=1e-5)
    assert best[0].why["path"] == "dense"


def test_a_cue_of_punctuation_or_query_syntax_is_only_text(store):
    store.write_many([told("Carol left the key.")])
    for cue in ("???", '"', "key AND (", "NEAR(key)", "key*", "who: -key", "the", "_ _"):
        assert len(store.recall(cue)) == 1


def test_an_explicit_key_is_what_the_episode_is_found_by(store):
    key = np.zeros(store.encoder.dim)
    key[3] = 2.0
    receipt = store.write("Found by its key.", provenance="test", key=key)
    store.write("Something else.", provenance="test")
    assert store.recall(key, k=1)[0].id == receipt.id
    for bad in (key[:5], key * np.nan, key * 0):
        with pytest.raises(InvalidInputError):
            store.write("x", provenance="test", key=bad)
    assert len(store) == 2


def test_completion_ranks_every_candidate_anew_and_can_be_switched_off():
    rng = np.random.default_rng(4)
    common, own = rng.normal(size=384), rng.normal(size=(60, 384))
    keys = 0.8 * common + 0.5 * own
    cues = 0.9 * common + 0.25 * own + 0.35 * rng.normal(size=(60, 384))
    found = {}
    for completion in (None, HopfieldCompletion(), HopfieldCompletion(attraction=0.0)):
        with EpisodicStore(":memory:", completion=completion) as store:
            store.write_many([told(f"Event {i}.") for i in range(60)], keys=keys)
            hits = store.recall_many(list(cues), k=3)
            found[completion] = [[hit.id for hit in each] for each in hits]
            assert hits[0][0].why["path"] == ("dense" if completion is None else "completed")
            assert store.recall("Event 7.", k=1)[0].item.text == "Event 7."
    assert found[None] == found[HopfieldCompletion(attraction=0.0)]
    assert found[None] != found[HopfieldCompletion()]


def test_a_keyer_changes_what_is_searched_and_nothing_that_is_stored(tmp_path):
    path = tmp_path / "memory.db"
    texts = [f"Traveller {i} left parcel {i * 7919 % 1009} at stop {i % 13}." for i in range(1_500)]
    with EpisodicStore(path, lexical_weight=0) as store:
        store.write_many([told(text) for text in texts])
        dense = [[hit.id for hit in store.recall(text[:20], k=5)] for text in texts[:50]]
    keyer = SparseKeyer.random(384, dim=1024, active=16, seed=1)
    for _ in range(2):  # from the vectors, then from the keys' own cache file
        with EpisodicStore(path, lexical_weight=0, keyer=keyer) as store:
            assert store.verify() == []
            hit = store.recall(texts[7], k=1)[0]
            assert (hit.item.text, hit.why["path"]) == (texts[7], "sparse")
            assert [[hit.id for hit in store.recall(text[:20], k=5)] for text in texts[:50]] != dense
    assert path.with_name("memory.db.sparse").exists()
    with EpisodicStore(path, keyer=SparseKeyer.random(384, dim=512, active=16, seed=2)) as store:
        store.delete(1)
        store.write("A keyer of another kind makes its own keys.", provenance="chat")
        assert store.recall("keyer of another kind", k=1)[0].item.text.startswith("A keyer")
        assert store.verify() == []
    with pytest.raises(InvalidInputError, match="leave `index` out"):
        EpisodicStore(path, keyer=keyer, index="hnsw")
