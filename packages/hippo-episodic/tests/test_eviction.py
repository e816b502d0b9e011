"""What goes when there is too much: order, reasons, limits, and what never goes."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hippo_core import EntitySlots, Episode, InvalidInputError, Provenance, Salience, UnknownIdError
from hippo_episodic import EpisodicStore, EvictionPolicy
from hippo_episodic.access import AccessLog
from hippo_episodic.capacity import StockMeter
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIM = 16


class Calendar:
    """A clock that a test sets."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now

    def pass_days(self, days):
        self.now += timedelta(days=days)


class Spread:
    """Gives each text a direction of its own; texts that differ only in a trailing mark get nearly the same one."""

    dim = DIM
    name = "spread"

    def encode(self, texts):
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    @staticmethod
    def _vector(text):
        stem = text.rstrip("!")
        row = np.random.default_rng(list(stem.encode())).normal(size=DIM)
        row += 0.05 * len(text[len(stem) :]) * np.roll(row, 1)
        return row / np.linalg.norm(row)


@pytest.fixture
def clock():
    return Calendar()


@pytest.fixture
def store(clock):
    with EpisodicStore(":memory:", encoder=Spread(), clock=clock) as store:
        yield store


def told(text, *, score=0.0, days_ago=0.0, pin=False, time=None):
    return Episode(
        text=text,
        provenance=Provenance(source="chat", time=time or NOW - timedelta(days=days_ago)),
        salience=Salience(score=score, pin=pin),
    )


def written(store, items):
    return [receipt.id for receipt in store.write_many(items)]


def held(store):
    return {row[0] for row in store._database.query("SELECT id FROM episodes")}  # a recall would count as one


def recall(store, text):
    (hit,) = store.recall(text, k=1)
    return hit.id


def policy(**limits):
    """A policy without diversity or slack, so that a test sees one thing at a time."""
    return EvictionPolicy(**{"diversity": 0.0, "keep_share": 1.0, **limits})


# Order


def test_the_lowest_salience_goes_first(store):
    ids = written(store, [told(f"Thing {i}.", score=score) for i, score in enumerate((2.0, 0.5, 1.0))])
    plan = store.evict(policy(max_episodes=1))
    assert plan.ids == [ids[1], ids[2]]
    assert held(store) == {ids[0]}


def test_of_equal_salience_the_stalest_goes_first_and_without_decay_a_high_score_outlives_age(store):
    old, new, dear = written(
        store, [told("Old.", days_ago=90), told("New.", days_ago=1), told("Dear.", score=0.5, days_ago=200)]
    )
    fading = policy(max_episodes=2, half_life_days=30)
    lasting = policy(max_episodes=2, half_life_days=None)
    assert store.evict(fading, dry_run=True).ids == [dear]  # 1.5 · 2^(−200/30) is below 2^(−90/30)
    assert store.evict(lasting, dry_run=True).ids == [old]
    assert store.evict(policy(max_episodes=1, half_life_days=None), dry_run=True).ids == [old, new]


def test_what_is_said_again_is_fresh_again(store):
    first, second = written(store, [told("Twice.", days_ago=90), told("Once.", days_ago=60)])
    store.write_many([told("Twice.", days_ago=1)])
    assert store.evict(policy(max_episodes=1)).ids == [second]
    assert held(store) == {first}


def test_strengths_are_what_the_docstring_says(store, clock):
    (id,) = written(store, [told("One.", score=0.5, days_ago=60)])
    recall(store, "One.")
    recall(store, "One.")
    recall(store, "One.")
    clock.pass_days(30)
    (eviction,) = store.evict(policy(ttl_days=0.1, half_life_days=30, access_weight=2.0), dry_run=True).evictions
    assert eviction.id == id
    assert eviction.salience_strength == pytest.approx(1.5 * 2**-3)
    assert eviction.access_strength == pytest.approx(2.0 * 2.0 * 2**-1)


def test_a_negative_score_counts_as_none(store):
    bad, plain = written(store, [told("Bad.", score=-5.0, days_ago=1), told("Plain.", days_ago=2)])
    assert store.evict(policy(max_episodes=1)).ids == [plain]
    assert held(store) == {bad}


# Salience and access


