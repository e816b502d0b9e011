"""What every store promises, and what some stores can do besides.

`MemoryStore` is small on purpose. Each further ability is a protocol of its own: ask with `isinstance`. The
conformance kit in `hippo_core.testing` holds a store to all that it claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from hippo_core.encoders import Vector
from hippo_core.jsonlines import OnError
from hippo_core.records import Hit, ImportReport, Receipt
from hippo_core.storage.journal import Change

T = TypeVar("T")
Cue = str | Vector
"""What to recall by: words, or a vector of the store's width."""


@runtime_checkable
class MemoryStore(Protocol[T]):
    """A durable memory of records of one kind. `write`, `recall` and `remember`-like singles are sugar on these."""

    def write_many(self, items: Sequence[T]) -> list[Receipt]:
        """Write all of `items`, or none; one receipt each, in order, after the commit."""
        ...

    def recall_many(self, cues: Sequence[Cue], k: int = 8) -> list[list[Hit[T]]]:
        """Return up to `k` hits for each cue, best first; ties by id. Fewer where the store holds fewer."""
        ...

    def get(self, id: int) -> T:
        """Return one record.

        Raises:
            UnknownIdError: the store does not hold it.
        """
        ...

    def delete(self, ids: int | Sequence[int]) -> int:
        """Delete records for good and return how many there were; ids that are not held are passed over."""
        ...

    def __len__(self) -> int:
        """Return the number of live records."""
        ...

    def close(self) -> None:
        """Release files. Closing twice is allowed; any other use afterwards raises `StoreClosedError`."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class SupportsProvenance(Protocol):
    """Can forget what one origin said."""

    def delete_by_provenance(self, *, source: str, doc_id: str | None = None) -> int:
        """Take back what `source` (within it `doc_id`, if given) said; return the number of records deleted.

        A record that another origin said too stays, without this origin.
        """
        ...


@runtime_checkable
class SupportsSnapshot(Protocol):
    """Can be copied while in use, and put back."""

    def snapshot(self, path: str | Path) -> None:
        """Copy the store's truth to `path`, which must not exist yet."""
        ...

    def restore(self, path: str | Path) -> None:
        """Make the store hold exactly what the snapshot holds. A bad file changes nothing."""
        ...


@runtime_checkable
class SupportsUndo(Protocol):
    """Keeps a journal and can take its latest operations back."""

    def undo(self, count: int = 1) -> int:
        """Take back the latest `count` operations that still stand; return how many there were."""
        ...

    def history(self, id: int | None = None, *, limit: int = 100) -> list[Change]:
        """Return the latest changes, newest first, of one record or of all."""
        ...


@runtime_checkable
class SupportsReplay(Protocol):
    """Can hand its records out for training, the most useful mix first."""

    def replay_batches(self, batch_size: int, *, seed: int = 0, adapter: str | None = None) -> Iterator[list[Hit[Any]]]:
        """Yield batches of records with their priority as score; the same ones for the same seed and content.

        A store that keeps a `TeachingLedger` hands out last what it says the weights of `adapter` know.
        """
        ...


class TeachingLedger(Protocol):
    """A durable record of what was taught to which adapter, a name for one set of trained weights. It only grows."""

    def record(self, ids: int | Sequence[int], *, adapter: str) -> None:
        """Note that these records are about to be taught to `adapter`."""
        ...

    def mark_known(self, ids: int | Sequence[int], adapter: str, *, known: bool = True) -> None:
        """Note that the weights of `adapter` answer these records without the store, or no longer do."""
        ...

    def derive(self, adapter: str, *, parent: str) -> None:
        """Note that `adapter` starts from `parent`'s weights."""
        ...

    def require_clean(self, adapter: str) -> None:
        """Raise a `HippoError` if `adapter` learnt what was redacted since, itself or through what it started from."""
        ...


@runtime_checkable
class SupportsTeaching(SupportsReplay, Protocol):
    """Replays its records and remembers to whom."""

    @property
    def ledger(self) -> TeachingLedger:
        """What was taught to which adapter."""
        ...


@runtime_checkable
class SupportsVerify(Protocol):
    """Can check its caches against its truth, and make them anew."""

    def verify(self) -> list[str]:
        """Return what is wrong, a sentence each; an empty list is a healthy store. Changes nothing."""
        ...

    def rebuild(self) -> None:
        """Throw every cache away and make it anew from the truth."""
        ...


@runtime_checkable
class SupportsBlobs(Protocol):
    """Can keep model states beside a record.

    A blob is durable and goes with a snapshot, but it is no operation: what a model made of a record it can make again.
    So undo takes back what was done to records, not the blob that was kept since, and a delete takes blobs for good.
    """

    def put_blob(self, id: int, kind: str, model_digest: str, data: bytes) -> None:
        """Keep `data` for record `id`, replacing an earlier blob of this kind and model.

        Raises:
            UnknownIdError: the store does not hold `id`.
        """
        ...

    def get_blob(self, id: int, kind: str, model_digest: str) -> bytes | None:
        """Return what was kept, or None. A deleted record has no blobs."""
        ...


@runtime_checkable
class SupportsExport(Protocol):
    """Can be written to JSON lines and read back."""

    def export_jsonl(self, path: str | Path) -> int:
        """Write one record a line to `path`, which must not exist yet; return how many."""
        ...

    def import_jsonl(self, path: str | Path, *, on_error: OnError = "stop") -> ImportReport:
        """Write every line's record in one transaction.

        A broken line stops it, and then nothing is imported and the error names the line; with "skip" the broken
        lines are left out and reported. Importing a file again changes nothing.
        """
        ...
