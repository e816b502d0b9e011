"""SQLite as the one truth under every store: opened right, journaled, undoable, copied while in use."""

from hippo_core.storage.database import Database, Transaction
from hippo_core.storage.journal import Change
from hippo_core.storage.sidecar import MappedFile, read_sidecar, write_sidecar

__all__ = ["Change", "Database", "MappedFile", "Transaction", "read_sidecar", "write_sidecar"]
