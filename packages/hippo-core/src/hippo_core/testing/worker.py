"""The program behind the kit's child processes: `python -m hippo_core.testing.worker FILE CLASS`.

It loads the contract class from its test file and forks children that act on a store through the contract's static
hooks. What a child does it notes in a file of its own, a JSON object a line, synced before it goes on: a note that
something was done stands there only after the store acknowledged it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hippo_core.errors import StorageError
from hippo_core.testing.hooks import ContractHooks
from hippo_core.testing.processes import PATIENCE_S
from hippo_core.testing.writer import Writer


class Notes:
    """The child's own file; each note is on disk when `add` returns."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, **note: Any) -> None:
        """Append one note, with the time of a clock that all processes share, in nanoseconds."""
        os.write(self._handle, json.dumps({**note, "at": time.monotonic_ns()}).encode("utf-8") + b"\n")
        os.fsync(self._handle)


def load_contract(file: str, name: str) -> type[ContractHooks]:
    """Return the contract class `name` of the module at `file`, which need not be importable by name."""
    module_name = f"hippo_kit_{Path(file).stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file!r} cannot be loaded as a Python module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses of the module look themselves up there
    spec.loader.exec_module(module)
    found: Any = module
    for part in name.split("."):
        if part == "<locals>":
            raise TypeError(f"The contract {name!r} is made inside a function; put it at the top level of {file!r}.")
        found = getattr(found, part)
    return found


def write(
    contract: type[ContractHooks],
    notes: Notes,
    *,
    path: str,
    first: int,
    turns: int,
    doing: list[str],
    copies: str = "",
) -> None:
    """Take `turns` turns at the store, writing items numbered from `first` on and `doing` other things too."""
    nursery = os.getppid()
    store = contract.open_store(Path(path))
    writer = Writer(contract, notes, store, first=first, doing=doing, copies=copies)
    for _ in range(turns):
        if os.getppid() != nursery:
            return  # nobody is left who could end this child
        writer.turn()
    store.close()


def hold(contract: type[ContractHooks], notes: Notes, *, path: str, asked: int, until: str, first: int) -> None:
    """Have the store open, its caches in use, until there is a file at `until`; then write once more and close."""
    store = contract.open_store(Path(path))
    store.recall_many([contract.cue_for(contract.make_item(number)) for number in range(asked)], k=1)
    notes.add(holding=True)
    wait_for_file(until)
    receipts = store.write_many([contract.make_item(first)])
    notes.add(wrote=[(receipts[0].id, first)])
    store.close()


def delete(contract: type[ContractHooks], notes: Notes, *, path: str, ids: list[int]) -> None:
    """Delete records of a store that another process has open."""
    store = contract.open_store(Path(path))
    notes.add(deleted=store.delete(ids))
    store.close()


def fill(contract: type[ContractHooks], notes: Notes, *, path: str, first: int, room: int) -> None:
    """Write until no file may grow any more: `room` bytes beyond the largest one that there is now."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = contract.open_store(Path(path))
    (id,) = [receipt.id for receipt in store.write_many([contract.make_item(first)])]
    notes.add(wrote=[(id, first)])
    largest = max(file.stat().st_size for file in Path(path).parent.glob(Path(path).name + "*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + room, resource.RLIM_INFINITY))
    number, refused = first + 1, 0
    while refused < 3 and number < first + 20_000:
        numbers = list(range(number, number + 4))
        number += 4
        try:
            receipts = store.write_many([contract.make_item(each) for each in numbers])
        except StorageError as error:
            refused += 1
            notes.add(refused=str(error))
        else:
            # The notes are small beside the store's files, so the limit leaves room for them
            notes.add(wrote=[(receipt.id, each) for receipt, each in zip(receipts, numbers, strict=True)])
    notes.add(length=len(store))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.close()


COMMANDS: dict[str, Callable[..., None]] = {"write": write, "hold": hold, "delete": delete, "fill": fill}


def wait_for_file(path: str) -> None:
    """Wait until the parent has made the file."""
    end = time.monotonic() + PATIENCE_S
    while not Path(path).exists():
        if time.monotonic() > end:
            raise TimeoutError("the parent never gave the word")
        time.sleep(0.001)


def carry_out(contract: type[ContractHooks], order: dict[str, Any]) -> None:
    """Wait for the word, then do what was ordered."""
    notes = Notes(order["notes"])
    notes.add(ready=True)
    wait_for_file(order["go"])
    COMMANDS[order["command"]](contract, notes, **order["arguments"])


def fork(contract: type[ContractHooks], order: dict[str, Any]) -> int:
    """Carry out an order in a child and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(2, 1)  # standard output is the nursery's line to the test
        carry_out(contract, order)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(file: str, name: str) -> None:
    """Fork, poll and kill children as the lines of standard input say, until it ends."""
    contract = load_contract(file, name)
    codes: dict[int, int | None] = {}

    def look(pid: int, *, wait: bool) -> int | None:
        if codes[pid] is None:
            ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
            if ended:
                codes[pid] = os.waitstatus_to_exitcode(status)
        return codes[pid]

    def kill(pid: int) -> int | None:
        if look(pid, wait=False) is None:  # only its parent can know that the id is still this child's
            os.kill(pid, signal.SIGKILL)
        return look(pid, wait=True)

    try:
        for line in sys.stdin:
            order = json.loads(line)
            if "poll" in order:
                answer = look(order["poll"], wait=False)
            elif "kill" in order:
                answer = kill(order["kill"])
            else:
                answer = fork(contract, order)
                codes[answer] = None
            print(json.dumps(answer), flush=True)
    finally:
        for pid in codes:
            kill(pid)


if __name__ == "__main__":
    main(*sys.argv[1:])
