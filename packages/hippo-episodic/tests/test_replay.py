"""Replay beyond the kit: what comes first, what stays apart, and that an interrupted epoch goes on as it would have."""

import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import numpy as np
import pytest
from hippo_core import Episode, HashingEncoder, InvalidInputError, Provenance, Salience, StoreClosedError
from hippo_episodic import EpisodicStore, ReplayConfig, ReplayItem
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 16


def make_store(path=":memory:", **replay):
    return EpisodicStore(path, encoder=HashingEncoder(dim=DIM), replay=ReplayConfig(**replay))


def write(store, vectors, *, scores=None, days=None, name="thing"):
    """Write one episode a vector and return the ids."""
    episodes = [
        Episode(
            text=f"{name} {number}",
            provenance=Provenance(source="test", time=START + timedelta(days=days[number] if days else 0)),
            salience=Salience(score=scores[number] if scores else 0.0),
        )
        for number in range(len(vectors))
    ]
    return [receipt.id for receipt in store.write_many(episodes, keys=list(vectors))]


def random_vectors(count, *, seed=0):
    return np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)


def clusters(sizes, *, seed=0):
    """Return vectors in groups: above .95 within a group, below .6 between groups."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [np.eye(DIM)[group] + 0.02 * rng.standard_normal((size, DIM)) for group, size in enumerate(sizes)]
    )


def ids_of(batches):
    return [[hit.id for hit in batch] for batch in batches]


def flat(batches):
    return [id for batch in ids_of(batches) for id in batch]


def in_store_order(store, ids):
    """Return the unit vectors of `ids`."""
    ((hits),) = [store.recall(np.ones(DIM), k=len(store))]
    assert {hit.id for hit in hits} >= set(ids)
    return store._vectors_of(np.array(ids))


# What an epoch is


@pytest.mark.parametrize("order", ["interleaved", "priority", "shuffled"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_an_epoch_serves_every_episode_once(order, size):
    with make_store(order=order) as store:
        ids = write(store, random_vectors(50))
        assert sorted(flat(store.replay_batches(size))) == ids


def test_another_seed_gives_another_order():
    with make_store() as store:
        write(store, random_vectors(30))
        assert flat(store.replay_batches(4, seed=0)) != flat(store.replay_batches(4, seed=1))


def test_the_order_depends_on_the_texts_and_not_on_the_ids():
    vectors = random_vectors(30)
    with make_store() as store, make_store() as other:
        write(store, vectors)
        spare = write(other, random_vectors(5, seed=1), name="spare")
        write(other, vectors)
        other.delete(spare)
        texts = [[hit.item.text for hit in batch] for batch in store.replay_batches(4)]
        assert texts == [[hit.item.text for hit in batch] for batch in other.replay_batches(4)]


def test_the_index_does_not_matter(tmp_path):
    with make_store(tmp_path / "memory.db") as store:
        write(store, random_vectors(40))
        expected = ids_of(store.replay_batches(4))
    with EpisodicStore(tmp_path / "memory.db", encoder=HashingEncoder(dim=DIM), index="hnsw") as store:
        assert ids_of(store.replay_batches(4)) == expected


def test_later_writes_wait_for_the_next_epoch():
    with make_store() as store:
        ids = write(store, random_vectors(10))
        scheduler = store.replay_batches(3)
        new = write(store, random_vectors(5, seed=1), name="new")
        assert sorted(flat(scheduler)) == ids
        assert sorted(flat(store.replay_batches(3))) == ids + new


def test_an_episode_deleted_before_its_turn_is_skipped_and_its_place_filled():
    with make_store() as store:
        ids = write(store, random_vectors(12))
        scheduler = store.replay_batches(3)
        served = flat([next(scheduler)])
        store.delete([id for id in ids if id not in served][:6])
        rest = ids_of(scheduler)
        assert [len(batch) for batch in rest] == [3]
        assert set(rest[0]).isdisjoint(served)
        assert len(store) == 6


def test_a_closed_store_hands_out_nothing():
    store = make_store()
    write(store, random_vectors(4))
    scheduler = store.replay_batches(2)
    store.close()
    with pytest.raises(StoreClosedError):
        next(scheduler)


@pytest.mark.parametrize("seed", [1.5, "one", None])
def test_a_seed_is_a_whole_number(seed):
    with make_store() as store, pytest.raises(InvalidInputError, match="seed"):
        store.replay_batches(2, seed=seed)


# Priority


def test_higher_salience_is_never_lower_in_priority_whatever_its_unit():
    with make_store(order="priority", diversity=0) as store, make_store(order="priority", diversity=0) as other:
        scores = [3.0, -1.0, 0.5, 2.0, 2.0]
        ids = write(store, random_vectors(5), scores=scores)
        write(other, random_vectors(5), scores=[1000 * score + 7 for score in scores])
        hits = [hit for batch in store.replay_batches(2) for hit in batch]
        priority = {hit.id: hit.score for hit in hits}
        ranked = [priority[id] for id in (ids[1], ids[2], ids[3], ids[0])]
        assert all(low < high for low, high in pairwise(ranked))
        assert priority[ids[3]] == priority[ids[4]]
        assert [hit.score for hit in hits] == sorted(priority.values(), reverse=True)
        assert ids_of(other.replay_batches(2)) == ids_of(store.replay_batches(2))


def test_what_was_said_lately_comes_first_and_half_a_life_halves_recency():
    with make_store(order="priority", diversity=0, half_life_days=10) as store:
        oldest, middle, newest = write(store, random_vectors(3), days=[0, 10, 20])
        hits = [hit for batch in store.replay_batches(1) for hit in batch]
        assert [hit.id for hit in hits] == [newest, middle, oldest]
        assert [hit.why["replay"].recency for hit in hits] == pytest.approx([1.0, 0.5, 0.25])
        store.write("thing 0", provenance=Provenance(source="test", time=START + timedelta(days=30)))
        assert flat(store.replay_batches(1)) == [oldest, newest, middle]


def test_what_is_unlike_the_rest_comes_first():
    with make_store(order="priority") as store:
        *_, alone = write(store, clusters([6, 1]))
        assert next(store.replay_batches(1))[0].id == alone


def test_what_was_replayed_less_comes_first():
    with make_store(order="priority", diversity=0) as store:
        ids = write(store, random_vectors(3))
        store.ledger.record([ids[0], ids[0], ids[1]], adapter="night 1")
        hits = [hit for batch in store.replay_batches(1) for hit in batch]
        assert [hit.id for hit in hits] == [ids[2], ids[1], ids[0]]
        assert [hit.why["replay"].replays for hit in hits] == [0, 1, 2]


def test_replays_count_for_the_learner_and_its_descendants_alone():
    with make_store(order="priority", diversity=0) as store:
        ids = write(store, random_vectors(2))
        store.ledger.record([ids[0]], adapter="night 1")
        store.ledger.derive("night 2", parent="night 1")
        store.ledger.mark_known([ids[1]], adapter="another")
        first = {name: next(store.replay_batches(1, adapter=name))[0] for name in ("night 1", "night 2", "another")}
        assert {name: hit.id for name, hit in first.items()} == {
            "night 1": ids[1],
            "night 2": ids[1],
            "another": ids[0],
        }
        assert all(hit.why["replay"].replays == 0 for hit in first.values())


@pytest.mark.parametrize("order", ["interleaved", "priority", "shuffled"])
def test_what_the_weights_know_comes_last_but_is_not_dropped(order):
    with make_store(order=order) as store:
        ids = write(store, clusters([8, 4, 4]), scores=[float(n) for n in range(16)])
        known = ids[3:14]
        store.ledger.mark_known(known, "night 1")
        replayed = [hit for batch in store.replay_batches(3) for hit in batch]
        assert sorted(hit.id for hit in replayed) == ids
        assert [hit.why["replay"].known for hit in replayed] == [False] * 5 + [True] * 11
        store.ledger.mark_known(known, "night 1", known=False)
        assert not any(hit.why["replay"].known for batch in store.replay_batches(3) for hit in batch)


def test_high_priority_is_sampled_early_more_often_but_not_always():
    with make_store(recency=0, novelty=0, diversity=0, exponent=2.0) as store:
        ids = write(store, np.eye(DIM)[:10], scores=[float(n) for n in range(10)])
        firsts = [next(store.replay_batches(1, seed=seed))[0].id for seed in range(60)]
        assert sum(id in ids[5:] for id in firsts) > sum(id in ids[:5] for id in firsts)
        assert len(set(firsts)) > 3


def test_a_hit_says_why_it_is_replayed():
    with make_store() as store:
        near, nearer, far = write(store, np.stack([np.eye(DIM)[0], np.eye(DIM)[0] + 0.05, -np.eye(DIM)[0]]))
        item = {hit.id: hit.why["replay"] for batch in store.replay_batches(8) for hit in batch}
        assert all(isinstance(each, ReplayItem) and each.key_id == id for id, each in item.items())
        assert item[near].timestamp == START

        def differing_bits(a, b):
            return (int(item[a].diversity_signature, 16) ^ int(item[b].diversity_signature, 16)).bit_count()

        assert differing_bits(near, nearer) < 20
        assert differing_bits(near, far) == 64


# Similarity


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    batch_size=st.integers(1, 6),
    limit=st.sampled_from([0.0, 0.3, 0.8, 0.95]),
    window=st.sampled_from([1, 3, 512]),
    seed=st.integers(0, 5),
)
def test_no_two_episodes_of_a_batch_are_more_alike_than_the_limit(sizes, batch_size, limit, window, seed):
    with make_store(max_similarity=limit, window=window) as store:
        ids = write(store, clusters(sizes, seed=seed))
        batches = ids_of(store.replay_batches(batch_size, seed=seed))
        assert sorted(id for batch in batches for id in batch) == ids
        for batch in batches:
            rows = in_store_order(store, batch)
            cosines = rows @ rows.T - 2 * np.eye(len(batch))
            assert cosines.max() <= limit + 1e-5


def test_near_duplicates_are_spread_over_batches_and_no_batch_is_shorter_than_it_must_be():
    with make_store() as store:
        write(store, clusters([8, 8, 8, 8]))
        assert [len(batch) for batch in store.replay_batches(4)] == [4] * 8
    for order in ("priority", "shuffled"):
        with make_store(order=order) as store:
            ids = write(store, clusters([8, 8, 8, 8]))
            batches = ids_of(store.replay_batches(4))
            assert any(len({ids.index(id) // 8 for id in batch}) < 4 for batch in batches), order


def test_no_limit_means_full_batches_of_duplicates():
    with make_store(max_similarity=1.0) as store:
        write(store, np.tile(random_vectors(1), (9, 1)))
        assert [len(batch) for batch in store.replay_batches(3)] == [3, 3, 3]


def test_each_order_differs_from_the_others():
    orders = {}
    for order in ("interleaved", "priority", "shuffled"):
        with make_store(order=order) as store:
            write(store, clusters([8, 8, 8]), scores=[float(n) for n in range(24)])
            orders[order] = ids_of(store.replay_batches(3))
    assert len({json.dumps(batches) for batches in orders.values()}) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("salience", -1),
        ("recency", float("nan")),
        ("exponent", -0.5),
        ("half_life_days", 0),
        ("max_similarity", 1.1),
        ("window", 0),
        ("order", "random"),
    ],
)
def test_impossible_settings_are_refused_by_name(field, value):
    with pytest.raises(InvalidInputError, match=rf"replay\.{field}"):
        ReplayConfig(**{field: value})


def test_a_priority_of_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="shuffled"):
        ReplayConfig(salience=0, recency=0, novelty=0, diversity=0)


# Resuming


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    order=st.sampled_from(["interleaved", "interleaved", "priority", "shuffled"]),
    after=st.integers(0, 12),
    batch_size=st.integers(1, 5),
    events=st.sets(st.sampled_from(["write", "delete", "record", "known"])),
)
def test_a_resumed_epoch_goes_on_as_it_would_have(sizes, order, after, batch_size, events):
    with make_store(order=order, window=2) as store:
        count = sum(sizes)
        ids = write(
            store, clusters(sizes), scores=[number * 7 % 11 / 3 for number in range(count)], days=[*range(count)]
        )
        store.ledger.mark_known(ids[::3], "night 1")
        scheduler = store.replay_batches(batch_size)
        served = flat(islice(scheduler, after))
        state = json.loads(json.dumps(scheduler.state()))
        if "write" in events:
            write(store, random_vectors(9, seed=1), name="new", days=[100] * 9)
            store.write("thing 0", provenance=Provenance(source="again", time=START + timedelta(days=200)))
        if "delete" in events:
            store.delete(ids[1::4])
        if "record" in events:
            store.ledger.record(served + ids, adapter="night 1")
        if "known" in events:
            store.ledger.mark_known(ids[1::3], "night 1")
        resumed = store.resume_replay(state)
        assert resumed.state()["epoch"] == state["epoch"]
        rest = ids_of(scheduler)
        assert ids_of(resumed) == rest
        assert set(served).isdisjoint(id for batch in rest for id in batch)


@pytest.mark.parametrize("extreme", ["most salient", "newest"])
def test_deletions_move_no_other_episode(extreme):
    rng = np.random.default_rng(0)
    with make_store(order="priority", diversity=0) as store:
        scores, days = rng.random(60).tolist(), (20 * rng.random(60)).tolist()
        ids = write(store, random_vectors(60), scores=scores, days=days)
        scheduler = store.replay_batches(3)
        state = scheduler.state()
        gone = np.argsort(scores if extreme == "most salient" else days)[-25:]
        store.delete([ids[number] for number in gone])
        assert ids_of(store.resume_replay(state)) == ids_of(scheduler)


def test_the_same_batches_follow_in_another_process(tmp_path):
    program = """
        import json, sys
        from hippo_core import HashingEncoder
        from hippo_episodic import EpisodicStore
        with EpisodicStore(sys.argv[1], encoder=HashingEncoder(dim=16), index="hnsw") as store:
            resumed = store.resume_replay(json.loads(sys.argv[2]))
            print(json.dumps([[hit.id for hit in batch] for batch in resumed]))
            print(json.dumps([[hit.id for hit in batch] for batch in store.replay_batches(4, seed=3)]))
    """
    with make_store(tmp_path / "memory.db") as store:
        write(store, clusters([9, 7, 5, 3]), scores=[float(n % 5) for n in range(24)])
        scheduler = store.replay_batches(4, seed=3)
        whole = ids_of(islice(scheduler, 3))
        state = json.dumps(scheduler.state())
        rest = ids_of(scheduler)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "memory.db"), state],
            capture_output=True,
            text=True,
            check=True,
        )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [rest, whole + rest]


def test_a_state_is_small():
    with make_store() as store:
        write(store, random_vectors(2_000), scores=np.random.default_rng(0).random(2_000).tolist())
        scheduler = store.replay_batches(10)
        next(scheduler)
        assert len(json.dumps(scheduler.state())) < 16_000


def test_a_state_of_another_content_is_refused(tmp_path):
    with make_store() as store, make_store() as other:
        write(store, random_vectors(4))
        state = store.replay_batches(2).state()
        with pytest.raises(InvalidInputError, match="another store"):
            other.resume_replay(state)
        store.snapshot(tmp_path / "copy.db")
        store.restore(tmp_path / "copy.db")
        with pytest.raises(InvalidInputError, match="restore"):
            store.resume_replay(state)


@pytest.mark.parametrize("change", [{"batch_size": 0}, {"seed": "one"}, {"reached": [1.0]}, {"surplus": 1}])
def test_a_broken_state_is_refused(change):
    with make_store() as store:
        write(store, random_vectors(4))
        state = store.replay_batches(2).state()
        with pytest.raises(InvalidInputError):
            store.resume_replay({**state, **change})
        with pytest.raises(InvalidInputError):
            store.resume_replay({})