def test_recall_saves_an_episode_unless_access_is_switched_off(store):
    dull, dear = written(store, [told("Dull.", score=0.0), told("Dear.", score=0.9)])
    assert store.evict(policy(max_episodes=1), dry_run=True).ids == [dull]
    recall(store, "Dull.")
    assert store.evict(policy(max_episodes=1), dry_run=True).ids == [dear]
    assert store.evict(policy(max_episodes=1, access_weight=0.0), dry_run=True).ids == [dull]


def test_salience_and_access_stay_apart(store):
    (id,) = written(store, [told("Apart.", score=0.7, days_ago=10)])
    limit = policy(ttl_days=0.1)
    (before,) = store.evict(limit, dry_run=True).evictions
    salience = store.get(id).salience
    for _ in range(5):
        recall(store, "Apart.")
    written(store, [told("Something that takes the counts along.", score=9)])
    (after,) = store.evict(policy(max_episodes=1, access_weight=0.1), dry_run=True).evictions
    assert store.get(id).salience == salience
    assert after.salience_strength == before.salience_strength
    assert (before.access_strength, after.access_strength) == (0.0, pytest.approx(0.1 * np.log2(6)))


def test_only_the_best_hit_of_a_cue_counts_as_recalled(store):
    written(store, [told(f"Thing {i}.") for i in range(5)])
    hits = store.recall("Thing 3.", k=5)
    store.evict(policy(max_episodes=100))
    rows = store._database.query("SELECT episode, count FROM accesses")
    assert [tuple(row) for row in rows] == [(hits[0].id, 1)]


def test_access_counts_are_not_journaled_and_cost_no_write_of_their_own(store):
    written(store, [told("One."), told("Two.")])
    changes = store._database.connection.total_changes
    recall(store, "One.")
    assert store._database.connection.total_changes == changes
    before = store.history()
    store._accesses.flush(store._database)
    assert store._database.query("SELECT count FROM accesses")[0][0] == 1
    assert store.history() == before
    store.undo()
    assert len(store) == 0


def test_access_counts_of_two_handles_add_up_and_survive_closing(tmp_path, clock):
    path = tmp_path / "memory.db"
    with EpisodicStore(path, clock=clock) as one, EpisodicStore(path, clock=clock) as two:
        id = one.write("The copper key.", provenance="chat").id
        for store in (one, two, two):
            recall(store, "copper key")
        clock.pass_days(3)
        recall(one, "copper key")
    with EpisodicStore(path) as store:
        rows = store._database.query("SELECT * FROM accesses")
        assert [tuple(row) for row in rows] == [(id, 4, clock.now.timestamp())]


def test_access_counts_go_with_their_episode(store):
    (id,) = written(store, [told("Gone.")])
    recall(store, "Gone.")
    store.delete(id)
    assert store._database.query("SELECT * FROM accesses") == []
    store.undo()
    assert store.get(id).text == "Gone."
    assert store._database.query("SELECT * FROM accesses") == []


def test_a_transaction_that_fails_keeps_what_was_gathered(store):
    log = AccessLog()
    (id,) = written(store, [told("One.")])
    log.note([id], NOW)
    with pytest.raises(InvalidInputError), log.transaction(store._database, "test"):
        log.note([id], datetime(2026, 6, 1))
    log.note([id], NOW)
    assert log.pending()[id].count == 2
    log.flush(store._database)
    assert log.pending() == {}
    assert store._database.query("SELECT count FROM accesses")[0][0] == 2


def test_threads_lose_no_counts():
    log = AccessLog()
    threads = [
        threading.Thread(target=lambda: [log.note([1, 2], NOW) for _ in range(500)])  # type: ignore[func-returns-value]
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id: access.count for id, access in log.pending().items()} == {1: 2_000, 2: 2_000}


# Time to live


def test_time_to_live_grows_with_the_score_and_counts_from_the_last_recall(store, clock):
    dull, dear, asked = written(store, [told("Dull."), told("Dear.", score=1.0), told("Asked.")])
    limit = policy(ttl_days=10)
    clock.pass_days(9)
    recall(store, "Asked.")
    assert store.evict(limit).ids == []
    clock.pass_days(2)
    assert store.evict(limit).ids == [dull]
    clock.pass_days(8.5)
    assert store.evict(limit).ids == [asked]
    assert held(store) == {dear}
    clock.pass_days(1)
    assert store.evict(limit).ids == [dear]


