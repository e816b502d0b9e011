"""Errors shared by every Hippo package.

Each one also subclasses the built-in exception a caller would already catch, and its message names the
value, why it is wrong and the way out.
"""


class HippoError(Exception):
    """Base of every error that Hippo raises on purpose."""


class InvalidInputError(HippoError, ValueError):
    """An argument or record that cannot be accepted. Nothing was written."""


class UnknownIdError(HippoError, KeyError):
    """An id that the store does not hold, because it never did or because it was deleted."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0]) if self.args else ""


class StoreClosedError(HippoError, RuntimeError):
    """The store was closed before this call."""


class StorageError(HippoError, OSError):
    """The database could not be opened, read or written. What was committed before is still there."""


class NotADatabaseError(StorageError):
    """The file exists but is not a database, or not one of the kind that was asked for."""


class NewerSchemaError(StorageError):
    """The database was written by a newer version of the package than the one opening it."""


class MissingExtraError(HippoError, ImportError):
    """A feature needs an optional dependency; the message names the extra to install."""
