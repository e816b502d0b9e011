"""Search by inverted lists against brute force over the same sparse keys."""

import numpy as np
import pytest
from hippo_core import InvalidInputError
from hippo_episodic import VectorTable
from hippo_episodic.index.sparse import SparseIndex
from hippo_episodic.keyer import SparseKeyer
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

INPUT_DIM, DIM, ACTIVE = 16, 64, 6


def ids_of(*numbers):
    return np.array(sorted(numbers), dtype=np.int64)


def exact_keyer(seed=0):
    """Return a keyer whose arithmetic rounds nothing before the last step, so that no library's order of sums shows."""
    weights = np.random.default_rng(seed).integers(-8, 9, size=(INPUT_DIM, DIM)) / 8
    return SparseKeyer(weights, np.zeros(DIM), active=ACTIVE)


def exact_rows(n, seed=0):
    """Return rows of length 1: four entries of ±½. With few coordinates, many share units and some are equal."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((n, INPUT_DIM), dtype=np.float32)
    for row in rows:
        row[rng.choice(INPUT_DIM, 4, replace=False)] = rng.choice([-0.5, 0.5], 4)
    return rows


def brute_force(keyer, content, query, k, allowed=None):
    """Return ids and scores by the definition: every key against the cue's, in float64."""
    if not content:
        return [], []
    cue = keyer.encode(query[None]).to_dense()[0].astype(np.float64)
    cosines = (keyer.encode(np.stack(list(content.values()))).to_dense().astype(np.float64) @ cue).astype(np.float32)
    scored = [(-score, id) for id, score in zip(content, cosines, strict=True) if allowed is None or id in allowed]
    best = sorted(scored)[:k]
    return [id for _, id in best], [-score for score, _ in best]


def filled(n, seed=0):
    keyer = exact_keyer()
    index = SparseIndex(VectorTable(INPUT_DIM), keyer)
    ids, rows = np.arange(10, 10 + n), exact_rows(n, seed)
    index.add(ids, rows)
    return keyer, index, dict(zip(ids.tolist(), rows, strict=True))


def check(keyer, index, content, query, k, allowed=None):
    found, scores = index.search(query[None], k, allowed=None if allowed is None else ids_of(*allowed))
    assert found.shape == scores.shape == (1, k)
    expected_ids, expected_scores = brute_force(keyer, content, query, k, allowed)
    assert found[0, : len(expected_ids)].tolist() == expected_ids
    assert scores[0, : len(expected_ids)].tolist() == expected_scores
    assert (found[0, len(expected_ids) :] == -1).all()
    assert (scores[0, len(expected_ids) :] == -np.inf).all()


class SparseIndexMachine(RuleBasedStateMachine):
    """Whatever is added and removed in whatever order, a search says what a dictionary of rows says."""

    @initialize()
    def start(self):
        self.keyer = exact_keyer()
        self.index = SparseIndex(VectorTable(INPUT_DIM), self.keyer)
        self.content = {}

    @rule(ids=st.sets(st.integers(1, 60), max_size=20), seed=st.integers(0, 5))
    def add(self, ids, seed):
        fresh = sorted(ids - set(self.content))
        rows = exact_rows(len(fresh), seed)
        self.index.add(ids_of(*fresh), rows)
        self.content |= dict(zip(fresh, rows, strict=True))

    @rule(ids=st.sets(st.integers(1, 60), max_size=30))
    def remove(self, ids):
        self.index.remove(ids_of(*ids))
        for id in ids:
            self.content.pop(id, None)

    @rule()
    def reload(self):
        index = SparseIndex(VectorTable(INPUT_DIM), self.keyer)
        assert index.load(self.index.dump())
        self.index = index

    @rule(k=st.integers(1, 80), seed=st.integers(0, 9), allowed=st.none() | st.sets(st.integers(1, 60)))
    def search(self, k, seed, allowed):
        check(self.keyer, self.index, self.content, exact_rows(1, seed)[0], k, allowed)

    @invariant()
    def everything_live_is_found(self):
        if hasattr(self, "content"):
            found = self.index.search(exact_rows(1), 61)[0][0]
            assert set(found[found >= 0].tolist()) == set(self.content)


TestSparseIndexMachine = SparseIndexMachine.TestCase
TestSparseIndexMachine.settings = settings(deadline=None, max_examples=25, stateful_step_count=12)