def test_a_clock_that_jumps_back_evicts_nothing_by_age(store, clock):
    ids = written(store, [told(f"Thing {i}.", days_ago=-400 * i) for i in range(1, 6)])
    clock.pass_days(-3_000)
    assert store.evict(policy(ttl_days=1)).ids == []
    plan = store.evict(policy(max_episodes=4, ttl_days=1))
    assert plan.ids == [ids[0]]  # all as fresh as can be, so the oldest id
    assert plan.evictions[0].salience_strength == 1.0


# Capacity


@pytest.mark.parametrize("days", [0, 40])
def test_capacity_by_bytes_is_kept(store, days):
    long, *_ = written(store, [told("x" * 2_000, days_ago=days), *(told(f"Thing {i}.") for i in range(10))])
    size = store.evict(policy(max_episodes=1), dry_run=True).bytes_before
    plan = store.evict(policy(max_bytes=size - 1, keep_share=0.999))
    assert plan.bytes_after <= 0.999 * (size - 1)
    assert plan.bytes_after == store.evict(policy(max_episodes=1), dry_run=True).bytes_before
    assert (plan.ids == [long]) if days else (1 <= len(plan.ids) <= 3)


def test_the_bytes_are_those_that_are_stored(store):
    slots = EntitySlots(who="Jürgen")
    provenance = Provenance(source="chat", time=NOW)
    store.write_many([Episode(text="Größe.", provenance=provenance, slots=slots, sketch=np.ones(5, dtype=np.float32))])
    store.write("Größe.", provenance=provenance, slots=slots, session="again")
    row = store._database.query("SELECT * FROM episodes")[0]
    origins = store._database.query("SELECT provenance FROM occurrences")
    expected = sum(len(row[name].encode()) for name in ("text", "slots", "salience"))
    expected += 4 * DIM + 4 * 5 + sum(len(origin[0].encode()) for origin in origins)
    assert len(origins) == 2
    assert store.evict(policy(max_episodes=1), dry_run=True).bytes_before == expected


def test_slack_is_left_so_that_not_every_write_evicts(clock):
    limit = policy(max_episodes=100, keep_share=0.9)
    with EpisodicStore(":memory:", encoder=Spread(), clock=clock, eviction=limit) as store:
        sizes = []
        for i in range(130):
            store.write(f"Thing {i}.", provenance="chat")
            sizes.append(len(store))
        kinds = {change.operation for change in store.history(limit=1_000) if change.kind == "evict"}
        assert max(sizes) == 100
        assert sizes[100] == 90
        assert len(kinds) == 3


def test_both_limits_hold_at_once(store):
    written(store, [told(f"Thing {i}.") for i in range(20)])
    one = store.evict(policy(max_episodes=1), dry_run=True).evictions[0].bytes
    plan = store.evict(policy(max_episodes=15, max_bytes=10 * one))
    assert len(store) <= 10
    assert plan.bytes_after <= 10 * one
    assert "max_episodes = 15 and max_bytes" in plan.reason


def test_a_full_store_evicts_after_a_write_as_an_operation_of_its_own(clock):
    with EpisodicStore(":memory:", encoder=Spread(), clock=clock, eviction=policy(max_episodes=3)) as store:
        ids = written(store, [told(f"Thing {i}.", score=i) for i in range(5)])
        assert held(store) == set(ids[2:])
        assert [change.kind for change in store.history(ids[0], limit=1)] == ["evict"]
        assert store.undo() == 1
        assert held(store) == set(ids)
        assert store.verify() == []
        store.write_many([told("One more.", score=9)])
        assert len(store) == 3


def test_a_write_alone_never_evicts_by_age(clock):
    with EpisodicStore(":memory:", encoder=Spread(), clock=clock, eviction=policy(ttl_days=1)) as store:
        ids = written(store, [told("Old.", days_ago=100)])
        store.write("New.", provenance="chat")
        assert len(store) == 2
        assert store.evict().ids == ids


