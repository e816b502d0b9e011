"""Scenario C's record stream keeps the semantics of the seed's fixture (E13)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hei_nw.suites import make_world, scenario_c_records
from hippo_core import InvalidInputError

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
