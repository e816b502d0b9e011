import pytest
from hippo_core import InvalidInputError
from hippo_episodic import WriteGate
from hypothesis import given
from hypothesis import strategies as st

units = st.floats(0, 1)
surprises = st.floats(0, 20)


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
