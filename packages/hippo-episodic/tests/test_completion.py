import numpy as np
import pytest
from hippo_core import InvalidInputError
from hippo_episodic import HopfieldCompletion
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

DIM = 12


def unit(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def drawn(seed, *shape):
    return unit(np.random.default_rng(seed).standard_normal(shape))


def ranking(rows, state):
    return np.argsort(-(rows @ state), kind="stable").tolist()


seeds = st.integers(0, 2**32 - 1)
settings = st.builds(
    HopfieldCompletion,
    beta=st.floats(0, 60),
    steps=st.integers(1, 6),
    attraction=st.floats(-1, 1),
)


@given(seeds, settings, st.integers(1, 20))
def test_states_are_unit_rows(seed, completion, n):
    states = completion.complete(drawn(seed, 3, DIM), drawn(seed + 1, n, DIM))
    assert states.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(states, axis=1), 1, atol=1e-5)


@given(seeds, st.integers(1, 20), st.floats(0, 30), st.floats(-0.45, 1), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(seed, n, beta, attraction, random):
    cue, rows = drawn(seed, 1, DIM), drawn(seed + 1, n, DIM)
    order = random.sample(range(n), n)
    completion = HopfieldCompletion(beta=beta, attraction=attraction)
    np.testing.assert_allclose(completion.complete(cue, rows), completion.complete(cue, rows[order]), atol=1e-3)


@given(seeds, st.integers(1, 20), st.floats(0.1, 60), st.floats(0, 1))
def test_energy_never_rises_under_attraction(seed, n, beta, attraction):
    cue, rows = drawn(seed, 1, DIM), drawn(seed + 1, n, DIM)

    def energy(state):
        overlaps = beta * (rows.astype(np.float64) @ state)
        pulled = (np.log(np.exp(overlaps - overlaps.max()).sum()) + overlaps.max()) / beta
        return -attraction * pulled - (1 - attraction) * float(cue[0].astype(np.float64) @ state)

    energies = [energy(cue[0].astype(np.float64))]
    for steps in range(1, 8):
        completion = HopfieldCompletion(beta=beta, steps=steps, attraction=attraction)
        energies.append(energy(completion.complete(cue, rows)[0].astype(np.float64)))
    assert (np.diff(energies) <= 1e-5).all()


def test_a_damaged_pattern_is_completed_when_patterns_are_far_apart():
    rows = drawn(0, 20, 256)
    cue = unit(rows[7] + 0.05 * np.random.default_rng(1).standard_normal(256))
    state = HopfieldCompletion(beta=40.0, steps=10, attraction=1.0).complete(cue[None], rows)[0]
    assert cue @ rows[7] < 0.85
    assert state @ rows[7] > 0.999


@given(seeds, st.integers(2, 20), st.sampled_from([0.6, 1.0]))
def test_with_a_large_beta_attraction_finds_the_nearest_neighbour(seed, n, attraction):
    cue, rows = drawn(seed, 1, DIM), drawn(seed + 1, n, DIM)
    similar = np.sort(rows @ cue[0])
    if similar[-1] - similar[-2] < 1e-3:
        return  # two nearest neighbours
    state = HopfieldCompletion(beta=1e5, steps=5, attraction=attraction).complete(cue, rows)[0]
    assert int(np.argmax(rows @ state)) == int(np.argmax(rows @ cue[0]))


def test_repulsion_finds_the_candidate_that_differs_where_the_others_agree():
    # Four episodes share a slot the cue names loudly; only the last has the one it names softly
    common, rare, *others = np.eye(7, dtype=np.float32)
    rows = np.stack([*(unit(1.0 * common + 0.3 * other) for other in others[:4]), unit(0.7 * common + 0.8 * rare)])
    cue = unit(common + 0.35 * rare)
    assert ranking(rows, cue)[0] != 4
    assert ranking(rows, HopfieldCompletion().complete(cue[None], rows)[0])[0] == 4
    assert ranking(rows, HopfieldCompletion(attraction=0.7).complete(cue[None], rows)[0])[0] != 4


@given(seeds, st.integers(2, DIM))
def test_repulsion_leaves_candidates_that_share_nothing_in_their_order(seed, n):
    cue, rows = drawn(seed, 1, DIM), np.eye(DIM, dtype=np.float32)[:n]
    gaps = np.diff(np.sort(rows @ cue[0]))
    if gaps.min() < 1e-4:
        return  # as good as equal
    assert ranking(rows, HopfieldCompletion().complete(cue, rows)[0]) == ranking(rows, cue[0])


def test_tuning_passes_over_repulsion_that_few_candidates_would_not_stand():
    rows = np.eye(DIM, dtype=np.float32)[:2]
    cues = unit([[1.0, 0.9] + [0.0] * (DIM - 2)])
    sharp = HopfieldCompletion(beta=24.0, steps=1, attraction=-0.4)
    assert ranking(rows, sharp.complete(cues, rows)[0]) == [1, 0]
    many = np.repeat(cues, 20, axis=0)
    # The second is called right, which only sharp repulsion would grant
    assert HopfieldCompletion.tune(many, rows, [1] * 20, betas=[24.0], attractions=[-0.4]).attraction == 0


@given(seeds, settings)
def test_one_candidate_keeps_its_place_and_none_leaves_the_cue_alone(seed, completion):
    cues, rows = drawn(seed, 2, DIM), drawn(seed + 1, 1, DIM)
    states = completion.complete(cues, [rows, np.zeros((0, DIM), dtype=np.float32)])
    np.testing.assert_array_equal(states[1], cues[1])
    assert np.isfinite(states).all()
    assert completion.complete(cues[:0], rows).shape == (0, DIM)


def test_a_state_pushed_off_to_nowhere_stays():
    cue = drawn(0, 1, DIM)
    np.testing.assert_array_equal(HopfieldCompletion(attraction=-0.5).complete(cue, cue), cue)


@given(seeds, settings)
def test_a_cue_is_completed_alike_alone_and_in_a_batch(seed, completion):
    cues, rows = drawn(seed, 4, DIM), drawn(seed + 1, 9, DIM)
    together = completion.complete(cues, rows)
    np.testing.assert_array_equal(together, completion.complete(cues, [rows] * 4))
    np.testing.assert_array_equal(together[2:3], completion.complete(cues[2:3], rows))


def test_no_attraction_changes_nothing_and_the_default_changes_something():
    cues, rows = drawn(0, 4, DIM), drawn(1, 9, DIM)
    np.testing.assert_array_equal(HopfieldCompletion(attraction=0.0).complete(cues, rows), cues)
    assert (np.abs(HopfieldCompletion().complete(cues, rows) - cues).max(axis=1) > 0.05).all()


def test_attraction_ends_at_a_fixed_point_and_takes_several_steps_to_it():
    cues, rows = drawn(0, 4, DIM), drawn(1, 9, DIM)

    def states(steps):
        return HopfieldCompletion(beta=6.0, steps=steps, attraction=0.7).complete(cues, rows)

    np.testing.assert_allclose(states(1000), states(1001), atol=1e-5)
    assert np.abs(states(1000) - states(1)).max() > 1e-3


def test_tuning_changes_nothing_when_nothing_helps():
    rows = drawn(0, 30, 64)
    targets = np.arange(30)
    cues = unit(rows + 0.05 * drawn(1, 30, 64))
    assert HopfieldCompletion.tune(cues, rows, targets).attraction == 0
    wrong = HopfieldCompletion.tune(cues, rows, np.random.default_rng(2).permutation(targets))
    assert wrong.attraction == 0  # the best of many settings by luck is not taken
    assert HopfieldCompletion.tune(cues, rows, np.full(30, -1)).attraction == 0


def test_tuning_finds_repulsion_where_candidates_share_what_the_cue_says_loudest():
    rng = np.random.default_rng(0)
    n, dim = 40, 64
    own = rng.standard_normal((n, dim)) / dim**0.5
    common = unit(rng.standard_normal(dim))
    rows = unit(own + rng.uniform(0.5, 2.0, (n, 1)) * common)
    cues = unit(0.5 * own + 2.0 * common + 0.3 * rng.standard_normal((n, dim)) / dim**0.5)
    chosen = HopfieldCompletion.tune(cues, rows, np.arange(n))
    assert chosen.attraction < 0
    right = [ranking(rows, state)[0] == i for i, state in enumerate(chosen.complete(cues, rows))]
    before = [ranking(rows, cue)[0] == i for i, cue in enumerate(cues)]
    assert sum(right) > sum(before) + 5


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"beta": -1.0}, "beta"),
        ({"beta": float("inf")}, "beta"),
        ({"steps": 0}, "steps"),
        ({"attraction": 1.5}, "attraction"),
        ({"attraction": float("nan")}, "attraction"),
    ],
)
def test_impossible_settings_are_refused_by_name(fields, name):
    with pytest.raises(InvalidInputError, match=name):
        HopfieldCompletion(**fields)


