"""Errors of the episodic store."""

from hippo_core import HippoError


class UnknownIndexError(HippoError, ValueError):
    """No index is registered under this name."""


class EncoderMismatchError(HippoError, ValueError):
    """The store's vectors were made by another encoder than the one it was opened with."""
