"""What the README shows runs as shown, away from the workspace and its configuration."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
BLOCKS = re.findall(r"```python\n(.*?)```", (FOLDER.parent / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def run_pytest(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # the kit needs no plugin
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_plain_store_passes_the_kit(tmp_path):
    (tmp_path / "test_plain_store.py").write_text(BLOCKS[0], encoding="utf-8")
    done = run_pytest(tmp_path, "test_plain_store.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 30
    assert "failed" not in done.stdout


def test_a_broken_promise_shows_both_sides(tmp_path):
    whole = "self.episodes |= new"
    assert whole in BLOCKS[0]
    broken = BLOCKS[0].replace(whole, "self.episodes |= dict(list(new.items())[:-1])")
    (tmp_path / "test_broken_store.py").write_text(broken, encoding="utf-8")
    done = run_pytest(tmp_path, "test_broken_store.py", "-k", "test_the_length_counts_live_records")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "assert 2 == 3" in done.stdout


def test_the_database_example_runs(tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-c", BLOCKS[1]], cwd=tmp_path, check=False)
    assert done.returncode == 0


def test_child_processes_find_a_contract_anywhere(tmp_path):
    shutil.copy(FOLDER / "test_sqlite_store.py", tmp_path / "test_elsewhere.py")
    done = run_pytest(tmp_path, "test_elsewhere.py", "-k", "TestSmallStore and two_processes_writing")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_contract_inside_a_function_is_refused_in_words(tmp_path):
    from hippo_core.testing import MemoryStoreContract
    from hippo_core.testing.worker import load_contract

    class Local(MemoryStoreContract):
        pass

    with pytest.raises(TypeError, match="top level"):
        load_contract(__file__, Local.__qualname__)
