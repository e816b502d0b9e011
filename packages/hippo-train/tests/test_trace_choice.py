"""What a night replays: what can be asked and holds, by priority."""

from collections.abc import Sequence

import pytest
from hippo_core import Episode, Provenance, Salience
from hippo_episodic import EpisodicStore
from hippo_train import ConsolidationConfig, rewrite_traces
from hippo_train.consolidation.trace_choice import Choice, choose_traces

ADA, BEN = "The keeper of the old mill is Ada.", "Update: the keeper of the old mill is now Ben."


def chosen(store: EpisodicStore, *, known: Sequence[int] = (), traces: int = 64, statements: int = 0) -> Choice:
    config = ConsolidationConfig(traces=traces, statements=statements)
    return choose_traces(store, config, rewrite_traces, known=known, adapter="night")


@pytest.fixture
def store():
    with EpisodicStore(":memory:") as opened:
        yield opened


def tell(store: EpisodicStore, *texts: str, score: float = 0.0) -> list[int]:
    return [
        store.write(Episode(text=text, provenance=Provenance(source="chat"), salience=Salience(score=score))).id
        for text in texts
    ]


@pytest.mark.parametrize("statements", [0, 1])
def test_what_is_corrected_is_not_learnt_wherever_the_correction_stands(store: EpisodicStore, statements: int):
    tell(store, ADA, score=1.0)
    tell(store, *(f"The depth of the well number {n} is {n * n} feet." for n in range(40)), score=0.5)
    tell(store, BEN)
    assert chosen(store, traces=1).texts.keys() & {1} == set()
    everything = chosen(store, statements=statements)
    assert 1 not in everything.new
    assert 42 in everything.new


def test_what_is_known_and_corrected_is_not_practised(store: EpisodicStore):
    tell(store, ADA, "The price of the barn is nine.", score=1.0)
    store.ledger.mark_known([1, 2], "night")
    tell(store, *(f"The depth of well number {n} is {n * n} feet." for n in range(4)), score=0.5)
    assert chosen(store, known=[1, 2], traces=1).known == (1, 2)
    tell(store, BEN)
    assert chosen(store, known=[1, 2], traces=1).known == (2,)


def test_what_is_known_decides_what_is_told_before_it(store: EpisodicStore):
    first, second = tell(store, ADA, BEN)
    store.ledger.mark_known([second], "night")
    choice = chosen(store, known=[second])
    assert (choice.new, choice.known, choice.passed) == ((), (second,), (first,))


def test_what_was_said_last_holds_although_it_was_said_first_too(store: EpisodicStore):
    first, second, again = tell(store, ADA, BEN, ADA)
    assert again == first
    choice = chosen(store)
    assert choice.new == (first,)
    assert choice.passed == (second,)


def test_what_cannot_be_asked_takes_no_place(store: EpisodicStore):
    mumbled = tell(store, *(f"Well, hm {n}!" for n in range(70)), score=1.0)
    (kept,) = tell(store, ADA)
    choice = chosen(store, traces=2)
    assert choice.new == (kept,)
    assert set(choice.passed) == set(mumbled)
    assert choice.unknown == 71