@pytest.mark.parametrize("limits", [{"max_episodes": 5}, {"max_bytes": 5 * 180}])
def test_two_handles_on_one_file_keep_one_capacity(tmp_path, clock, limits):
    limit = policy(**limits)
    path = tmp_path / "memory.db"

    def opened():
        return EpisodicStore(path, encoder=Spread(), clock=clock, eviction=limit)

    with opened() as one, opened() as two:
        for i in range(12):
            (one, two)[i % 2].write(f"Thing {i:03}.", provenance="chat")
            clock.pass_days(1)
            assert not limit.exceeded(len(two), two.evict(dry_run=True).bytes_before)
        assert 4 <= len(one) <= 6
        assert held(one) == held(two)
        assert one.verify() == two.verify() == []


def test_the_meter_follows_writes_deletes_undo_other_handles_and_restore(tmp_path, clock):
    path = tmp_path / "memory.db"
    with EpisodicStore(path, clock=clock) as store, EpisodicStore(path, clock=clock) as other:
        meter = StockMeter(store._database, with_bytes=True)

        def agrees():
            plan = EvictionPolicy(max_episodes=1_000).plan(store._database, store._cache.table, NOW)
            assert meter.read() == (plan.episodes_before, plan.bytes_before)

        agrees()
        ids = written(store, [told(f"Thing {i}.") for i in range(5)])
        agrees()
        other.write_many([told("Thing 0.", days_ago=3), told("Other.")])
        agrees()
        store.pin(ids[1])
        store.delete(ids[2:4])
        agrees()
        other.snapshot(tmp_path / "copy.db")
        store.delete(ids)
        store.undo(2)
        agrees()
        other.restore(tmp_path / "copy.db")
        agrees()


# Pins


def test_a_pin_outlives_its_time_to_live_and_an_unpinned_episode_does_not(store):
    kept, gone = written(store, [told("Kept.", pin=True, days_ago=500), told("Gone.", days_ago=500)])
    assert store.evict(policy(ttl_days=1)).ids == [gone]
    store.unpin(kept)
    assert store.evict(policy(ttl_days=1)).ids == [kept]


def test_pins_that_alone_exceed_the_capacity_cost_everything_else_and_the_plan_says_so(store):
    ids = written(store, [told(f"Thing {i}.", pin=i < 3, score=9 if i >= 3 else 0) for i in range(6)])
    plan = store.evict(policy(max_episodes=2))
    assert held(store) == set(ids[:3])
    assert plan.pinned == 3
    assert "3 pinned alone exceed max_episodes = 2" in plan.reason


def test_pins_below_the_capacity_do_not_cost_more_than_the_rest_of_the_room(store):
    written(store, [told(f"Thing {i}.", pin=i < 97) for i in range(101)])
    assert len(store.evict(EvictionPolicy(max_episodes=100, keep_share=0.5, diversity=0)).ids) == 2


def test_pin_and_unpin_are_journaled_undoable_and_leave_the_score(store):
    a, b = written(store, [told("A.", score=0.1), told("B.", score=5.0)])
    assert store.pin([a, a]) == 1
    assert store.pin(a) == 0
    assert store.get(a).salience == Salience(score=0.1, pin=True)
    assert store.evict(policy(max_episodes=1), dry_run=True).ids == [b]
    assert store.history(a, limit=1)[0].kind == "pin"
    assert store.unpin([a]) == 1
    assert store.evict(policy(max_episodes=1), dry_run=True).ids == [a]
    assert store.undo() == 1
    assert store.get(a).salience.pin
    assert store.undo() == 1
    assert not store.get(a).salience.pin


@pytest.mark.parametrize("unknown", [99, 0, -1, 2**63, 2**70])
def test_pinning_what_is_not_there_is_refused_and_changes_nothing(store, unknown):
    (id,) = written(store, [told("A.")])
    for verb in (store.pin, store.unpin):
        with pytest.raises(UnknownIdError, match=str(unknown)):
            verb([id, unknown])
    assert not store.get(id).salience.pin


# Near-duplicates


def twins_and_single(store):
    """Two nearly identical episodes, and one that is a little weaker than both."""
    return written(
        store,
        [
            told("The red door is shut", score=0.30),
            told("The red door is shut!!", score=0.25),
            told("A fox crossed the yard.", score=0.20),
        ],
    )


