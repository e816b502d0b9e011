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


def test_a_torn_line_harms_no_other(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    log.log("one", "hippo_core", text="Zoë")
    whole = log.path.read_bytes()
    for cut in range(1, len(whole)):  # the writer died after `cut` bytes of its second event
        log.path.write_bytes(whole + whole[:cut])
        log.log("two", "hippo_core")
        log.log("three", "hippo_core")
        torn = cut < len(whole) - 1  # all but the end of the line is an event still
        assert [event["kind"] for event in log.read()] == ["one", *([] if torn else ["one"]), "two", "three"]
        assert log.skipped == torn
    log.path.write_bytes(whole + b'12\n\xff\xfe\n"text"\n' + whole)
    assert [event["kind"] for event in log.read()] == ["one", "one"]
    assert log.skipped == 3
    log.path.write_bytes(whole)
    assert len(log.read()) == 1
    assert log.skipped == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
def test_a_line_that_finds_no_room_is_an_error(tmp_path):
    code = (
        "import resource, signal, sys; from hippo_core import EventLog\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "log = EventLog(sys.argv[1])\n"
        "log.log('one', 'hippo_core')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 20,) * 2)\n"
        "try: log.log('two', 'hippo_core')\n"
        "except OSError as error: print(error)"
    )
    log = EventLog(tmp_path / "events.jsonl")
    done = subprocess.run([sys.executable, "-c", code, str(log.path)], capture_output=True, text=True, check=True)
    assert "Only 20 of" in done.stdout
    log.log("three", "hippo_core")
    assert [event["kind"] for event in log.read()] == ["one", "three"]
    assert log.skipped == 1


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
