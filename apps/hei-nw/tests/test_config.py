import subprocess
import sys

import pytest
from hei_nw import arms  # noqa: F401 - registers the arms
from hei_nw.config import RunConfig
from hippo_core import HippoError, InvalidInputError

PRESET = {
    "suite": ["scenario_a"],
    "n": 60,
    "questions": {"scenario_a": 200},
    "arms": ["none", "text@2"],
    "extra_arms": {"scenario_b": ["oracle"]},
    "own_arms": {"scenario_b_night": ["none", "consolidated"]},
    "seeds": {"scenario_b_night": [0]},
}
RESOLVED = {
    "preset": PRESET,
    "suite": None,
    "n": None,
    "episodes": 1000,
    "seed": [0, 1],
    "model": "smollm2-135m",
    "adapter": "smollm2-135m",
    "dtype": "auto",
    "batch_size": 32,
    "workers": None,
    "output": "runs",
    "days": 1,
    "night": {},
    "drift_text": None,
    "locomo": None,
}


def test_the_command_line_wins_over_the_preset():
    assert RunConfig.of(RESOLVED).suite == ("scenario_a",)
    config = RunConfig.of({**RESOLVED, "suite": "scenario_b", "seed": 1337})
    assert (config.suite, config.seed, config.arms_of("scenario_b")) == (
        ("scenario_b",),
        (1337,),
        ("none", "text@2", "oracle"),
    )


def test_n_on_the_command_line_holds_for_every_suite():
    assert [RunConfig.of(RESOLVED).questions_of(suite) for suite in ("scenario_a", "scenario_b")] == [200, 60]
    config = RunConfig.of({**RESOLVED, "n": 50})
    assert [config.questions_of(suite) for suite in ("scenario_a", "scenario_b")] == [50, 50]


def test_all_names_every_generated_suite():
    assert RunConfig.of({**RESOLVED, "suite": "all"}).suite == tuple(f"scenario_{x}" for x in "abcde")


def test_a_run_folder_can_be_read_back():
    config = RunConfig.of(RESOLVED)
    assert RunConfig.from_document(config.document()) == config


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("suite", "scenario_z", "scenario_z"),
        ("n", 0, "`n`"),
        ("episodes", -1, "`episodes`"),
        ("seed", [], "`seed`"),
        ("seed", "one", "`seed`"),
        ("suite", "locomo", "locomo10.json"),
        ("days", 0, "`days`"),
        ("night", {"step": 3}, "`night` has no 'step'; there are: .*steps"),
        ("night", {"steps": 0}, "`steps`"),
        ("drift_text", "nowhere.txt", "nowhere.txt"),
    ],
)
def test_what_cannot_be_run_is_refused_by_key(key, value, reason):
    with pytest.raises(InvalidInputError, match=reason):
        RunConfig.of({**RESOLVED, key: value})


def test_an_unknown_arm_is_refused_by_name():
    with pytest.raises(HippoError, match="telepathy"):
        RunConfig.of({**RESOLVED, "preset": {**PRESET, "arms": ["telepathy"]}})


def test_an_arm_after_the_night_needs_a_night():
    with pytest.raises(InvalidInputError, match="choose 'scenario_a_night'"):
        RunConfig.of({**RESOLVED, "preset": {**PRESET, "arms": ["consolidated"]}})


def test_a_suite_may_have_arms_and_seeds_of_its_own():
    config = RunConfig.of({**RESOLVED, "preset": {**PRESET, "suite": ["scenario_a", "scenario_b_night"]}})
    assert config.arms_of("scenario_b_night") == ("none", "consolidated")
    assert (config.seeds_of("scenario_a"), config.seeds_of("scenario_b_night")) == ((0, 1), (0,))
    assert RunConfig.from_document(config.document()) == config
    chosen = RunConfig.of({**RESOLVED, "suite": "scenario_b_night"})
    assert chosen.seeds_of("scenario_b_night") == (0, 1), "whoever names a suite means all seeds"


def run(*arguments, cwd=None):
    code = "from hei_nw.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_a_misspelt_key_is_an_error_that_names_it(tmp_path):
    done = run("sede=1", cwd=tmp_path)
    assert done.returncode != 0
    assert "sede" in done.stdout + done.stderr


def test_a_run_that_cannot_begin_leaves_nothing_behind(tmp_path):
    done = run("suite=scenario_z", cwd=tmp_path)
    assert done.returncode == 1
    assert "scenario_z" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_exist_is_one_sentence(tmp_path):
    (tmp_path / "note.txt").write_text("Carol left the copper key at the harbour.")
    done = run("remember", "note.txt", "--model", "./no-such-model", cwd=tmp_path)
    assert done.returncode == 1
    assert "no-such-model" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_asking_without_a_memory_says_how_to_make_one(tmp_path):
    done = run("ask", "Where?", cwd=tmp_path)
    assert done.returncode == 1
    assert "hei-nw remember" in done.stdout


def test_help_shows_the_keys(tmp_path):
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("suite", "preset", "seed", "remember", "ask"):
        assert word in done.stdout
    assert list(tmp_path.iterdir()) == []