def test_near_duplicates_go_first_with_diversity_on_and_not_with_it_off(store):
    _, weaker_twin, single = twins_and_single(store)
    on = store.evict(EvictionPolicy(max_episodes=2, keep_share=1.0, diversity=0.5), dry_run=True)
    off = store.evict(EvictionPolicy(max_episodes=2, keep_share=1.0, diversity=0.0), dry_run=True)
    assert on.ids == [weaker_twin]
    assert off.ids == [single]
    assert "near-duplicate" in on.evictions[0].reason
    assert "near-duplicate" not in off.evictions[0].reason


def test_once_its_copy_is_gone_an_episode_counts_as_unique(store):
    stronger_twin, weaker_twin, single = twins_and_single(store)
    plan = store.evict(EvictionPolicy(max_episodes=1, keep_share=1.0, diversity=0.5))
    assert plan.ids == [weaker_twin, single]
    assert held(store) == {stronger_twin}
    assert f"of episode {stronger_twin}" in plan.evictions[0].reason


def test_a_near_duplicate_of_what_expires_is_not_repeated_by_it(store):
    expired, twin, single = written(
        store,
        [told("The red door is shut", days_ago=100), told("The red door is shut!!", score=0.25), told("A fox.")],
    )
    plan = store.evict(EvictionPolicy(max_episodes=1, ttl_days=50, keep_share=1.0, diversity=1.0, half_life_days=None))
    assert plan.ids == [expired, single]
    assert held(store) == {twin}


def test_a_strong_episode_is_not_evicted_for_having_a_weak_copy(store):
    strong, weak, other = written(
        store, [told("The red door is shut", score=2), told("The red door is shut!", score=0), told("Else.", score=1)]
    )
    assert store.evict(EvictionPolicy(max_episodes=2, keep_share=1.0, diversity=1.0)).ids == [weak]
    assert held(store) == {strong, other}


