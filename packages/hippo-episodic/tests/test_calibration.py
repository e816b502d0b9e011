"""From scores to a threshold: the target is met on the data seen, or refused with the nearest that can be."""

import numpy as np
import pytest
from hippo_core import HippoError, InvalidInputError
from hippo_episodic import CalibrationError, WriteGate, calibrate, keep_curve
from hypothesis import given
from hypothesis import strategies as st

# Few distinct values among the floats, so that ties happen
scores = st.lists(st.one_of(st.floats(-5, 5), st.sampled_from([0.0, 0.5, 1.0, 1.5])), min_size=1, max_size=60)
shares = st.floats(0.01, 1)


@st.composite
def labelled(draw):
    values = draw(scores)
    labels = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)).filter(any))
    return values, labels


@given(scores, shares)
def test_a_rate_is_met_or_refused(values, target):
    try:
        found = calibrate(values, target_rate=target, tolerance=0.1)
    except CalibrationError:
        reachable = keep_curve(values).rate[1:]
        assert (np.abs(reachable - target) > 0.1 * target - 1e-6).all()
        return
    kept = sum(value > found.threshold for value in values)
    assert (found.kept, found.items) == (kept, len(values))
    assert found.rate == kept / len(values)
    assert abs(found.rate - target) <= 0.1 * target + 1e-6


@given(scores, shares, shares)
def test_a_higher_rate_never_has_a_higher_threshold(values, a, b):
    try:
        few, many = (calibrate(values, target_rate=target, tolerance=0.99) for target in sorted((a, b)))
    except CalibrationError:
        return
    assert few.threshold >= many.threshold
    assert few.kept <= many.kept


@given(labelled(), shares)
def test_a_precision_is_held_with_the_most_items_that_hold_it(data, target):
    values, labels = data

    def precision(threshold):
        kept = [label for value, label in zip(values, labels, strict=True) if value > threshold]
        return sum(kept) / len(kept) if kept else 0.0

    cuts = [-10.0, *sorted(set(values))]
    try:
        found = calibrate(values, labels=labels, target_precision=target)
    except CalibrationError:
        assert all(precision(cut) < target for cut in cuts)
        return
    assert found.precision == pytest.approx(precision(found.threshold))
    assert found.precision >= target - 1e-8
    lower = [cut for cut in cuts if sum(value > cut for value in values) > found.kept]
    assert all(precision(cut) < target for cut in lower)


@given(labelled())
def test_labels_alone_find_the_best_f1(data):
    values, labels = data

    def f1(threshold):
        kept = sum(value > threshold for value in values)
        hits = sum(label and value > threshold for value, label in zip(values, labels, strict=True))
        return 2 * hits / (kept + sum(labels))

    found = calibrate(values, labels=labels)
    assert f1(found.threshold) == pytest.approx(max(f1(cut) for cut in [-10.0, *values]))
    assert found.recall == pytest.approx(
        sum(label and value > found.threshold for value, label in zip(values, labels, strict=True)) / sum(labels)
    )


@given(labelled())
def test_the_curve_runs_from_nothing_to_everything_and_recall_never_falls(data):
    values, labels = data
    curve = keep_curve(values, labels)
    assert curve.kept[0] == 0
    assert curve.rate[-1] == curve.recall[-1] == 1
    assert len(curve.kept) == len(set(values)) + 1
    assert (np.diff(curve.thresholds) < 0).all()
    assert (np.diff(curve.recall) >= 0).all()
    for threshold, kept in zip(curve.thresholds, curve.kept, strict=True):
        assert sum(value > threshold for value in values) == kept


def test_writes_per_1000_tokens_count_all_tokens_that_were_read():
    found = calibrate([0.1, 0.2, 0.3, 0.4], tokens=[100, 100, 100, 200], target_per_1000_tokens=4)
    assert (found.kept, found.per_1000_tokens) == (2, 4.0)
    assert calibrate([0.1, 0.2], target_rate=0.5).per_1000_tokens is None


def test_the_threshold_lies_halfway_so_that_new_scores_have_room():
    assert calibrate([1.0, 2.0], target_rate=0.5).threshold == 1.5
    a = 1.0
    b = np.nextafter(a, 2)
    assert calibrate([a, b], target_rate=0.5).kept == 1


@pytest.mark.parametrize(
    ("values", "target", "message"),
    [
        ([0.7] * 10, {"target_rate": 0.4}, "nearest that one keeps is 1[.]"),
        ([0.1, 0.5, 0.5, 0.5, 0.9], {"target_rate": 0.4}, "0.2 below and 0.8 above"),
        ([0.1, 0.2], {"tokens": [500, 500], "target_per_1000_tokens": 9}, "2"),
        ([0.9, 0.5, 0.1], {"labels": [0, 1, 0], "target_precision": 0.9}, "0.5"),
    ],
)
def test_what_no_threshold_reaches_is_refused_with_the_nearest(values, target, message):
    with pytest.raises(CalibrationError, match=message) as raised:
        calibrate(values, **target)
    assert isinstance(raised.value, HippoError)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": [1.0]}, "none of them"),
        ({"scores": [1.0], "target_rate": 0.4, "target_precision": 0.4}, "target_rate and target_precision"),
        ({"scores": [], "target_rate": 0.4}, "at least one number"),
        ({"scores": [0.1, float("nan")], "target_rate": 0.4}, r"scores\[1\]"),
        ({"scores": [0.1, None], "target_rate": 0.4}, r"scores\[1\]"),
        ({"scores": ["high"], "target_rate": 0.4}, "must be numbers"),
        ({"scores": [0.1], "target_rate": 0}, "`target_rate` must be above 0 and at most 1, not 0"),
        ({"scores": [0.1], "target_rate": 1.1}, "at most 1, not 1.1"),
        ({"scores": [0.1], "target_per_1000_tokens": 3}, "needs `tokens`"),
        ({"scores": [0.1], "tokens": [1, 2], "target_per_1000_tokens": 3}, "`tokens` has shape"),
        ({"scores": [0.1], "tokens": [0], "target_per_1000_tokens": 3}, "not all 0"),
        ({"scores": [0.1], "target_precision": 0.5}, "needs `labels`"),
        ({"scores": [0.1], "labels": [True, False]}, "`labels` has shape"),
        ({"scores": [0.1], "labels": [0.3]}, "true or false"),
        ({"scores": [0.1], "labels": [False]}, "marks no item"),
        ({"scores": [0.1], "target_rate": 1.0, "tolerance": 1.0}, "`tolerance`"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, message):
    values = arguments.pop("scores")
    with pytest.raises(InvalidInputError, match=message):
        calibrate(values, **arguments)


def test_the_operating_points_are_set_by_own_scores():
    values = np.linspace(0, 4, 200)
    diary = WriteGate.diary(values)
    assert np.mean(values > diary.threshold) == pytest.approx(0.4)
    sparse = WriteGate.sparse(values, tokens=np.full(200, 40))
    assert 1000 * np.sum(values > sparse.threshold) / (200 * 40) == pytest.approx(3)
    assert (diary.surprise_scale, sparse.surprise_scale) == (WriteGate.diary().surprise_scale,) * 2


def test_operating_points_fail_loudly_too():
    with pytest.raises(CalibrationError, match="nearest"):
        WriteGate.diary([1.0, 1.0, 1.0])
    with pytest.raises(InvalidInputError, match="go together"):
        WriteGate.sparse([1.0, 2.0])
