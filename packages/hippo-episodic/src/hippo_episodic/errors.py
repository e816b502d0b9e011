"""Errors of the episodic store."""

from hippo_core import HippoError


class UnknownIndexError(HippoError, ValueError):
    """No index is registered under this name."""


class EncoderMismatchError(HippoError, ValueError):
    """The store's vectors were made by another encoder than the one it was opened with."""


class TaintedAdapterError(HippoError, RuntimeError):
    """The adapter learnt episodes that were redacted since, so it may still say what was to be forgotten."""


class CalibrationError(HippoError, ValueError):
    """No threshold does what was asked of it on these scores; the message names the nearest that one does."""
