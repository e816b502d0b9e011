"""The one class that a store's tests inherit."""

from __future__ import annotations

from hippo_core.testing.promises.blobs import BlobPromises
from hippo_core.testing.promises.caches import CachePromises
from hippo_core.testing.promises.clocks import ClockPromises
from hippo_core.testing.promises.crashes import CrashPromises
from hippo_core.testing.promises.deleting import DeletingPromises
from hippo_core.testing.promises.exports import ExportPromises
from hippo_core.testing.promises.files import FilePromises
from hippo_core.testing.promises.histories import HistoryPromises
from hippo_core.testing.promises.lifecycle import LifecyclePromises
from hippo_core.testing.promises.origins import OriginPromises
from hippo_core.testing.promises.recalling import RecallingPromises
from hippo_core.testing.promises.replaying import ReplayPromises
from hippo_core.testing.promises.sharing import SharingPromises
from hippo_core.testing.promises.snapshots import SnapshotPromises
from hippo_core.testing.promises.undoing import UndoingPromises
from hippo_core.testing.promises.writing import WritingPromises


class MemoryStoreContract(
    WritingPromises,
    RecallingPromises,
    DeletingPromises,
    LifecyclePromises,
    OriginPromises,
    UndoingPromises,
    ClockPromises,
    SnapshotPromises,
    ExportPromises,
    BlobPromises,
    ReplayPromises,
    CachePromises,
    FilePromises,
    SharingPromises,
    CrashPromises,
    HistoryPromises,
):
    """Everything a store promises. Inherit it in a test file as `class TestYourStore(MemoryStoreContract)`.

    Write `open_store`, `make_item` and `cue_for`, and override the other hooks of `ContractHooks` where their default
    does not fit. Promises about an ability that the store does not claim (`SupportsUndo` and the like) are skipped,
    with the reason. `--crash-rounds N`, where your conftest defines it, sets how often the crash test kills.
    """
