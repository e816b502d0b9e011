from datetime import UTC, datetime

import numpy as np
import pytest
from hippo_core import InvalidInputError
from hippo_core.checks import (
    checked_count,
    checked_k,
    checked_number,
    checked_probability,
    checked_text,
    checked_time,
    checked_vector,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@given(
    vector=hnp.arrays(
        np.float32, 5, elements=st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)
    ).filter(np.any)
)
def test_any_finite_vector_gets_length_one(vector):
    unit = checked_vector(vector, dim=5)
    assert unit.dtype == np.float32
    assert np.linalg.norm(unit.astype(np.float64)) == pytest.approx(1, abs=1e-5)


def test_a_vector_too_large_for_float32_is_refused_without_a_warning():
    with pytest.raises(InvalidInputError, match="position 1"):
        checked_vector([0.0, 1e300, 1.0], dim=3)


@pytest.mark.parametrize(
    "vector", [[1, 2], [[1, 2, 3]], [1, np.nan, 3], [np.inf, 0, 0], [0, 0, 0], "text", None, ["a", "b", "c"]]
)
def test_a_broken_vector_is_refused(vector):
    with pytest.raises(InvalidInputError, match="cue"):
        checked_vector(vector, dim=3, name="cue")


@given(text=st.text())
def test_text_is_returned_as_it_is_or_refused(text):
    try:
        accepted = checked_text(text)
    except InvalidInputError:
        accepted = None
    assert accepted == (text if text.strip() and text.isprintable() else accepted)
    assert accepted in (None, text)
    if accepted is not None:
        accepted.encode("utf-8")


@pytest.mark.parametrize("text", ["", " \n", "\ud800", "x" * 100_001, 5, b"x", None])
def test_text_without_content_is_refused(text):
    with pytest.raises(InvalidInputError, match="note"):
        checked_text(text, name="note")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, True, np.bool_(True), 10**400, 1j])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(InvalidInputError, match="cost"):
        checked_number(value, name="cost")


def test_numbers_of_numpy_are_numbers():
    assert checked_number(np.float32(0.5), name="x") == 0.5
    assert type(checked_number(np.int64(3), name="x")) is float
    assert checked_probability(1, name="x") == 1.0
    for outside in (-0.01, 1.01):
        with pytest.raises(InvalidInputError, match=r"\[0, 1\]"):
            checked_probability(outside, name="x")


@pytest.mark.parametrize("k", [0, -3, True, 2.0, "2", None, np.float64(2)])
def test_a_count_is_a_whole_number_from_one(k):
    with pytest.raises(InvalidInputError, match="`k`"):
        checked_k(k)
    with pytest.raises(InvalidInputError, match="`size`"):
        checked_count(k, name="size")
    assert checked_k(np.int64(2)) == 2


def test_a_time_knows_its_zone():
    assert checked_time(datetime(2026, 1, 1, tzinfo=UTC)).year == 2026
    for bad in (datetime(2026, 1, 1), "2026-01-01", None):
        with pytest.raises(InvalidInputError, match="`seen`"):
            checked_time(bad, name="seen")
