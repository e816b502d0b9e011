"""The command: what it says while it works and when it cannot, and what it leaves behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hippo_adapters import load_adapter, load_model


def hippo_train(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = "from hippo_train.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.model
def test_it_tells_how_far_it_is_and_leaves_an_adapter(tmp_path: Path):
    run = hippo_train("train.clusters=2", "train.held_out_clusters=1", "train.steps=2", "output=own", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "An adapter for smollm2-135m, in own: 2 clusters of episodes, 2 steps" in " ".join(run.stdout.split())
    assert "texts" in run.stdout
    assert "EM@8" in run.stdout
    description = json.loads((tmp_path / "own" / "adapter.json").read_text())
    assert description["training"]["steps"] == 2
    assert load_adapter(tmp_path / "own", load_model("smollm2-135m")).parameter_count == description["parameters"]
    assert [path.name for path in tmp_path.iterdir()] == ["own"], "nothing else is written"


def test_a_key_that_is_none_is_one_sentence_that_names_those_that_are(tmp_path: Path):
    run = hippo_train("+train.stps=5", cwd=tmp_path)
    assert run.returncode == 1
    said = " ".join(run.stderr.split())
    assert "`train.stps` is no key of the training; known are clusters, held_out_clusters, steps" in said
    assert "Traceback" not in said
    assert "`steps` must be a whole number from 1, not 'abc'" in hippo_train("train.steps=abc", cwd=tmp_path).stderr
