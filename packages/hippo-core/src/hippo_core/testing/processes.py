"""Child processes of the kit: forked from one that has loaded the contract, watched, and ended by who started them."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from hippo_core.testing.hooks import ContractHooks

PATIENCE_S = 120.0
"""How long a child or its parent waits for the other before it gives up."""


class Nursery:
    """One `python -m hippo_core.testing.worker`: it loads the contract once and forks a child for each order.

    A child costs milliseconds so, not a new interpreter and all of the contract's imports. Nothing is inherited that
    matters: the nursery itself never opens a store. Leaving the context kills what still runs.

    Args:
        contract: a contract class at the top level of its module.
        folder: for the children's files.
    """

    def __init__(self, contract: type[ContractHooks], folder: Path) -> None:
        if not hasattr(os, "fork"):
            pytest.skip("the kit's child processes need os.fork, which this system does not have")
        self._folder = folder
        self._errors = folder / "nursery.stderr"
        # What this process can import, the child can too, also where pytest was told paths by its configuration
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hippo_core.testing.worker", inspect.getfile(contract), contract.__qualname__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input tells it to end its children and itself

    def start(self, name: str, command: str, **arguments: Any) -> Child:
        """Fork a child that waits at the line, ready to carry out a command of the worker."""
        notes, go = self._folder / f"{name}.notes.jsonl", self._folder / f"{name}.go"
        pid = self.ask(command=command, notes=str(notes), go=str(go), arguments=arguments)
        child = Child(self, pid, notes, go)
        child.wait_for(lambda: child.count() >= 1)
        return child

    def run(self, name: str, command: str, **arguments: Any) -> list[dict[str, Any]]:
        """Run one child from start to end and return its notes."""
        return self.start(name, command, **arguments).go().finish()

    def ask(self, **order: Any) -> Any:
        """Send one order and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise AssertionError(f"the contract could not be loaded in another process:\n{self.what_was_said()}")
        return json.loads(answer)

    def what_was_said(self) -> str:
        """Return the end of what the nursery and its children wrote to their standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace")[-4000:]


class Child:
    """A process that acts on a store and notes what it has done. Made by `Nursery.start`."""

    def __init__(self, nursery: Nursery, pid: int, notes_file: Path, go_file: Path) -> None:
        self._nursery = nursery
        self._pid = pid
        self._notes_file = notes_file
        self._go_file = go_file

    def notes(self) -> list[dict[str, Any]]:
        """Return what the child has noted so far; a line cut off by a kill is left out."""
        return [json.loads(line) for line in self._notes_file.read_bytes().split(b"\n")[:-1]]

    def count(self) -> int:
        """Return the number of notes so far, cheaply."""
        return self._notes_file.read_bytes().count(b"\n") if self._notes_file.exists() else 0

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Wait until `done()`, watching that the child lives."""
        end = time.monotonic() + PATIENCE_S
        while not done():
            if self._nursery.ask(poll=self._pid) is not None and not done():
                raise AssertionError(f"the child ended early:\n{self._nursery.what_was_said()}")
            if time.monotonic() > end:
                raise AssertionError(
                    f"the child did not get there in {PATIENCE_S:.0f} s:\n{self._nursery.what_was_said()}"
                )
            time.sleep(0.001)

    def go(self) -> Self:
        """Let it begin."""
        self._go_file.touch()
        return self

    def finish(self) -> list[dict[str, Any]]:
        """Wait for its end and return its notes; a failure of the child fails the test."""
        code: int | None = None
        end = time.monotonic() + PATIENCE_S
        while (code := self._nursery.ask(poll=self._pid)) is None and time.monotonic() < end:
            time.sleep(0.002)
        if code != 0:
            raise AssertionError(f"the child failed ({code}):\n{self._nursery.what_was_said()}")
        return self.notes()

    def kill(self) -> None:
        """End it at once, as `kill -9` does, if it still runs."""
        self._nursery.ask(kill=self._pid)
