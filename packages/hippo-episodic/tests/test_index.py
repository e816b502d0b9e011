"""The indexes against plain numpy, and against the traps of approximate search."""

import numpy as np
import pytest
from hippo_episodic import UnknownIndexError, VectorTable
from hippo_episodic.index import make_index
from hypothesis import given, settings
from hypothesis import strategies as st

DIM = 24


def unit_rows(n, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(name, n, seed=0):
    table = VectorTable(DIM)
    index = make_index(name, table)
    ids = np.arange(10, 10 + n)
    rows = unit_rows(n, seed)
    table.add(ids, rows)
    index.add(ids, rows)
    return table, index, ids, rows


def reference(ids, rows, query, k, allowed=None):
    scored = [(float(-(row @ query)), int(id)) for id, row in zip(ids, rows, strict=True)]
    kept = [(score, id) for score, id in scored if allowed is None or id in allowed]
    return [id for _, id in sorted(kept)[:k]]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 5), st.data())
def test_exact_search_agrees_with_numpy_under_deletes_and_filters(n, k, seed, data):
    table, index, ids, rows = filled("exact", n, seed)
    dead = set(data.draw(st.sets(st.sampled_from(ids.tolist()))) if n else [])
    index.remove(np.array(sorted(dead), dtype=np.int64))
    table.remove(np.array(sorted(dead), dtype=np.int64))
    allowed = data.draw(st.none() | st.sets(st.integers(5, 80)))
    query = unit_rows(1, seed + 100)
    found, scores = index.search(
        query, k, allowed=None if allowed is None else np.array(sorted(allowed), dtype=np.int64)
    )
    live = [i for i, id in enumerate(ids.tolist()) if id not in dead]
    expected = reference(ids[live], rows[live], query[0], k, allowed)
    assert found[0][found[0] >= 0].tolist() == expected
    assert len(table) == n - len(dead)
    assert (np.diff(scores[0][: len(expected)]) <= 0).all()


@pytest.mark.parametrize("name", ["exact", "hnsw"])
def test_higher_scores_are_nearer(name):
    _, index, ids, rows = filled(name, 5_000)
    found, scores = index.search(rows[:50], 5)
    assert (found[:, 0] == ids[:50]).all()
    assert np.allclose(scores[:, 0], 1.0, atol=1e-4)
    assert (np.diff(scores, axis=1) <= 1e-6).all()


def test_hnsw_finds_nearly_what_exact_search_finds():
    _, index, ids, rows = filled("hnsw", 5_000)
    queries = unit_rows(100, seed=7)
    found, _ = index.search(queries, 10)
    recall = np.mean([len(set(found[i]) & set(reference(ids, rows, queries[i], 10))) / 10 for i in range(len(queries))])
    assert recall >= 0.95


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_deleted_rows_never_come_back_from_hnsw(share):
    table, index, ids, rows = filled("hnsw", 5_000)
    dead = ids[: int(share * len(ids))]
    index.remove(dead)
    table.remove(dead)
    found, _ = index.search(rows[:200], 10)
    assert not set(found.ravel().tolist()) & set(dead.tolist())
    assert (found >= 0).all()


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_a_filter_applies_before_the_nearest_are_sought(share):
    _, index, ids, rows = filled("hnsw", 5_000)
    allowed = np.sort(np.random.default_rng(3).choice(ids, int(share * len(ids)), replace=False))
    found, _ = index.search(rows[:100], 10, allowed=allowed)
    assert set(found.ravel().tolist()) <= set(allowed.tolist())
    recall = np.mean(
        [len(set(found[i]) & set(reference(ids, rows, rows[i], 10, set(allowed.tolist())))) / 10 for i in range(100)]
    )
    assert recall >= 0.95


def test_a_dumped_graph_loads_and_a_broken_one_does_not():
    table, index, _, rows = filled("hnsw", 2_000)
    fresh = make_index("hnsw", table)
    assert fresh.load(index.dump())
    assert (fresh.search(rows[:20], 3)[0] == index.search(rows[:20], 3)[0]).all()
    broken = dict(index.dump())
    broken["graph"] = broken["graph"][: len(broken["graph"]) // 2]
    assert not make_index("hnsw", table).load(broken)


def test_an_id_that_was_removed_can_be_added_again():
    table = VectorTable(DIM, np.array([1, 2]), unit_rows(2))
    table.remove(np.array([2]))
    table.add(np.array([2]), unit_rows(2)[1:])
    assert table.live()[0].tolist() == [1, 2]
    assert np.allclose(table.get(np.array([2]))[0], unit_rows(2)[1])


def test_an_unknown_index_lists_those_there_are():
    with pytest.raises(UnknownIndexError, match=r"'nope'.*exact, hnsw"):
        make_index("nope", VectorTable(DIM))
