import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hippo_core import (
    EntitySlots,
    Episode,
    Fact,
    Hit,
    InvalidInputError,
    Macro,
    MemoryTokens,
    Path,
    Provenance,
    Receipt,
    Salience,
    Step,
    Subgraph,
    Trajectory,
    from_jsonable,
    to_jsonable,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(str.strip)
maybe_text = st.none() | text
unit = st.floats(0, 1)
number = st.floats(allow_nan=False, allow_infinity=False)
aware = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone.min]))
spans = st.none() | st.tuples(st.integers(0, 100), st.integers(100, 1000))
provenances = st.builds(Provenance, source=text, doc_id=maybe_text, span=spans, time=aware, confidence=unit)
slots = st.builds(
    EntitySlots,
    who=maybe_text,
    what=maybe_text,
    where=maybe_text,
    when=maybe_text,
    extras=st.dictionaries(text, text, max_size=3),
)
saliences = st.builds(
    Salience,
    surprise=st.none() | number,
    novelty=st.none() | unit,
    reward=st.booleans(),
    pin=st.booleans(),
    score=number,
    contributions=st.dictionaries(text, number, max_size=3),
)
sketches = st.none() | hnp.arrays(
    np.float32, st.integers(0, 9), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)
)
episodes = st.builds(
    Episode,
    text=text,
    provenance=provenances,
    slots=slots,
    salience=saliences,
    session=maybe_text,
    sketch=sketches,
)
facts = st.builds(
    Fact,
    head=text,
    relation=text,
    tail=text,
    provenance=provenances,
    context=maybe_text,
    time=st.none() | aware,
    valid_from=st.none() | st.just(datetime(2020, 1, 1, tzinfo=UTC)),
    valid_to=st.none() | st.just(datetime(2021, 1, 1, tzinfo=UTC)),
    confidence=unit,
    head_type=maybe_text,
)
contexts = st.dictionaries(text, text | st.integers() | number | st.booleans(), max_size=3)
steps = st.builds(
    Step,
    context=contexts,
    action=maybe_text,
    outcome=st.none() | contexts,
    cost=st.floats(0, 1e9),
    provenance=st.none() | provenances,
)
trajectories = st.builds(
    Trajectory,
    steps=st.lists(steps, max_size=3).map(tuple),
    success=st.booleans(),
    provenance=provenances,
    goal=maybe_text,
)
receipts = st.builds(
    Receipt,
    status=st.sampled_from(["stored", "merged", "gated", "superseded"]),
    id=st.none() | st.integers(),
    score=st.none() | number,
    reason=st.just("") | text,
)
subgraphs = st.builds(
    Subgraph,
    passages=st.lists(st.builds(Hit, id=st.integers(), item=episodes, score=number), max_size=2).map(tuple),
    facts=st.lists(st.builds(Hit, id=st.integers(), item=facts, score=number), max_size=2).map(tuple),
    entities=st.dictionaries(text, number, max_size=2),
    paths=st.lists(st.lists(facts, max_size=2).map(tuple), max_size=2).map(tuple),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def through_json(record):
    return from_jsonable(type(record), json.loads(json.dumps(to_jsonable(record), allow_nan=False)))


@given(record=st.one_of(provenances, slots, saliences, episodes, facts, steps, trajectories, receipts, subgraphs))
@settings(deadline=None)
def test_every_record_comes_back_equal(record):
    assert through_json(record) == record


def test_a_generic_record_comes_back():
    episode = Episode(text="x", provenance=Provenance(source="s"), sketch=np.float32([1, 2]))
    hit = Hit(id=3, item=episode, score=0.5, why={"path": "scan"})
    assert from_jsonable(Hit[Episode], json.loads(json.dumps(to_jsonable(hit)))) == hit


def test_plans_and_macros_come_back():
    for record in (
        Path(places=(1, 2), actions=("n",), cost=1.5, success_probability=0.5),
        Macro(signature="go", steps=("n", "{door}"), precondition={"light": True}, successes=3),
        Step(context={}),
    ):
        assert through_json(record) == record


def test_defaults_are_left_out_but_never_the_time():
    assert to_jsonable(EntitySlots()) == {}
    assert set(to_jsonable(Provenance(source="s"))) == {"source", "time"}


# What a broken or hostile line may hold: each field of an episode, at random, by something else
@given(field=st.sampled_from(["text", "provenance", "slots", "salience", "session", "sketch", "other"]), value=anything)
@settings(deadline=None)
def test_a_wrong_value_is_refused_in_words_or_accepted_whole(field, value):
    good = to_jsonable(Episode(text="x", provenance=Provenance(source="s"), slots=EntitySlots(who="w")))
    try:
        episode = from_jsonable(Episode, {**good, field: value})
    except InvalidInputError as error:
        refusal = str(error)
    else:
        refusal = field
        assert through_json(episode) == episode
    assert field in refusal


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"slots": {"extras": 5}}, "extras"),
        ({"slots": {"extras": {"a": 5}}}, "extras"),
        ({"slots": None}, "slots"),
        ({"salience": None}, "salience"),
        ({"salience": {"reward": "yes"}}, "reward"),
        ({"salience": {"contributions": {"novelty": "much"}}}, "contributions"),
        ({"sketch": {"float32": "AAAA"}}, "sketch"),
        ({"sketch": {"float32": "AAAA", "shape": [1]}}, "sketch"),
        ({"sketch": {"float32": "?!", "shape": [1]}}, "sketch"),
        ({"provenance": {"source": "s", "time": "yesterday"}}, "time"),
        ({"provenance": {"source": "s", "span": "ab"}}, "span"),
        ({"provenance": {"source": "s", "span": [1]}}, "span"),
        ({"provenance": {"source": "s", "time": "2026-01-01T00:00:00"}}, "time zone"),
    ],
)
def test_the_error_names_the_field(change, named):
    good = to_jsonable(Episode(text="x", provenance=Provenance(source="s")))
    with pytest.raises(InvalidInputError, match=named):
        from_jsonable(Episode, {**good, **change})


def test_missing_fields_and_other_shapes_are_refused():
    with pytest.raises(InvalidInputError, match="provenance"):
        from_jsonable(Episode, {"text": "x"})
    with pytest.raises(InvalidInputError, match="JSON object"):
        from_jsonable(Episode, ["x"])
    with pytest.raises(InvalidInputError, match="status"):
        from_jsonable(Receipt, {"status": "lost", "id": 1})


def test_what_has_no_json_form_is_refused():
    with pytest.raises(InvalidInputError, match="object"):
        to_jsonable({"a": [object()]})
    tokens = MemoryTokens(
        keys=np.zeros((1, 2), np.float32),
        values=np.zeros((1, 2), np.float32),
        mask=np.ones(1, bool),
        trace_ids=np.array([2**40]),
    )
    with pytest.raises(InvalidInputError, match="tolist"):  # float32 would change the id
        to_jsonable(tokens)


def test_numpy_scalars_and_array_shapes_survive():
    assert to_jsonable({"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True)}) == {"a": 3, "b": 0.5, "c": True}
    assert to_jsonable(np.float32(np.zeros((2, 0, 3))))["shape"] == [2, 0, 3]
    assert to_jsonable(np.array(1.0, np.float32))["shape"] == []