def test_arrays_that_do_not_fit_are_refused():
    cues, rows = drawn(0, 2, DIM), drawn(1, 5, DIM)
    complete = HopfieldCompletion().complete
    with pytest.raises(InvalidInputError, match="cues"):
        complete(cues[0], rows)
    with pytest.raises(InvalidInputError, match="patterns"):
        complete(cues, rows[:, :3])
    with pytest.raises(InvalidInputError, match="1 arrays for 2 cues"):
        complete(cues, [rows])
    with pytest.raises(InvalidInputError, match="finite"):
        complete(np.full((1, DIM), np.nan, dtype=np.float32), rows)
    with pytest.raises(InvalidInputError, match="finite"):
        complete(cues, np.full((1, DIM), np.inf, dtype=np.float32))


@pytest.mark.parametrize("targets", [[0], [0, 5], [0, -2], [0.5, 1.0], []])
def test_targets_that_name_no_candidate_are_refused(targets):
    with pytest.raises(InvalidInputError, match="targets"):
        HopfieldCompletion.tune(drawn(0, 2, DIM), drawn(1, 5, DIM), targets)


@given(hnp.arrays(np.float32, (2, DIM), elements=st.floats(-1, 1, width=32)), settings)
def test_rows_of_any_length_give_finite_states(rows, completion):
    assert np.isfinite(completion.complete(drawn(0, 2, DIM), rows)).all()
