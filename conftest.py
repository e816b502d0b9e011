"""What every test run of the workspace shares: the crash rounds and the Hypothesis profiles."""

import os

import pytest
from hypothesis import settings

# One deadline for all would measure the machine, not the code: CI shares its cores.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `nox -s crash` ask for more than a test run has time for."""
    parser.addoption("--crash-rounds", type=int, default=25, help="rounds of kill -9 during writes (default: 25)")
