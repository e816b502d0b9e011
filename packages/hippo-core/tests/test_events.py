import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hippo_core import EntitySlots, EventLog, InvalidInputError


def test_events_come_back_in_order(tmp_path):
    moment = datetime(2026, 5, 3, tzinfo=UTC)
    log = EventLog(tmp_path / "new folder" / "events.jsonl", clock=lambda: moment)
    assert log.read() == []
    log.log("write", "hippo_episodic", id=np.int64(1), slots=EntitySlots(who="Zoë"))
    log.log("recall", "hippo_episodic", k=3)
    first, second = log.read()
    assert first == {
        "time": moment.isoformat(),
        "kind": "write",
        "package": "hippo_episodic",
        "payload": {"id": 1, "slots": {"who": "Zoë"}},
    }
    assert second["payload"] == {"k": 3}


def test_what_has_no_json_form_is_refused_and_nothing_is_written(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    with pytest.raises(InvalidInputError):
        log.log("write", "hippo_core", thing=object())
    with pytest.raises(InvalidInputError):
        log.log("write", "hippo_core", text="\ud800")
    assert log.read() == []


def test_a_line_that_is_still_being_written_is_passed_over(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    log.log("one", "hippo_core")
    with log.path.open("a") as file:
        file.write('{"time": "2026-')
    assert [event["kind"] for event in log.read()] == ["one"]


def test_two_processes_keep_their_lines_apart(tmp_path):
    code = (
        "import sys; from hippo_core import EventLog\n"
        "log = EventLog(sys.argv[1])\n"
        "for n in range(300): log.log('tick', sys.argv[2], n=n, padding='x' * (n * 20))"
    )
    file = tmp_path / "events.jsonl"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(file), name], env=dict(os.environ)) for name in ("a", "b")
    ]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    events = [json.loads(line) for line in file.read_text().splitlines()]
    for name in ("a", "b"):
        assert [event["payload"]["n"] for event in events if event["package"] == name] == list(range(300))
