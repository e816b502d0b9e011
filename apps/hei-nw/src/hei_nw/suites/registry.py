"""Suites by name. A new suite is a file and one line in this package's `__init__`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hippo_core import InvalidInputError
from hippo_lab.errors import UnknownNameError
from hippo_lab.worlds import Split, World

from hei_nw.suites.base import DEFAULT_START, WorldRequest

SuiteBuilder = Callable[[WorldRequest], World]
"""Makes the world that a request describes; equal requests give equal worlds in every process."""

SMALL_EPISODES = 100
"""Items in a small world."""
SMALL_QUESTIONS = 20
"""Questions in a small world."""

_builders: dict[str, SuiteBuilder] = {}


def register_suite(name: str, builder: SuiteBuilder) -> None:
    """Make `builder` known as `name`.

    Raises:
        InvalidInputError: the name is taken.
    """
    if name in _builders:
        raise InvalidInputError(f"there is already a suite {name!r}; choose another name.")
    _builders[name] = builder


def suite_names() -> tuple[str, ...]:
    """Return the registered names, sorted."""
    return tuple(sorted(_builders))


def make_world(
    suite: str,
    *,
    seed: int,
    episodes: int = 1000,
    questions: int = 200,
    split: Split = "test",
    start: datetime = DEFAULT_START,
) -> World:
    """Generate a world. The same arguments give the same world in every process.

    Args:
        suite: a registered name, for instance `scenario_a`.
        seed: chooses the world; `dev` and `test` worlds of one seed have nothing in common.
        episodes: items taught, filler included; at least 100.
        questions: at most 30 % of `episodes`.
        split: `dev` for choosing prompt forms and weights, `test` for results.
        start: when the first item is taught; aware.

    Raises:
        UnknownNameError: no suite of that name.
        InvalidInputError: sizes that the suite cannot serve; the message says which do.
    """
    if suite not in _builders:
        raise UnknownNameError(f"No suite {suite!r}; there are: {', '.join(suite_names())}.")
    return _builders[suite](
        WorldRequest(suite=suite, seed=seed, episodes=episodes, questions=questions, split=split, start=start)
    )


def make_small_world(suite: str, *, seed: int, split: Split = "test", start: datetime = DEFAULT_START) -> World:
    """Generate a world whose taught text fits a window of 2,000 tokens: 100 items, 20 questions.

    Raises:
        UnknownNameError: no suite of that name.
    """
    return make_world(suite, seed=seed, episodes=SMALL_EPISODES, questions=SMALL_QUESTIONS, split=split, start=start)
