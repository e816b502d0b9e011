"""The formula, its explanations, the operating points, and novelty as a store measures it."""

import pytest
from hippo_core import Episode, InvalidInputError, Provenance, Salience
from hippo_episodic import EpisodicStore, WriteGate
from hypothesis import given
from hypothesis import strategies as st

units = st.floats(0, 5)
surprises = st.floats(0, 20)
P = Provenance(source="chat")


def test_the_seeds_formula_holds_with_the_seeds_defaults():
    salience = WriteGate().score(0.9, 0.4, True, True)
    assert salience.score == pytest.approx(1.0 * 0.9 + 1.0 * 0.4 + 0.5 + 0.8)
    assert salience.contributions == {"surprise": 0.9, "novelty": 0.4, "reward": 0.5, "pin": 0.8}


def test_the_threshold_is_strict():
    gate = WriteGate(threshold=1.5)
    assert not gate.writes(gate.score(1.0, 0.5))
    assert gate.writes(gate.score(1.0, 0.51))


def test_a_pin_always_writes_unless_the_bare_formula_is_asked_for():
    low = WriteGate().score(0.0, 0.0, pin=True)
    assert WriteGate().writes(low)
    assert not WriteGate(pin_override=False).writes(low)
    assert "pinned" in WriteGate().explain(low)


def test_a_missing_signal_gives_its_weight_to_the_other_and_says_so():
    gate = WriteGate(alpha=1.0, beta=2.0)
    assert gate.score(None, 0.5).score == pytest.approx(1.5)
    assert gate.score(0.5, None).score == pytest.approx(1.5)
    assert "surprise not measured" in gate.explain(gate.score(None, 0.5))
    assert "novelty not measured" in gate.explain(gate.score(0.5, None))


def test_surprise_is_counted_in_units_of_the_scale():
    assert WriteGate(surprise_scale=4.0).score(4.0, 0.0).score == pytest.approx(1.0)


@given(surprises, units, st.booleans(), st.booleans())
def test_the_score_is_the_sum_of_its_explained_parts(surprise, novelty, reward, pin):
    salience = WriteGate().score(surprise, novelty, reward, pin)
    assert salience.score == pytest.approx(sum(salience.contributions.values()))


@given(surprises, units, units)
def test_more_novelty_never_lowers_the_score(surprise, a, b):
    gate = WriteGate()
    low, high = sorted((a, b))
    assert gate.score(surprise, low).score <= gate.score(surprise, high).score


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1])
def test_impossible_signals_are_refused_by_name(bad):
    with pytest.raises(InvalidInputError, match="surprise"):
        WriteGate().score(bad, 0.5)
    with pytest.raises(InvalidInputError, match="novelty"):
        WriteGate().score(0.5, bad)


def test_impossible_weights_are_refused_by_name():
    with pytest.raises(InvalidInputError, match=r"gate\.alpha"):
        WriteGate(alpha=-1)
    with pytest.raises(InvalidInputError, match=r"gate\.surprise_scale"):
        WriteGate(surprise_scale=0)


def test_novelty_may_exceed_one():
    assert WriteGate().score(0.0, 2.5).score == pytest.approx(2.5)


@given(surprises, units, st.booleans(), st.booleans())
def test_a_sparse_gate_writes_nothing_that_a_diary_would_not(surprise, novelty, reward, pin):
    salience = WriteGate.sparse().score(surprise, novelty, reward, pin)
    assert WriteGate.diary().score(surprise, novelty, reward, pin) == salience
    assert WriteGate.diary().writes(salience) or not WriteGate.sparse().writes(salience)


def test_the_operating_points_decide_as_documented():
    diary = WriteGate.diary()
    assert diary.writes(diary.score(surprise=3.2, novelty=5 / 6))
    assert not diary.writes(diary.score(surprise=3.2, novelty=4 / 6))
    assert diary.writes(diary.score(novelty=5 / 6))  # without a model too
    assert not diary.writes(diary.score(novelty=4 / 6))
    assert not diary.writes(diary.score(surprise=5.9, novelty=0))  # odd, and nothing in it


