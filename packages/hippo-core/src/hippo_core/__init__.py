"""The language that Hippo's memories and models share.

Records that travel between packages, protocols that every store keeps, SQLite opened right, encoders, events and
errors. Needs numpy alone. `hippo_core.testing` (extra `testing`) holds the conformance kit for stores.
"""

from hippo_core.encoders import Encoder, HashingEncoder, SentenceEncoder, Vector
from hippo_core.errors import (
    HippoError,
    InvalidInputError,
    MissingExtraError,
    NewerSchemaError,
    NotADatabaseError,
    StorageError,
    StoreClosedError,
    UnknownIdError,
)
from hippo_core.events import EventLog
from hippo_core.jsonable import from_jsonable, to_jsonable
from hippo_core.jsonlines import OnError, Progress
from hippo_core.memory_states import LayeredMemory, MemoryTokens
from hippo_core.protocols import (
    Cue,
    MemoryStore,
    SupportsBlobs,
    SupportsExport,
    SupportsProvenance,
    SupportsReplay,
    SupportsSnapshot,
    SupportsTeaching,
    SupportsUndo,
    SupportsVerify,
    TeachingLedger,
)
from hippo_core.provenance import Clock, Provenance, utc_now
from hippo_core.records import EntitySlots, Episode, Hit, ImportReport, Receipt, Salience, SkippedLine
from hippo_core.relations import Fact, Subgraph
from hippo_core.space import Context, Macro, Path, Step, Trajectory
from hippo_core.storage import Change, Database, Transaction

__all__ = [
    "Change",
    "Clock",
    "Context",
    "Cue",
    "Database",
    "Encoder",
    "EntitySlots",
    "Episode",
    "EventLog",
    "Fact",
    "HashingEncoder",
    "HippoError",
    "Hit",
    "ImportReport",
    "InvalidInputError",
    "LayeredMemory",
    "Macro",
    "MemoryStore",
    "MemoryTokens",
    "MissingExtraError",
    "NewerSchemaError",
    "NotADatabaseError",
    "OnError",
    "Path",
    "Progress",
    "Provenance",
    "Receipt",
    "Salience",
    "SentenceEncoder",
    "SkippedLine",
    "Step",
    "StorageError",
    "StoreClosedError",
    "Subgraph",
    "SupportsBlobs",
    "SupportsExport",
    "SupportsProvenance",
    "SupportsReplay",
    "SupportsSnapshot",
    "SupportsTeaching",
    "SupportsUndo",
    "SupportsVerify",
    "TeachingLedger",
    "Trajectory",
    "Transaction",
    "UnknownIdError",
    "Vector",
    "from_jsonable",
    "to_jsonable",
    "utc_now",
]
