"""Intervals, tests and the effect test, against known values and by their properties."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from hippo_core import InvalidInputError
from hippo_lab.effect import effect_test, shuffled_contents
from hippo_lab.statistics import Interval, holm, mcnemar, mean_interval, paired_difference
from hypothesis import given
from hypothesis import strategies as st


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_interval_of_one_seed_is_the_binomial_one():
    values = np.repeat([1.0, 0.0], [60, 140])
    interval = mean_interval(values, [0] * 200, rng=rng(), resamples=20_000)
    half = 1.96 * np.sqrt(0.3 * 0.7 / 200)
    assert interval.mean == pytest.approx(0.3)
    assert interval.low == pytest.approx(0.3 - half, abs=0.01)
    assert interval.high == pytest.approx(0.3 + half, abs=0.01)
    assert (interval.n, interval.seeds) == (200, 1)


def test_seeds_that_disagree_widen_the_interval():
    seeds = np.repeat([0, 1, 2], 100)
    values = np.concatenate([np.repeat([1.0, 0.0], [good, 100 - good]) for good in (20, 50, 80)])
    clustered = mean_interval(values, list(seeds), rng=rng())
    flat = mean_interval(values, [0] * 300, rng=rng())
    assert clustered.high - clustered.low > 2 * (flat.high - flat.low)


def test_resampling_covers_the_truth_about_as_often_as_it_says():
    source = rng(3)
    hits = 0
    for _ in range(200):
        values = (source.random(100) < 0.4).astype(float)
        interval = mean_interval(values, [0] * 100, rng=source, resamples=400)
        hits += interval.low <= 0.4 <= interval.high
    assert 180 <= hits <= 199


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(0, 5))
def test_intervals_hold_their_mean_and_repeat(values, seed):
    seeds = [number % 3 for number in range(len(values))]
    one, two = (mean_interval(values, seeds, rng=rng(seed), resamples=50) for _ in range(2))
    assert one == two
    assert min(values) - 1e-9 <= one.low <= one.mean <= one.high <= max(values) + 1e-9


def test_paired_differences_use_the_pairing():
    source = rng(1)
    base = (source.random(300) < 0.5).astype(float)
    better = np.maximum(base, source.random(300) < 0.1)
    interval, p = paired_difference(better, base, [0] * 300, rng=rng())
    assert interval.mean == pytest.approx(float((better - base).mean()))
    assert interval.low > 0
    assert p < 0.01
    opposite, _ = paired_difference(base, better, [0] * 300, rng=rng())
    assert (opposite.low, opposite.high) == pytest.approx((-interval.high, -interval.low), abs=1e-9)
    same, p = paired_difference(base, base, [0] * 300, rng=rng())
    assert (same.mean, same.low, same.high, p) == (0, 0, 0, 1)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=10))
def test_mcnemar_is_the_share_of_coin_tosses_at_least_as_uneven(pairs):
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    only_first = sum(a and not b for a, b in pairs)
    discordant = sum(a != b for a, b in pairs)
    tosses = [sum(toss) for toss in product((0, 1), repeat=discordant)]
    uneven = [abs(2 * heads - discordant) >= abs(2 * only_first - discordant) for heads in tosses]
    expected = sum(uneven) / len(uneven)
    assert mcnemar(first, second) == pytest.approx(expected)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_stands_thousands_of_pairs():
    assert mcnemar([1] * 5000 + [0] * 5000, [0] * 5000 + [1] * 5000) == pytest.approx(1.0)
    assert 0.0 <= mcnemar([1] * 5000, [0] * 5000) < 1e-300


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert list(adjusted) == list(p_values)
    assert all(p_values[name] <= adjusted[name] <= min(1, len(p_values) * p_values[name] + 1) for name in p_values)
    names = sorted(p_values, key=lambda name: (p_values[name], name))
    assert [adjusted[name] for name in names] == sorted(adjusted.values())
    assert adjusted[names[0]] == pytest.approx(min(1, len(names) * p_values[names[0]]))


def test_input_that_means_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="at least one value"):
        mean_interval([], [], rng=rng())
    with pytest.raises(InvalidInputError, match="value 1 is nan"):
        mean_interval([0.0, float("nan")], [0, 0], rng=rng())
    with pytest.raises(InvalidInputError, match="same questions"):
        paired_difference([1, 0], [1], [0, 0], rng=rng())
    with pytest.raises(InvalidInputError, match=r"right .1. with wrong .0.; use"):
        mcnemar([0.5], [1])
    with pytest.raises(InvalidInputError, match="outside its interval"):
        Interval(mean=2, low=0, high=1, n=1, seeds=1)


SEEDS = [0] * 100 + [1] * 100 + [2] * 100


def outcomes(share: float, source: np.random.Generator) -> np.ndarray:
    return (source.random(300) < share).astype(float)


def test_an_effect_of_content_passes():
    source = rng(5)
    result = effect_test(outcomes(0.8, source), np.zeros(300), outcomes(0.1, source), SEEDS, rng=source)
    assert result.passed
    assert result.difference.low > 0.2
    assert result.difference.mean == pytest.approx(result.full - result.shuffled)


def test_what_the_shuffled_store_reaches_too_is_no_effect():
    source = rng(5)
    full = outcomes(0.8, source)
    assert not effect_test(full, np.zeros(300), full, SEEDS, rng=source).passed
    # An emptied store that answers as well fails it just the same
    assert not effect_test(full, full, np.zeros(300), SEEDS, rng=source).passed


def test_a_mean_above_the_margin_is_not_enough():
    source = rng(6)
    result = effect_test(outcomes(0.25, source), np.zeros(300), np.zeros(300), SEEDS, rng=source)
    assert result.full > 0.2
    assert not result.passed


def test_the_effect_test_needs_the_same_questions():
    with pytest.raises(InvalidInputError, match="same questions"):
        effect_test([1, 0], [0], [0, 0], [0, 0], rng=rng())


@given(st.lists(st.integers(), min_size=2, max_size=40), st.integers())
def test_shuffling_moves_every_content_and_loses_none(values, seed):
    places = list(range(len(values)))
    moved = shuffled_contents(places, random.Random(seed))
    assert sorted(moved) == places
    assert all(before != after for before, after in zip(places, moved, strict=True))


def test_one_content_cannot_be_shuffled():
    with pytest.raises(InvalidInputError, match="at least 2"):
        shuffled_contents(["a"], random.Random(0))
