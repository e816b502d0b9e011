"""The indexes against plain numpy, and against the traps of approximate search."""

import functools
import importlib.util
import threading

import numpy as np
import pytest
from hippo_core import MissingExtraError
from hippo_episodic import UnknownIndexError, VectorTable
from hippo_episodic.index import index_names, make_index
from hypothesis import given, settings
from hypothesis import strategies as st

DIM = 24
ENOUGH_TO_TRAIN = 10_000
HAS_HNSWLIB = importlib.util.find_spec("hnswlib") is not None


def kind(name):
    missing = name == "hnswlib" and not HAS_HNSWLIB
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason="hnswlib is not installed (extra `hnsw`)"))


EVERY = [kind(name) for name in ("exact", "hnsw", "hnsw_pq", "hnswlib", "ivf_pq")]
APPROXIMATE = EVERY[1:]


def unit_rows(n, seed=0):
    rng = np.random.default_rng(seed)
    # Clusters, as real texts have them: uniform noise has no neighbourhoods that a quantiser could learn
    rows = rng.normal(size=(200, DIM))[rng.integers(200, size=n)] + 0.5 * rng.normal(size=(n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def grow(table, index, ids, rows):
    table.add(ids, rows)
    index.add(ids, rows)


def shrink(table, index, ids):
    index.remove(ids)
    table.remove(ids)


def absorb_all(index):
    while index.absorb():
        pass


@functools.cache
def dumped(name, n):
    table = VectorTable(DIM)
    index = make_index(name, table)
    grow(table, index, np.arange(10, 10 + n), unit_rows(n))
    absorb_all(index)
    return index.dump()


def filled(name, n):
    ids, rows = np.arange(10, 10 + n), unit_rows(n)
    table = VectorTable(DIM)
    table.add(ids, rows)
    index = make_index(name, table)
    index.load(dumped(name, n))  # built once for all tests: quantisers take seconds to train
    absorb_all(index)
    return table, index, ids, rows


def reference(ids, rows, query, k, allowed=None):
    scored = [(float(-(row @ query)), int(id)) for id, row in zip(ids, rows, strict=True)]
    kept = [(score, id) for score, id in scored if allowed is None or id in allowed]
    return [id for _, id in sorted(kept)[:k]]


def recall_against_exact(table, index, queries, k=10, allowed=None):
    found, _ = index.search(queries, k, allowed=allowed)
    expected, _ = table.search(queries, k, allowed=allowed)
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(found, expected, strict=True)])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.integers(1, 30), st.sets(st.integers(1, 60), max_size=8)), max_size=8), st.data())
def test_the_table_agrees_with_a_dict_under_any_history(steps, data):
    table, model, top, rng = VectorTable(DIM), {}, 0, np.random.default_rng(1)
    gone = []
    for step in steps:
        if isinstance(step, int):
            ids = list(range(top + 1, top + 1 + step))
            top += step
            if gone and data.draw(st.booleans()):  # an undo brings an old id back, out of order
                ids = sorted({*ids, gone.pop()})
            rows = rng.normal(size=(len(ids), DIM)).astype(np.float32)
            table.add(np.array(ids), rows)
            model |= dict(zip(ids, rows, strict=True))
        else:
            table.remove(np.array(sorted(step), dtype=np.int64))
            gone += [id for id in step if model.pop(id, None) is not None]
    assert len(table) == len(model)
    wanted = np.arange(0, top + 3)
    assert (table.rows_of(wanted) >= 0).tolist() == [id in model for id in wanted.tolist()]
    held = np.array(sorted(model), dtype=np.int64)
    assert np.array_equal(table.get(held), np.array([model[id] for id in held.tolist()]).reshape(-1, DIM))
    copy = VectorTable(DIM, table.ids, np.concatenate(table.pieces()), table.alive)  # what a cache file holds
    assert np.array_equal(copy.rows_of(wanted), table.rows_of(wanted))
    query, k = unit_rows(1, 9), data.draw(st.integers(1, 12))
    allowed = data.draw(st.none() | st.sets(st.integers(0, 80)))
    found, scores = table.search(
        query, k, allowed=None if allowed is None else np.array(sorted(allowed), dtype=np.int64)
    )
    expected = reference(held, table.get(held), query[0], k, allowed)
    assert found[0][found[0] >= 0].tolist() == expected
    assert np.isneginf(scores[0][len(expected) :]).all()


