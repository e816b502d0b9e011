"""SQLite as the one truth under every store: opened right, journaled, undoable, copied while in use."""

from hippo_core.storage.database import Database, Transaction
from hippo_core.storage.journal import Change
from hippo_core.storage.sidecar import read_sidecar, write_sidecar

__all__ = ["Change", "Database", "Transaction", "read_sidecar", "write_sidecar"]
