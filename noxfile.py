"""Every check of the workspace: `uv run nox` runs the default sessions, `uv run nox -l` lists all of them.

    uv run nox -t hippo-core            one package, by its tag (-k would read the name as a subtraction)
    uv run nox -t hippo-core -P 3.13    the same under another Python
    uv run nox -s tests -- -x -k gate   what follows -- goes to pytest

uv makes the environments from uv.lock; nox names the checks and times them.
"""

import functools
import os
import re
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYTHON = "3.11"  # the oldest supported; -P chooses another
FOLDERS = {  # project name -> folder
    tomllib.loads(path.read_text("utf-8"))["project"]["name"]: path.parent.relative_to(ROOT)
    for pattern in ("packages/*/pyproject.toml", "apps/*/pyproject.toml")
    for path in sorted(ROOT.glob(pattern))
}
STORES = {"hippo-episodic", "hippo-relational", "hippo-spatial"} & FOLDERS.keys()
TORCH_FREE = {"hippo-core", *STORES}

# Minutes on two cores, downloads cached. Packages that are still to come have their share already, so that the test
# command stays under 25 minutes when all of them are here.
BUDGETS = {
    "lint": 0.25,
    "types": 1,
    "layers": 0.25,
    "tests(hippo-core)": 1.25,
    "tests(hippo-episodic)": 2.5,
    "tests(hippo-relational)": 1,
    "tests(hippo-spatial)": 1,
    "tests(hippo-adapters)": 2.5,
    "tests(hippo-train)": 3.25,
    "tests(hippo-lab)": 0.25,
    "tests(hei-nw)": 3,
    "tests(sgc-rss)": 0.5,
    "tests(smpd)": 0.75,
    "minimums(hippo-core)": 1,
    "minimums(hippo-episodic)": 2.5,
    "minimums(hippo-relational)": 0.5,
    "minimums(hippo-spatial)": 0.5,
    "wheel": 2,
    "workspace": 1,
}
TEST_COMMAND_MINUTES = 25
if sum(BUDGETS.values()) > TEST_COMMAND_MINUTES:
    raise ValueError(f"BUDGETS add up to {sum(BUDGETS.values())} minutes; the test command has {TEST_COMMAND_MINUTES}.")

NO_WATCHDOG = ("-o", "faulthandler_timeout=0")  # 500 rounds in one test are meant to take minutes
FEW_CRASHES = ("--crash-rounds", "3")  # where the versions or the wheel are tested; `tests` does 25

# torch and transformers take ten seconds longer to import where Python may not keep their bytecode, in every process
# that a test starts. Kept here, so that nothing is written beside the sources.
os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / ".nox" / "bytecode")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

nox.needs_version = ">=2025.5.1"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "layers", "tests", "minimums", "wheel", "workspace"]


def budgeted(check: Callable[..., None]) -> Callable[..., None]:
    """Warn when a session outlives its budget; fail it at three times that, since the machine may be busy."""

    @functools.wraps(check)
    def timed(session: nox.Session, **arguments: str) -> None:
        budget = BUDGETS[re.sub(r"-3\.\d+", "", session.name)]
        start = time.monotonic()
        check(session, **arguments)
        minutes = (time.monotonic() - start) / 60
        message = f"{session.name} took {minutes:.1f} minutes; its budget in noxfile.py is {budget}."
        if minutes > 3 * budget:
            session.error(message)
        if minutes > budget:
            session.warn(message)

    return timed


