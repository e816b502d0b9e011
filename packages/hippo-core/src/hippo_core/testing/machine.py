"""The Hypothesis state machine that compares a store with a dict."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)

from hippo_core.errors import InvalidInputError, UnknownIdError
from hippo_core.protocols import SupportsBlobs, SupportsSnapshot, SupportsUndo, SupportsVerify
from hippo_core.testing.hooks import ContractHooks, Store, assert_healthy

_SETTINGS = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,  # the first one is enough, and what follows from it would be told as more
    database=None,  # leaves nothing behind in the folder that the tests are run from
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
_UNSHRUNK = settings(_SETTINGS, phases=[Phase.explicit, Phase.generate])

_BLOB = ("kit", "model")
_Content = tuple[dict[int, int], dict[int, bytes]]
"""Item number of each record, and the blobs."""


def run_machine(contract: ContractHooks, folder: Path, *, shrink: bool = True) -> None:
    """Try histories on stores that `contract` opens below `folder`; raise on the first disagreement.

    Args:
        contract: the store's.
        folder: for one folder a history.
        shrink: make the history that disagrees as short as it can be; costs a hundred histories more.
    """
    names = count()

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(contract, folder / f"history{next(names)}")

    run_state_machine_as_test(Machine, settings=_SETTINGS if shrink else _UNSHRUNK)


class StoreMachine(RuleBasedStateMachine):
    """One history: a store, and the dict that says what it should hold."""

    def __init__(self, contract: ContractHooks, folder: Path) -> None:
        super().__init__()
        folder.mkdir()
        self.contract = contract
        self.folder = folder
        self.store: Store = contract.open_store(folder / "kit.db")
        self.numbers = count()
        self.live: dict[int, int] = {}
        """Id to item number: the model."""
        self.blobs: dict[int, bytes] = {}
        """The blob of each record that has one."""
        self.other: Store | None = None
        """A second handle on the same store, as another process has it."""
        self.ever: dict[int, int] = {}
        """Every id that was given out."""
        self.past: list[dict[int, int]] = []
        """The model before each operation that still stands, oldest first."""
        self.past_is_complete = True
        """False after a restore: how far undo reaches back then is the store's own affair."""
        self.snapshots: list[tuple[Path, _Content]] = []

    @initialize(size=st.integers(0, 8))
    def start(self, size: int) -> None:
        """A fresh store is empty; then it holds something, since Hypothesis leaves some rules out of each history."""
        assert len(self.store) == 0
        if size:
            self.write(size)

    @rule(size=st.integers(1, 6))
    def write(self, size: int) -> None:
        """A batch of new items."""
        numbers = [next(self.numbers) for _ in range(size)]
        ids = self.contract.write(self.store, [self.contract.make_item(number) for number in numbers])
        assert not set(ids) & set(self.ever), "an id was used again"
        self._did()
        new = dict(zip(ids, numbers, strict=True))
        self.ever |= new
        self.live |= new

    @rule()
    def write_a_bad_batch(self) -> None:
        """Refused, and nothing of it stays."""
        good = self.contract.make_item(next(self.numbers))
        with pytest.raises(InvalidInputError):
            self.store.write_many([good, self.contract.bad_items()[0]])

    @precondition(lambda self: self.ever)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Some ids, live or not."""
        ids = data.draw(st.lists(st.sampled_from(sorted(self.ever)), min_size=1, max_size=4))
        gone = set(ids) & set(self.live)
        assert self.store.delete(ids) == len(gone)
        if gone:
            self._did()
            self._forget(gone)

    @precondition(lambda self: isinstance(self.store, SupportsBlobs) and self.live)
    @rule(data=st.data())
    def put_blob(self, data: st.DataObject) -> None:
        """Beside a record, in place of an earlier one; no operation that an undo would take back."""
        assert isinstance(self.store, SupportsBlobs)
        id = data.draw(st.sampled_from(sorted(self.live)))
        blob = str(next(self.numbers)).encode("ascii") * data.draw(st.sampled_from([1, 5000]))
        self.store.put_blob(id, *_BLOB, blob)
        self.blobs[id] = blob

    @precondition(lambda self: self.contract.evicts() and self.live)
    @rule()
    def evict(self) -> None:
        """Whatever the store lets go; how an eviction is undone is its own affair."""
        gone = self.contract.evict(self.store)
        if gone:
            assert len(set(gone)) == len(gone)
            assert set(gone) <= set(self.live), "something was evicted that was not there"
            self._forget(set(gone))
            self.past, self.past_is_complete = [], False

    @precondition(lambda self: isinstance(self.store, SupportsUndo))
    @rule(wanted=st.integers(1, 3))
    def undo(self, wanted: int) -> None:
        """Some operations, or all that there are."""
        assert isinstance(self.store, SupportsUndo)
        known = min(wanted, len(self.past))
        if not self.past_is_complete:
            wanted = known
        if wanted:
            assert self.store.undo(wanted) == known
        for _ in range(known):
            self.live = self.past.pop()
        self.blobs = {id: blob for id, blob in self.blobs.items() if id in self.live}

    @precondition(lambda self: self.ever)
    @rule(data=st.data(), k=st.integers(1, 5))
    def recall(self, data: st.DataObject, k: int) -> None:
        """By the cue of something that is there, or was."""
        id = data.draw(st.sampled_from(sorted(self.ever)))
        item = self.contract.make_item(self.ever[id])
        (hits,) = self.store.recall_many([self.contract.cue_for(item)], k=k)
        assert {hit.id for hit in hits} <= set(self.live), "something was recalled that is not there"
        if id in self.live:
            assert hits
            assert hits[0].id == id
            assert self.contract.signature(hits[0].item) == self.contract.signature(item)
        else:
            with pytest.raises(UnknownIdError):
                self.store.get(id)
        if isinstance(self.store, SupportsBlobs):
            assert self.store.get_blob(id, *_BLOB) == self.blobs.get(id)

    @precondition(lambda self: self.contract.durable)
    @rule()
    def use_the_other_handle(self) -> None:
        """What one handle did the other goes on from."""
        other = self.contract.open_store(self.folder / "kit.db") if self.other is None else self.other
        self.store, self.other = other, self.store

    @precondition(lambda self: self.contract.durable)
    @rule()
    def reopen(self) -> None:
        """Closed and opened again."""
        self.store.close()
        self.store = self.contract.open_store(self.folder / "kit.db")

    @precondition(lambda self: isinstance(self.store, SupportsSnapshot) and len(self.snapshots) < 3)
    @rule()
    def snapshot(self) -> None:
        """A copy of the present."""
        path = self.folder / f"snapshot{len(self.snapshots)}"
        assert isinstance(self.store, SupportsSnapshot)
        self.store.snapshot(path)
        self.snapshots.append((path, self._content()))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Back to one of the copies."""
        path, content = data.draw(st.sampled_from(self.snapshots))
        assert isinstance(self.store, SupportsSnapshot)
        self.store.restore(path)
        self.live, self.blobs = dict(content[0]), dict(content[1])
        self.past, self.past_is_complete = [], False

    @precondition(lambda self: isinstance(self.store, SupportsVerify))
    @rule()
    def rebuild(self) -> None:
        """Every cache anew."""
        assert isinstance(self.store, SupportsVerify)
        self.store.rebuild()

    @invariant()
    def the_length_agrees(self) -> None:
        """After every step."""
        assert len(self.store) == len(self.live)
        if self.other is not None:
            assert len(self.other) == len(self.live), "a second handle does not see what the first one did"

    def teardown(self) -> None:
        """At the end everything is looked at once."""
        handles = [handle for handle in (self.store, self.other) if handle is not None]
        try:
            items: dict[int, Any] = {id: self.contract.make_item(number) for id, number in self.live.items()}
            for handle in handles:
                self.contract.assert_holds(handle, items)
                if isinstance(handle, SupportsBlobs):
                    kept = {id: blob for id in self.ever if (blob := handle.get_blob(id, *_BLOB)) is not None}
                    assert kept == self.blobs
                assert_healthy(handle)
            self._check_scores_agree(list(items.values()), handles)
        finally:
            for handle in handles:
                handle.close()

    def _check_scores_agree(self, items: list[Any], handles: list[Store]) -> None:
        """Scores and not ids: the last bit of a sum may differ between two layouts of one index, and decide a tie."""
        first, *others = [self.contract.answers(handle, items) for handle in handles]
        for other in others:
            for mine, theirs in zip(first, other, strict=True):
                assert [score for _, score in mine] == pytest.approx([score for _, score in theirs], abs=1e-3)

    def _content(self) -> _Content:
        return dict(self.live), dict(self.blobs)

    def _did(self) -> None:
        self.past.append(dict(self.live))

    def _forget(self, gone: set[int]) -> None:
        self.live = {id: number for id, number in self.live.items() if id not in gone}
        self.blobs = {id: blob for id, blob in self.blobs.items() if id not in gone}
