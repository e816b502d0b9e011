"""A package's `__all__` is its contract, and its reference page says what is in it."""

import importlib
import re
import runpy
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[1] / "docs/reference/build.py"


@pytest.fixture(scope="module")
def build():
    return runpy.run_path(str(BUILD))


def rank(name: str) -> tuple[bool, bool, str]:
    """Constants, classes, the rest: the order in which ruff keeps `__all__`."""
    return (not name.isupper(), not name[0].isupper(), name)


def test_all_is_sorted_and_exists(published):
    module = importlib.import_module(published.name.replace("-", "_"))
    assert list(module.__all__) == sorted(set(module.__all__), key=rank)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_every_public_name_is_described(published, build):
    entries = re.findall(r"^- \[`(\w+)`\]\(#\w+\): *(.*)$", build["page"](published.name), re.MULTILINE)
    assert entries, "no public names"
    assert [name for name, summary in entries if not summary] == [], "no docstring"


def test_the_reference_page_is_up_to_date(published, build):
    page = BUILD.parent / f"{published.name}.md"
    assert page.read_text("utf-8") == build["page"](published.name), "run `uv run python docs/reference/build.py`"


def test_no_page_is_about_a_package_that_is_not_there(build):
    generated = [
        path for path in BUILD.parent.glob("*.md") if "Written by docs/reference/build.py" in path.read_text("utf-8")
    ]
    assert sorted(path.stem for path in generated) == build["packages"]()


def test_the_index_leads_to_every_page():
    index = (BUILD.parents[1] / "index.md").read_text("utf-8")
    assert [path.name for path in BUILD.parent.glob("*.md") if f"(reference/{path.name})" not in index] == []