@pytest.mark.parametrize("name", EVERY)
def test_higher_scores_are_nearer(name):
    _, index, ids, rows = filled(name, ENOUGH_TO_TRAIN)
    found, scores = index.search(rows[:50], 5)
    assert np.mean(found[:, 0] == ids[:50]) >= 0.98
    assert np.allclose(scores[:, 0], 1.0, atol=1e-4)
    assert (np.diff(scores, axis=1) <= 1e-6).all()


@pytest.mark.parametrize("name", APPROXIMATE)
def test_an_approximate_index_finds_nearly_what_exact_search_finds(name):
    table, index, _, _ = filled(name, ENOUGH_TO_TRAIN)
    assert index.n_absorbed == table.n_rows
    assert recall_against_exact(table, index, unit_rows(100, seed=7)) >= 0.95


@pytest.mark.parametrize("name", APPROXIMATE)
@pytest.mark.parametrize("n", [0, 1, 3, 50])
def test_a_small_index_is_exact_and_never_raises(name, n):
    table, index, _, rows = filled(name, n)
    for k in (1, 10):
        found, scores = index.search(unit_rows(5, seed=3), k)
        assert (found == table.search(unit_rows(5, seed=3), k)[0]).all()
        assert found.shape == scores.shape == (5, k)
    assert make_index(name, table).load(index.dump()) == (index.n_absorbed > 0)
    assert len(rows) == n


@pytest.mark.parametrize("name", APPROXIMATE)
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_deleted_rows_never_come_back(name, share):
    table, index, ids, rows = filled(name, ENOUGH_TO_TRAIN)
    dead = np.random.default_rng(5).permutation(ids)[: int(share * len(ids))]
    shrink(table, index, dead)
    found, _ = index.search(rows[:200], 10)
    assert not set(found.ravel().tolist()) & set(dead.tolist())
    assert (found >= 0).all()
    grow(table, index, dead[:50] + 1_000_000, rows[:50])
    shrink(table, index, np.array([1_000_010 - 10 + int(dead[0])]))
    absorb_all(index)
    assert not set(index.search(rows[:200], 10)[0].ravel().tolist()) & set(dead.tolist())


@pytest.mark.parametrize("name", APPROXIMATE)
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_a_filter_applies_before_the_nearest_are_sought(name, share, monkeypatch):
    monkeypatch.setattr("hippo_episodic.index.approximate._EXACT_ROWS", 500)  # so that the graph has to cope
    table, index, ids, rows = filled(name, ENOUGH_TO_TRAIN)
    allowed = np.sort(np.random.default_rng(3).choice(ids, int(share * len(ids)), replace=False))
    found, _ = index.search(rows[:100], 10, allowed=allowed)
    assert set(found.ravel().tolist()) <= set(allowed.tolist())
    assert recall_against_exact(table, index, rows[:100], allowed=allowed) >= 0.95


@pytest.mark.parametrize("name", APPROXIMATE)
def test_a_filter_that_holds_only_what_is_far_away_still_gives_k_hits(name, monkeypatch):
    monkeypatch.setattr("hippo_episodic.index.approximate._EXACT_ROWS", 100)
    _, index, ids, rows = filled(name, ENOUGH_TO_TRAIN)
    far = np.sort(ids[np.argsort(rows @ rows[0])[:1_500]])
    found, _ = index.search(rows[:1], 10, allowed=far)
    assert set(found[0].tolist()) <= set(far.tolist())
    assert len(set(found[0].tolist())) == 10


@pytest.mark.parametrize("name", EVERY)
def test_rows_are_found_before_they_are_absorbed(name):
    table, index, ids, _ = filled(name, 2_000)
    late = unit_rows(300, seed=11)
    grow(table, index, ids[:300] + 50_000, late)
    found, _ = index.search(late, 1)
    assert (found[:, 0] == ids[:300] + 50_000).all()
    before = index.search(unit_rows(20, seed=4), 10)[0]
    absorb_all(index)
    assert index.backlog == 0 or name in ("ivf_pq", "hnsw_pq")
    assert np.mean(index.search(unit_rows(20, seed=4), 10)[0] == before) > 0.9


