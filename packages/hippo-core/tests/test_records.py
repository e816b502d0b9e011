from datetime import UTC, datetime

import numpy as np
import pytest
from hippo_core import (
    EntitySlots,
    Episode,
    Fact,
    InvalidInputError,
    LayeredMemory,
    Macro,
    MemoryTokens,
    Path,
    Provenance,
    Salience,
    Step,
    UnknownIdError,
)

NOW = datetime(2026, 5, 3, tzinfo=UTC)
P = Provenance(source="Carol", time=NOW)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Provenance(source=" "), "source"),
        (lambda: Provenance(source="s", doc_id=""), "doc_id"),
        (lambda: Provenance(source="s", span=(5, 2)), "span"),
        (lambda: Provenance(source="s", span=(-1, 2)), "span"),
        (lambda: Provenance(source="s", time=datetime(2026, 1, 1)), "time zone"),
        (lambda: Provenance(source="s", confidence=1.5), "confidence"),
        (lambda: EntitySlots(who=""), r"slots\.who"),
        (lambda: EntitySlots(extras={"colour": " "}), "colour"),
        (lambda: Salience(score=float("nan")), "score"),
        (lambda: Salience(surprise="high"), "surprise"),
        (lambda: Salience(contributions={"novelty": float("inf")}), r"contributions\['novelty'\]"),
        (lambda: Salience(contributions={" ": 1.0}), "contributions' name"),
        (lambda: Episode(text="", provenance=P), "text"),
        (lambda: Episode(text="x" * 1_000_000, provenance=P), "1,000,000"),
        (lambda: Episode(text="caf\udce9", provenance=P), "Unicode"),
        (lambda: Episode(text=b"bytes", provenance=P), "bytes"),
        (lambda: Episode(text="x", provenance="Carol"), "Provenance"),
        (lambda: Episode(text="x", provenance=P, session=""), "session"),
        (lambda: Episode(text="x", provenance=P, sketch=np.array([1.0, np.nan])), "sketch"),
        (lambda: Episode(text="x", provenance=P, sketch=np.zeros((2, 2))), "sketch"),
        (lambda: Fact(head="", relation="r", tail="t", provenance=P), "head"),
        (lambda: Fact(head="h", relation="r", tail="t", provenance=P, time=datetime(2026, 1, 1)), "time"),
        (
            lambda: Fact(
                head="h", relation="r", tail="t", provenance=P, valid_from=NOW, valid_to=NOW.replace(year=2025)
            ),
            "valid_to",
        ),
        (lambda: Step(context={}, cost=-1), "cost"),
        (lambda: Step(context={}, cost=float("inf")), "cost"),
        (lambda: Path(places=(1, 2), actions=(), cost=1, success_probability=1), "actions"),
        (lambda: Path(places=(1,), actions=(), cost=1, success_probability=2), "success_probability"),
        (lambda: Macro(signature="m", steps=()), "steps"),
        (lambda: Macro(signature="m", steps=("n",), failures=-1), "negative"),
    ],
)
def test_a_bad_record_cannot_be_made(build, named):
    with pytest.raises(InvalidInputError, match=named):
        build()
    with pytest.raises(ValueError, match=named):  # what callers already catch
        build()


def test_records_are_frozen():
    with pytest.raises(AttributeError):
        P.source = "Boris"
    episode = Episode(text="x", provenance=P, sketch=np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        episode.sketch[0] = 2


def test_a_sketch_is_copied_and_compared_by_value():
    mine = np.ones(3, np.float32)
    first = Episode(text="x", provenance=P, sketch=mine)
    mine[0] = 5
    assert first == Episode(text="x", provenance=P, sketch=[1, 1, 1])
    assert hash(first) == hash(Episode(text="x", provenance=P))
    assert first != Episode(text="x", provenance=P)
    assert first != Episode(text="x", provenance=P, sketch=[1, 1, 2])
    assert first != "x"


def test_filled_slots_keep_their_order():
    slots = EntitySlots(where="attic", who="Carol", extras={"colour": "red"})
    assert list(slots.filled().items()) == [("who", "Carol"), ("where", "attic"), ("colour", "red")]


def test_a_macro_without_trials_is_even():
    assert Macro(signature="m", steps=("n",)).success_probability == 0.5
    assert Macro(signature="m", steps=("n",), successes=8).success_probability == 0.9


def test_memory_states_check_their_shapes():
    keys = np.zeros((3, 4), np.float32)
    mask, ids = np.ones(3, bool), np.zeros(3, np.int64)
    MemoryTokens(keys=keys, values=keys, mask=mask, trace_ids=ids)
    with pytest.raises(InvalidInputError, match="slots, dim"):
        MemoryTokens(keys=keys, values=keys[:2], mask=mask, trace_ids=ids)
    with pytest.raises(InvalidInputError, match="mask"):
        MemoryTokens(keys=keys, values=keys, mask=mask[:2], trace_ids=ids)
    layers = np.zeros((2, 3, 1, 4), np.float16)
    LayeredMemory(keys=layers, values=layers, mask=mask, trace_ids=ids)
    with pytest.raises(InvalidInputError, match="head_dim"):
        LayeredMemory(keys=layers[0], values=layers[0], mask=mask, trace_ids=ids)
    with pytest.raises(InvalidInputError, match="trace_ids"):
        LayeredMemory(keys=layers, values=layers, mask=mask, trace_ids=ids[:1])


def test_an_unknown_id_reads_like_a_sentence():
    assert str(UnknownIdError("There is no record 7.")) == "There is no record 7."
