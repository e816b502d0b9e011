"""What the documents tell a reader to run exists and runs, where they point is there, and they name no machine."""

import re
import subprocess
import sys

import pytest

COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*uv run (?:--?\S+ )*?(\S+)(.*)$", re.MULTILINE)
CONSOLE = re.compile(r"^```(?:console|bash|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
# Written so that neither pattern matches itself.
MACHINE_PATH = re.compile(r"(?<![\w.$}~/-])/(?:home|root|Users|work|mnt)/\w")
REGISTRY_HOST = re.compile(r"\b(?:pypi|pythonhosted|npmjs|debian)\.(?:org|com)\b")


@pytest.fixture(scope="session")
def pages(tracked_files):
    """Every Markdown page, by path."""
    return {path: path.read_text("utf-8") for path in tracked_files if path.suffix == ".md"}


def test_the_readme_has_a_library_example(root):
    # `nox -s wheel` runs this one where hippo-episodic alone is installed.
    assert "<!-- example: library -->" in (root / "README.md").read_text("utf-8")


def test_marked_examples_run(root, pages):
    for path, text in pages.items():
        if re.search(r"^<!-- example: ", text, re.MULTILINE):
            command = [sys.executable, str(root / "docs/examples.py"), str(path)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            assert result.returncode == 0, f"{path}\n{result.stdout}{result.stderr}"


def test_result_tables_say_what_their_files_say(root):
    command = [sys.executable, str(root / "benchmarks/report.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_commands_exist(root, pages, projects):
    scripts = {name for project in projects.values() for name in project.get("scripts", {})}
    known = scripts | {"nox", "python", "pytest", "ruff", "pyright", "lint-imports"}
    named = {match for text in pages.values() for block in CONSOLE.findall(text) for match in COMMAND.findall(block)}
    assert {command for command, _ in named} - known == set()
    listing = subprocess.run([sys.executable, "-m", "nox", "-l"], cwd=root, capture_output=True, text=True, check=True)
    sessions = re.findall(r"^[*-] (\w+)", listing.stdout, re.MULTILINE)
    asked = {name for command, rest in named if command == "nox" for name in re.findall(r"-s \"?(\w+)", rest)}
    assert asked - set(sessions) == set()


def test_installable_names_are_ours(pages, projects):
    blocks = [block for text in pages.values() for block in CONSOLE.findall(text)]
    asked = {name for block in blocks for name in re.findall(r"\bpip install (?:-\S+ )*\"?([\w-]+)", block)}
    assert asked - {*projects, "uv"} == set()


def test_links_lead_somewhere(root, pages):
    broken = [
        f"{path.relative_to(root)}: {target}"
        for path, text in pages.items()
        for target in LINK.findall(text)
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_no_file_names_this_machine_or_a_registry(root, tracked_files):
    found = []
    for path in tracked_files:
        if path.name == "uv.lock":  # every line of it names a registry
            continue
        text = path.read_bytes().decode("utf-8", "ignore")
        if match := MACHINE_PATH.search(text) or REGISTRY_HOST.search(text):
            found.append(f"{path.relative_to(root)}: {match[0]}")
    assert found == []