@pytest.mark.parametrize("k", [1, 10, 2_500])
def test_search_is_exact_in_a_large_index(k):
    keyer, index, content = filled(2_000)
    for query in exact_rows(3, seed=50):
        check(keyer, index, content, query, k)


def test_ordinary_vectors_rank_as_their_keys_do():
    keyer = SparseKeyer.random(384, dim=1024, active=32)
    rows = np.random.default_rng(0).normal(size=(500, 384)).astype(np.float32)
    index = SparseIndex(VectorTable(384), keyer)
    index.add(np.arange(500), rows)
    queries = rows[:40] + 0.5 * np.random.default_rng(1).normal(size=(40, 384)).astype(np.float32)
    found, scores = index.search(queries, 5)
    cosines = keyer.encode(queries).to_dense() @ keyer.encode(rows).to_dense().T
    assert np.allclose(scores, -np.sort(-cosines, axis=1)[:, :5], atol=1e-5)
    assert np.allclose(np.take_along_axis(cosines, found, axis=1), scores, atol=1e-5)


def test_similarities_are_the_scores_of_a_search():
    _, index, _ = filled(300)
    index.remove(ids_of(*range(10, 110)))  # rows are numbered anew
    query = exact_rows(1, seed=9)
    found, scores = index.search(query, 20)
    assert index.similarities(query[0], found[0]).tolist() == scores[0].tolist()
    assert index.similarities(query[0], ids_of()).shape == (0,)


def test_equal_keys_tie_and_the_smaller_id_comes_first():
    keyer = exact_keyer()
    index = SparseIndex(VectorTable(INPUT_DIM), keyer)
    row = exact_rows(1)
    for id in (9, 3, 7, 5):
        index.add(ids_of(id), row)
    found, scores = index.search(row, 3)
    assert found[0].tolist() == [3, 5, 7]
    assert len(set(scores[0].tolist())) == 1


def test_rows_that_share_no_unit_come_last_with_zero():
    weights = np.eye(4, dtype=np.float32)
    index = SparseIndex(VectorTable(4), SparseKeyer(weights, np.zeros(4), active=1))
    index.add(ids_of(1, 2, 3), np.eye(4, dtype=np.float32)[:3])
    found, scores = index.search(np.eye(4, dtype=np.float32)[1:2], 4)
    assert found[0].tolist() == [2, 1, 3, -1]
    assert scores[0].tolist() == [1.0, 0.0, 0.0, -np.inf]


def test_an_empty_index_finds_nothing():
    _, index, content = filled(5)
    index.remove(ids_of(*content))
    found, scores = index.search(exact_rows(2), 3)
    assert (found == -1).all()
    assert (scores == -np.inf).all()
    assert index.search(exact_rows(0), 3)[0].shape == (0, 3)
    assert (filled(5)[1].search(exact_rows(1), 3, allowed=ids_of())[0] == -1).all()


def test_deleted_rows_are_dropped_from_the_lists_and_not_only_hidden():
    _, index, _ = filled(1_000)
    before = len(index.dump()["rows"])
    index.remove(np.arange(10, 910))
    dump = index.dump()
    assert before == 1_000 * ACTIVE
    assert len(dump["rows"]) == 100 * ACTIVE
    assert dump["ids"].tolist() == list(range(910, 1_010))


def test_a_dump_of_another_keyer_or_a_broken_one_is_not_loaded():
    keyer, index, _ = filled(50)
    dump = dict(index.dump())
    table = VectorTable(INPUT_DIM)
    assert SparseIndex(table, keyer).load(dump)
    assert not SparseIndex(table, exact_keyer(seed=1)).load(dump)
    for broken in (
        {name: array for name, array in dump.items() if name != "values"},
        dump | {"rows": dump["rows"][:-1]},
        dump | {"rows": dump["rows"] + np.uint32(1)},
        dump | {"counts": dump["counts"][:-1]},
        dump | {"ids": dump["ids"][:-1]},
    ):
        fresh = SparseIndex(table, keyer)
        assert not fresh.load(broken)
        assert (fresh.search(exact_rows(1), 1)[0] == -1).all()


def test_a_keyer_for_another_width_is_refused():
    with pytest.raises(InvalidInputError, match=r"width 16.*have 24"):
        SparseIndex(VectorTable(24), exact_keyer())