def per_package(names: Iterable[str], *, tagged: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make one session of each package; its name is the tag that selects it, `packages` the tag of them all."""
    return nox.parametrize(
        "package", [nox.param(name, id=name, tags=[name, "packages"] if tagged else []) for name in sorted(names)]
    )


def run_in_package(session: nox.Session, package: str, *command: str) -> None:
    """Run a command where nothing is installed but what the package declares, so that an undeclared import fails.

    Packages with torch take turns in one environment: its 5 GB take a few seconds where uv can link them from its cache
    and a long copy each where it cannot, while `--exact` removes what only the package before had declared.
    """
    python = session.python or PYTHON
    environment = ROOT / ".nox" / f"{package if package in TORCH_FREE else 'torch'}-{python}"
    session.run(
        *("uv", "run", "--exact", "--locked", "--no-default-groups", "--package", package, "--group", "test"),
        *("--python", python, *command),
        env={"UV_PROJECT_ENVIRONMENT": str(environment), "VIRTUAL_ENV": None},
        external=True,
    )


def run_in_root(session: nox.Session, *command: str) -> None:
    """Run a command in the root environment, which `uv run nox` has just made and which holds everything."""
    session.run("uv", "run", "--no-sync", *command, external=True)


@nox.session(venv_backend="none")
@budgeted
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    run_in_root(session, "ruff", "check", ".")
    run_in_root(session, "ruff", "format", "--check", ".")


@nox.session(venv_backend="none")
@budgeted
def types(session: nox.Session) -> None:
    """Pyright, strict on the packages."""
    # Named one by one: a pattern in pyproject.toml that matches nothing passes, a folder that is not there fails.
    run_in_root(session, "pyright", *(f"{folder}/src" for folder in FOLDERS.values() if folder.parts[0] == "packages"))


@nox.session(venv_backend="none")
@budgeted
def layers(session: nox.Session) -> None:
    """Who may import whom."""
    run_in_root(session, "lint-imports")


@nox.session(venv_backend="none")
@per_package(FOLDERS)
@budgeted
def tests(session: nox.Session, package: str) -> None:
    """A package's tests and doctests with only what it declares."""
    folder = FOLDERS[package]
    run_in_package(session, package, "pytest", f"{folder}/tests", f"{folder}/src", *session.posargs)


@nox.session(venv_backend="uv", python=PYTHON, reuse_venv=False)
@per_package(TORCH_FREE)
@budgeted
def minimums(session: nox.Session, package: str) -> None:
    """A package's tests with the oldest dependencies it declares; not for torch, whose old wheels weigh gigabytes."""
    if session.python != PYTHON:
        session.skip(f"the oldest dependencies have wheels for the oldest Python, {PYTHON}")
    folder = FOLDERS[package]
    # Not `uv sync`: with another resolution it would rewrite uv.lock.
    session.run_install(
        *("uv", "pip", "install", "--resolution=lowest-direct", "--editable", str(folder)),
        *("--group", f"{folder}/pyproject.toml:test"),
        external=True,
    )
    session.run("pytest", f"{folder}/tests", *FEW_CRASHES, *session.posargs)


@nox.session(venv_backend="uv", python=PYTHON, reuse_venv=False)
@budgeted
def wheel(session: nox.Session) -> None:
    """Wheels of all packages; hippo-episodic alone, installed from its wheel without a compiler, used and tested."""
    with tempfile.TemporaryDirectory(prefix="hippo-wheel-") as temporary:
        elsewhere = Path(temporary)  # nothing of the repository is importable or configured from here
        session.run_install(
            *("uv", "build", "--all-packages", "--wheel", "--no-sources", "--out-dir", str(elsewhere / "dist")),
            external=True,
        )
        built = {path.name.partition("-")[0] for path in elsewhere.glob("dist/*.whl")}
        if missing := {name.replace("-", "_") for name in FOLDERS} - built:
            session.error(f"No wheel was built of {', '.join(sorted(missing))}.")

        with session.chdir(elsewhere):
            install = ("uv", "pip", "install", "--find-links", "dist", "--only-binary", ":all:")
            ours = next(elsewhere.glob("dist/hippo_episodic-*.whl"))  # by path, so that no index can offer another
            session.run_install(*install, str(ours), external=True)
            session.run("uv", "pip", "list", external=True)
            session.run("python", "-c", "import importlib.util; assert not importlib.util.find_spec('torch')")
            session.run("python", str(ROOT / "docs/examples.py"), str(ROOT / "README.md"), "library")

            session.run_install(*install, "hippo-core[testing]", external=True)
            shutil.copytree(ROOT / FOLDERS["hippo-episodic"] / "tests", "tests")
            shutil.copy(ROOT / "conftest.py", ".")
            shutil.copy(ROOT / "pyproject.toml", ".")  # pytest's settings
            # Each promise once: whether it holds for the other index too is a matter of the source, not of the wheel
            session.run(
                "pytest", "--import-mode=importlib", "tests", "-k", "not HnswStore", *FEW_CRASHES, *session.posargs
            )


@nox.session(venv_backend="none")
@budgeted
def workspace(session: nox.Session) -> None:
    """What spans packages: layers, public names, metadata, README."""
    run_in_root(session, "pytest", "tests", *session.posargs)


@nox.session(venv_backend="uv", python=PYTHON, default=False)
def hnswlib(session: nox.Session) -> None:
    """The index of the extra `hnsw`, which compiles when it is installed; the other tests skip it."""
    folder = FOLDERS["hippo-episodic"]
    session.run_install(
        *("uv", "pip", "install", "--editable", f"{folder}[hnsw]", "--editable", "packages/hippo-core[testing]"),
        external=True,
    )
    session.run("pytest", f"{folder}/tests/test_index.py", *session.posargs)


@nox.session(venv_backend="none", default=False)
@per_package(STORES, tagged=False)
def crash(session: nox.Session, package: str) -> None:
    """Kill -9 during writes, 500 rounds (the tests do 25)."""
    run_in_package(
        session, package, "pytest", f"{FOLDERS[package]}/tests", "-k", "kill_9", "--crash-rounds", "500", *NO_WATCHDOG
    )
