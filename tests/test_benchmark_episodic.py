"""The benchmark of the episodic store runs, with the peers that the workspace has, and finds what is right."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

PEERS = ("raw_faiss", "hippo_exact", "hippo_hnsw", "lancedb")
ROWS = 300


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("episodic")
    command = [sys.executable, str(root / "benchmarks/episodic/run.py"), "--sizes", str(ROWS), "--queries", "40"]
    command += ["--peers", ",".join(PEERS), "--threads", "1", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, out


@pytest.fixture(scope="module")
def entries(run):
    document = json.loads((run[1] / "episodic.json").read_text("utf-8"))
    return {entry["peer"]: entry for entry in document["entries"]}


@pytest.mark.parametrize("peer", PEERS[:3])
def test_every_figure_is_there(entries, peer):
    entry = entries[peer]
    assert (entry["status"], entry["rows"], entry["rows_acknowledged"]) == ("ok", ROWS, ROWS), entry.get("reason")
    assert 0 < entry["acknowledged_seconds"] <= entry["write_seconds"]
    assert 0 < entry["open_seconds"] <= entry["first_answer_seconds"]
    assert entry["size_bytes"] > ROWS * 384 * 4
    assert min(entry["peak_memory_bytes_write"], entry["peak_memory_bytes_recall"]) > 10_000_000
    for name in ("recall", "filtered_recall"):
        assert 0 < entry[name]["p50_ms"] <= entry[name]["p99_ms"]
        assert entry[name]["n"] == 40
    assert entry["single_write"]["n"] == 200
    assert {"command", "commit", "dirty", "hardware", "threads", "versions", "seconds"} <= entry["cause"].keys()


def test_exact_recall_is_exact(entries):
    assert entries["hippo_exact"]["recall"]["at_10"] == 1.0
    assert entries["hippo_exact"]["filtered_recall"]["at_10"] == 1.0
    assert entries["raw_faiss"]["recall"]["at_10"] > 0.95
    assert entries["raw_faiss"]["filtered_recall"]["at_10"] == 1.0


def test_hippo_is_set_against_the_raw_index_of_the_same_run(entries):
    raw, ours = entries["raw_faiss"], entries["hippo_hnsw"]
    assert ours["to_raw_faiss"]["recall_p50"] == ours["recall"]["p50_ms"] / raw["recall"]["p50_ms"]
    assert "to_raw_faiss" not in raw


@pytest.mark.skipif(find_spec("lancedb") is not None, reason="this environment has the peer that should be missing")
def test_a_peer_that_is_missing_says_so_and_stops_nobody(run, entries):
    assert entries["lancedb"]["status"] == "failed"
    assert "No module named 'lancedb'" in entries["lancedb"]["reason"]
    assert "No module named 'lancedb'" in run[0]


def test_pictures_are_drawn(run):
    pictures = sorted(path.name for path in run[1].glob("*.png"))
    assert "episodic-writes.png" in pictures
    assert all((run[1] / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
