"""Scenario C's record stream keeps the semantics of the seed's fixture (E13)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hei_nw.suites import make_world, scenario_c_records
from hippo_core import InvalidInputError
from hippo_episodic import WriteGate

FIXTURE = Path(__file__).parent / "fixtures" / "scenario_c_gate.json"


def test_the_stream_of_seed_7_has_the_published_rows():
    # index, server, event, remember, reward, pin, novelty, config_index, status_index: as published with the seed
    rows = {
        0: ("gamma", "config_update", True, False, False, 1.0, 0, 0),
        1: ("alpha", "status_probe", False, False, False, 0.2, 0, 0),
        2: ("alpha", "config_update", True, False, True, 1.0, 0, 1),
        3: ("epsilon", "status_probe", False, False, False, 0.2, 0, 0),
        4: ("alpha", "config_update", True, False, True, 0.8, 1, 1),
        6: ("alpha", "config_update", True, True, True, 0.6, 2, 2),
    }
    records = scenario_c_records(7, 8)
    for index, row in rows.items():
        record, gate = records[index], records[index].gate
        counters = gate.counters["config_index"], gate.counters["status_index"]
        assert (record.server, record.event_type, gate.remember, gate.reward, gate.pin) == row[:5]
        assert gate.novelty == pytest.approx(row[5])
        assert counters == row[6:]


def test_the_fixture_is_what_the_stream_makes():
    document = json.loads(FIXTURE.read_text(encoding="utf-8"))
    records = scenario_c_records(document["seed"], document["n"])
    made = [
        {
            "index": record.index,
            "server": record.server,
            "event_type": record.event_type,
            "should_remember": record.gate.remember,
            "reward": record.gate.reward,
            "pin": record.gate.pin,
            "novelty": record.gate.novelty,
            "novelty_counters": record.gate.counters,
            "reward_annotation": record.gate.reward_annotation,
            "pin_annotation": record.gate.pin_annotation,
        }
        for record in records
    ]
    assert set(document) == {"seed", "n", "expectations"}
    assert made == document["expectations"]


def test_annotations_say_why():
    record = scenario_c_records(7, 8)[6]
    assert record.gate.reward_annotation == "Service postgres is marked critical; reward applied."
    assert record.gate.pin_annotation == "alpha belongs to the always-pin SRE list."
    assert record.text == f"Server alpha runs postgres on port {record.port}."
    assert record.query in ("What port does alpha use?", "Which port is alpha running on?")


def test_signals_follow_the_rules_over_a_long_stream():
    seen: dict[tuple[str, str], int] = {}
    for record in scenario_c_records(3, 400):
        config, probe = (seen.get((record.server, kind), 0) for kind in ("config_update", "status_probe"))
        assert record.gate.counters == {"config_index": config, "status_index": probe}
        if record.event_type == "config_update":
            assert record.index % 2 == 0
            assert record.gate.novelty == max(0.25, 1 - 0.2 * config)
            assert record.port is not None
            assert 1024 <= record.port <= 9999
            assert record.gate.surprise == pytest.approx(1 + (record.port % 17) / 20 + 0.05 * config)
            assert (record.gate.reward, record.gate.pin) == (record.service == "postgres", record.server == "alpha")
        else:
            assert record.gate.novelty == max(0.05, 0.2 / (probe + 1))
            assert record.gate.surprise == pytest.approx(0.3 + 0.07 * min(probe, 3))
            assert not record.gate.reward
            assert not record.gate.pin
        seen[record.server, record.event_type] = seen.get((record.server, record.event_type), 0) + 1


def test_the_world_teaches_the_stream_of_its_seed_in_order():
    world = make_world("scenario_c", seed=7)
    taught = [item for item in world.items if item.gate is not None]
    records = scenario_c_records(7, len(taught))
    assert [item.gate for item in taught] == [record.gate for record in records]
    assert all(record.text[1:] in item.episode.text for item, record in zip(taught, records, strict=True))


def test_a_negative_length_is_refused():
    with pytest.raises(InvalidInputError, match="`n` must be at least 0, not -1"):
        scenario_c_records(7, -1)


def seeds_stream(seed, n):
    """The seed's generator written down a second time, from its description, to compare draws with."""
    rng = random.Random(seed)
    servers = ["alpha", "beta", "gamma", "delta", "epsilon"]
    services = ["postgres", "redis", "nginx", "mongodb", "mysql"]
    queries = ["What port does {s} use?", "Which port is {s} running on?"]
    for index in range(n):
        server = rng.choice(servers)
        if index % 2:
            yield server, f"{server} has a {rng.choice(['red', 'blue', 'green'])} status light.", None
        else:
            port, service = rng.randint(1024, 9999), rng.choice(services)
            query = rng.choice(queries).format(s=server)
            yield server, f"Server {server} runs {service} on port {port}.", query


@pytest.mark.parametrize("seed", [0, 7, 1337])
def test_servers_texts_and_queries_are_the_seeds_draw_for_draw(seed):
    records = scenario_c_records(seed, 200)
    assert [(r.server, r.text, r.query) for r in records] == list(seeds_stream(seed, 200))


def test_annotations_are_there_exactly_when_a_reward_or_a_pin_is():
    for record in scenario_c_records(5, 300):
        gate = record.gate
        critical = f"Service {record.service} is marked critical; reward applied."
        listed = f"{record.server} belongs to the always-pin SRE list."
        assert gate.reward_annotation == (critical if gate.reward else None)
        assert gate.pin_annotation == (listed if gate.pin else None)
        assert gate.remember == (record.event_type == "config_update")


@pytest.mark.parametrize("pin_override", [True, False])
def test_the_seeds_gate_decides_the_stream_by_the_formula(pin_override):
    gate = WriteGate(pin_override=pin_override)
    assert (gate.alpha, gate.beta, gate.gamma, gate.delta, gate.threshold) == (1.0, 1.0, 0.5, 0.8, 1.5)
    saved = 0
    for record in scenario_c_records(7, 400):
        given = record.gate
        score = 1.0 * given.surprise + 1.0 * given.novelty + 0.5 * given.reward + 0.8 * given.pin
        salience = gate.score(given.surprise, given.novelty, given.reward, given.pin)
        assert salience.score == pytest.approx(score)
        assert gate.writes(salience) == (score > 1.5 or (given.pin and pin_override))
        # What is written is what is to be remembered, but for late updates whose novelty has worn off
        if gate.writes(salience):
            assert given.remember
        saved += given.pin and score <= 1.5
    assert saved == 0  # a pinned update is above 1 + 0.25 + 0.8 anyway: the override matters for other streams


def test_the_seeds_gate_on_the_fixture_rows():
    gate = WriteGate()
    written = [r.index for r in scenario_c_records(7, 8) if gate.writes(_scored(gate, r))]
    assert written == [0, 2, 4, 6]


@pytest.mark.parametrize(("pin_override", "expected"), [(True, True), (False, False)])
def test_a_pin_wins_over_a_sum_that_is_too_low(pin_override, expected):
    gate = WriteGate(pin_override=pin_override)
    assert gate.writes(gate.score(0.3, 0.05, pin=True)) is expected


def _scored(gate, record):
    given = record.gate
    return gate.score(given.surprise, given.novelty, given.reward, given.pin)