@pytest.mark.parametrize("index", ["exact", "hnsw"])
def test_of_many_clusters_one_of_each_survives(clock, index):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 64))
    keys = [centre + 0.02 * rng.normal(size=64) for centre in centres for _ in range(5)]

    class Wide:
        dim, name = 64, "wide"

        def encode(self, texts):
            raise AssertionError("every key is given")

    with EpisodicStore(":memory:", encoder=Wide(), index=index, clock=clock) as store:
        items = [told(f"{cluster}/{copy}") for cluster in range(60) for copy in range(5)]
        store.write_many(items, keys=keys)
        plain = store.evict(EvictionPolicy(max_episodes=60, keep_share=1.0, diversity=0.0), dry_run=True)
        assert len({(id - 1) // 5 for id in set(range(1, 301)) - set(plain.ids)}) == 12
        store.evict(EvictionPolicy(max_episodes=60, keep_share=1.0, diversity=0.5))
        assert len({(id - 1) // 5 for id in held(store)}) == 60


# Plans, undo, refusals


def test_a_dry_run_changes_nothing_and_says_what_the_run_then_does(store, clock):
    ids = written(store, [told(f"Thing {i}.", days_ago=10 * i, pin=i == 0) for i in range(10)])
    recall(store, "Thing 9.")
    changes = store._database.connection.total_changes
    limit = EvictionPolicy(max_episodes=6, ttl_days=75)
    dry = store.evict(limit, dry_run=True)
    assert store._database.connection.total_changes == changes
    assert len(store) == 10
    assert store.evict(limit) == dry
    assert dry.ids[0] == ids[8]  # past its life; the ninth was recalled
    assert dry.episodes_after == len(store)
    assert dry.evictions


def test_a_plan_explains_itself(store):
    written(store, [told("Old.", days_ago=50), told("Dull.", score=0.25), told("Dear.", score=2)])
    plan = store.evict(policy(max_episodes=1, ttl_days=20))
    expired, weak = plan.evictions
    assert expired.reason.startswith("past its 20.0 days of life: S = 0.00, never recalled, idle for 50.0 days")
    assert weak.reason.startswith("among the weakest above max_episodes = 1: S = 0.25")
    assert plan.reason == (
        "1 past their time to live; 1 above max_episodes = 1, which leaves 100% of the room filled; "
        "1 of 3 episodes stay."
    )
    assert store.evict(policy(max_episodes=1)).reason == "no capacity is exceeded; 1 of 1 episodes stay."


def test_undo_restores_what_was_evicted(store):
    written(store, [told(f"Thing {i}.") for i in range(5)])
    store.write("Thing 0.", provenance="mail")
    before = {id: (store.get(id), store.provenances(id)) for id in held(store)}
    assert len(store.evict(policy(max_episodes=1)).ids) == 4
    assert store.undo() == 1
    assert {id: (store.get(id), store.provenances(id)) for id in held(store)} == before
    assert store.verify() == []


def test_an_eviction_that_finds_nothing_leaves_no_operation(store):
    written(store, [told("One.")])
    assert store.evict(policy(max_episodes=1, ttl_days=9)).ids == []
    assert {change.kind for change in store.history()} == {"write"}


def test_an_empty_store_has_nothing_to_evict(store):
    plan = store.evict(EvictionPolicy(max_episodes=1, max_bytes=1, ttl_days=1))
    assert (plan.ids, plan.episodes_before, plan.bytes_before) == ([], 0, 0)


def test_a_store_without_a_policy_says_so(store):
    with pytest.raises(InvalidInputError, match="no eviction policy"):
        store.evict()


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"half_life_days": 3.0, "diversity": 1.0},
        {"max_episodes": 0},
        {"max_episodes": 1.5},
        {"max_bytes": -1},
        {"ttl_days": 0},
        {"ttl_days": float("nan")},
        {"max_episodes": 1, "half_life_days": 0},
        {"max_episodes": 1, "half_life_days": "30"},
        {"max_episodes": 1, "access_weight": -0.1},
        {"max_episodes": 1, "diversity": 1.1},
        {"max_episodes": 1, "near_duplicate": 1.0},
        {"max_episodes": 1, "keep_share": 0.0},
        {"max_episodes": 1, "keep_share": 1.01},
    ],
)
def test_a_policy_that_means_nothing_is_refused(bad):
    with pytest.raises(InvalidInputError):
        EvictionPolicy(**bad)


policies = st.builds(
    EvictionPolicy,
    max_episodes=st.integers(1, 15),
    max_bytes=st.none() | st.integers(1, 6_000),
    ttl_days=st.none() | st.floats(0.1, 1_000) | st.sampled_from([1e-300, 1e300]),
    half_life_days=st.none() | st.floats(0.1, 1_000) | st.sampled_from([1e-300, 1e300]),
    access_weight=st.floats(0, 1e6),
    diversity=st.floats(0, 1),
    near_duplicate=st.floats(0, 0.999),
    keep_share=st.floats(0.01, 1),
)
episodes = st.lists(
    st.builds(
        told,
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", "!", "!!", "!!!"])).map("".join),
        score=st.floats(-3, 3) | st.sampled_from([-1e300, 1e300]),
        days_ago=st.floats(-100, 2_000),
        pin=st.booleans(),
    ),
    max_size=25,
)


@given(limit=policies, items=episodes, recalled=st.lists(st.sampled_from("abcdef"), max_size=5), days=st.floats(0, 9e3))
def test_whatever_the_policy_pins_stay_capacity_is_kept_and_an_undo_restores(limit, items, recalled, days):
    clock = Calendar()
    with EpisodicStore(":memory:", encoder=Spread(), clock=clock) as store:
        written(store, items)
        for text in recalled:
            store.recall(text, k=1)
        clock.pass_days(days)
        before = held(store)
        pinned = {id for id in before if store.get(id).salience.pin}
        dry = store.evict(limit, dry_run=True)
        plan = store.evict(limit)
        after = held(store)
        assert plan == dry
        assert pinned <= after
        assert after == before - set(plan.ids)
        assert len(plan.ids) == len(set(plan.ids))
        assert after == pinned or not limit.exceeded(len(after), plan.bytes_after)
        assert store.evict(limit).ids == []  # nothing more to do
        if plan.ids:
            store.undo()
        assert held(store) == before
        assert store.verify() == []