LINES = st.lists(
    st.lists(st.sampled_from([f"word{i}" for i in range(60)]), min_size=1, max_size=12).map(" ".join),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(LINES, st.integers(1, 5), st.integers(1, 9))
def test_a_batch_decides_as_one_write_after_another_does(lines, window, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hippo_episodic.novelty.WINDOW", window)
        found = []
        for batch in (1, size):
            with EpisodicStore(":memory:", gate=WriteGate.diary()) as store:
                episodes = [Episode(text=line, provenance=P) for line in lines]
                receipts = [
                    receipt
                    for start in range(0, len(lines), batch)
                    for receipt in store.write_many(episodes[start : start + batch])
                ]
                found.append([(receipt.status, receipt.score) for receipt in receipts])
        assert found[0] == found[1]
        # And as counting by hand does
        kept: list[set[str]] = []
        for line, (status, score) in zip(lines, found[0], strict=True):
            known = set().union(*kept[-window:])
            new = len(set(line.split()) - known)
            assert score == pytest.approx(2 * new / 6)
            assert status == ("stored" if new >= 5 else "gated")
            if status == "stored":
                kept.append(set(line.split()))


def test_what_was_said_long_ago_is_news_again_and_a_delete_widens_the_window(monkeypatch):
    monkeypatch.setattr("hippo_episodic.novelty.WINDOW", 2)
    with EpisodicStore(":memory:", gate=WriteGate(threshold=-1)) as store:
        for text in ("one two", "three four", "five six"):
            last = store.write(text, provenance=P).id
        assert store.write("One, two!", provenance=P).score == pytest.approx(2 * 2 / 6)
        store.undo()
        store.delete(last)
        assert store.write("One, two!", provenance=P).score == 0


def test_words_count_whatever_their_case_and_numbers_count():
    with EpisodicStore(":memory:", gate=WriteGate(threshold=-1)) as store:
        store.write("The code of ROOM Élan is 4417.", provenance=P)
        assert store.write("the code of room élan is 4418", provenance=P).score == pytest.approx(2 / 6)


def test_novelty_follows_undo_restore_and_other_processes(tmp_path):
    text = "Bees sleep in blue foxgloves."
    with EpisodicStore(tmp_path / "m.db", gate=WriteGate(threshold=-1)) as store:
        store.snapshot(tmp_path / "empty.db")
        with EpisodicStore(tmp_path / "m.db") as other:
            other.write(text, provenance=P)
        assert store.write(text + ".", provenance=P).score == 0
        store.undo(2)
        assert store.write(text, provenance=P).score == pytest.approx(2 * 5 / 6)
        store.restore(tmp_path / "empty.db")
        assert store.write(text, provenance=P).score == pytest.approx(2 * 5 / 6)


def test_a_write_that_fails_leaves_no_words_behind(monkeypatch):
    with EpisodicStore(":memory:", gate=WriteGate(threshold=-1)) as store:
        with monkeypatch.context() as patch:
            patch.setattr("hippo_episodic.writing.occurrence_row", lambda *_: {"no_such_column": 1})
            with pytest.raises(Exception, match="no_such_column"):
                store.write("Bees sleep in blue foxgloves.", provenance=P)
        assert store.write("Bees sleep in blue foxgloves.", provenance=P).score == pytest.approx(2 * 5 / 6)


def test_surprise_and_novelty_change_what_is_kept():
    with EpisodicStore(":memory:", gate=WriteGate.diary()) as store:
        first = Episode(text="Well, that was something today!", provenance=P, salience=Salience(surprise=1.0))
        assert store.write_many([first])[0].status == "gated"
        assert store.write(first, surprise=6.0).status == "stored"
