"""A progress bar on a terminal; a line at the start and one at the end everywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def progress(
    what: str, *, total: int, console: Console, clock: Callable[[], float] = time.perf_counter
) -> Generator[Callable[[int], None]]:
    """Show how far a loop has come.

    Args:
        what: the activity, for instance `Teaching`.
        total: number of steps.
        console: where to show it. Without a terminal (a log file, a build) two plain lines are printed.
        clock: seconds, for the line at the end.

    Yields:
        A function to call with the number of steps just done.
    """
    if console.is_terminal:
        columns = (
            TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda steps: bar.advance(task, steps)
        return
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        done += steps

    start = clock()
    console.print(f"{what}: {total:,} steps", highlight=False)
    yield advance
    console.print(f"{what}: {done:,} of {total:,} in {clock() - start:.1f} s", highlight=False)
