"""Where things are, for the tests that span packages."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each package it asks about: `published` are packages/*, `member` also has apps/*."""
    for argument, patterns in (("published", ["packages"]), ("member", ["packages", "apps"])):
        if argument in metafunc.fixturenames:
            folders = [path.parent for name in patterns for path in sorted(ROOT.glob(f"{name}/*/pyproject.toml"))]
            metafunc.parametrize(argument, folders, ids=[folder.name for folder in folders])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def projects() -> dict[str, dict[str, Any]]:
    """Every member's `[project]` table, by name."""
    found = [tomllib.loads(path.read_text("utf-8"))["project"] for path in sorted(ROOT.glob("*/*/pyproject.toml"))]
    return {project["name"]: project for project in found}


@pytest.fixture(scope="session")
def tracked_files() -> list[Path]:
    """What git tracks, or would track if asked to add everything."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]
