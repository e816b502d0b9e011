"""Errors of the experiments' kit. Each also subclasses the built-in exception a caller would already catch."""

from hippo_core import HippoError


class WorldError(HippoError, ValueError):
    """A world that cannot be used for an evaluation."""


class UnanswerableQuestionError(WorldError):
    """What was taught gives a question no right answer, or more than one."""


class GuessableQuestionError(WorldError):
    """A question can be answered without memory: from its own words, or by a constant guess."""


class WorldFileError(WorldError):
    """A file that is not a dumped world, or one that was changed after it was dumped."""


class UnknownNameError(HippoError, KeyError):
    """A name that is not registered; the message lists those that are."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0]) if self.args else ""


class MetricsShapeError(HippoError, ValueError):
    """A metrics document that does not have the shape every experiment keeps."""


class TooManyMalformedError(HippoError, RuntimeError):
    """More predictions were malformed than a run may have and still count."""


class MissingDataError(HippoError, FileNotFoundError):
    """A data set that the project does not ship and that was not found; the message says where to get it."""