@pytest.mark.parametrize("name", APPROXIMATE)
def test_a_dumped_index_loads_in_the_background_and_a_broken_one_is_made_anew(name):
    table, index, ids, rows = filled(name, ENOUGH_TO_TRAIN)
    fresh = make_index(name, table)
    assert fresh.load(index.dump())
    assert (fresh.search(rows[:20], 3)[0] == table.search(rows[:20], 3)[0]).all()  # answers before it is loaded
    fresh.absorb()
    assert fresh.n_absorbed == len(ids)
    assert (fresh.search(rows[:20], 3)[0] == index.search(rows[:20], 3)[0]).mean() > 0.95
    state = next(key for key in ("graph", "lists") if key in index.dump())
    broken = dict(index.dump())
    broken[state] = broken[state][: len(broken[state]) // 2]
    unlucky = make_index(name, table)
    assert unlucky.load(broken)
    unlucky.absorb()
    assert unlucky.n_absorbed < len(ids)
    assert (unlucky.search(rows[:20], 3)[0] == table.search(rows[:20], 3)[0]).all()
    assert not make_index(name, VectorTable(DIM)).load(index.dump())  # more rows than the table has


@pytest.mark.parametrize("name", APPROXIMATE)
def test_searches_during_growth_see_every_row(name):
    table, index, ids, _ = filled(name, 3_000)
    more = unit_rows(4_000, seed=21)
    grow(table, index, ids[-1] + 1 + np.arange(4_000), more)
    worker = threading.Thread(target=absorb_all, args=(index,))
    worker.start()
    try:
        while worker.is_alive():
            assert (index.search(more[::400], 1)[1] > 0.99).all()
    finally:
        worker.join()
    assert (index.search(more[::400], 1)[1] > 0.99).all()


def test_an_index_says_when_it_is_outgrown():
    table, index, ids, _ = filled("hnsw", 2_000)
    assert not index.is_outgrown
    shrink(table, index, ids[:600])
    assert index.is_outgrown


def test_a_quantised_index_is_outgrown_once_and_not_for_ever():
    _, index, _, _ = filled("ivf_pq", ENOUGH_TO_TRAIN)
    backend = index._backend
    assert not backend.is_outgrown(50_000, 50_000)
    assert backend.is_outgrown(100_000, 100_000)
    backend._trained_on = 4 * backend.train_size  # as many as it is ever trained on: a new one would be no better
    assert not backend.is_outgrown(10**7, 10**7)


def test_an_id_that_was_removed_can_be_added_again():
    table = VectorTable(DIM, np.array([1, 2]), unit_rows(2))
    table.remove(np.array([2]))
    table.add(np.array([2]), unit_rows(2)[1:])
    assert np.sort(table.ids[table.alive]).tolist() == [1, 2]
    assert np.allclose(table.get(np.array([2]))[0], unit_rows(2)[1])


def test_an_unknown_index_lists_those_there_are():
    assert index_names() == ("exact", "hnsw", "hnsw_pq", "hnswlib", "ivf_pq")
    with pytest.raises(UnknownIndexError, match=r"'nope'.*exact, hnsw"):
        make_index("nope", VectorTable(DIM))


@pytest.mark.skipif(HAS_HNSWLIB, reason="hnswlib is installed")
def test_a_missing_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"hippo-episodic\[hnsw\]"):
        make_index("hnswlib", VectorTable(DIM))


@pytest.mark.skipif(not HAS_HNSWLIB, reason="hnswlib is not installed (extra `hnsw`)")
def test_hnswlib_uses_the_places_of_dead_rows_again():
    table, index, ids, rows = filled("hnswlib", 5_000)
    for turn in range(1, 6):
        shrink(table, index, ids)
        ids = ids + 5_000
        grow(table, index, ids, unit_rows(5_000, seed=turn))
        absorb_all(index)
    backend = index._backend
    assert backend._graph.get_current_count() == 5_000
    assert recall_against_exact(table, index, rows[:50]) >= 0.95
    fresh = make_index("hnswlib", table)
    assert fresh.load(index.dump())
    absorb_all(fresh)
    shrink(table, fresh, ids[:10])
    grow(table, fresh, ids[:10] + 9_000, unit_rows(10, seed=99))
    absorb_all(fresh)  # places may still be used again after loading
    assert fresh._backend._graph.get_current_count() == 5_000
