"""Readers by name. A reader is a file and one `register_reader` line; adding one edits no other reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hippo_core.errors import InvalidInputError
from hippo_core.records import Episode, Hit

from hippo_adapters.errors import UnknownReaderError
from hippo_adapters.generation import Generation, Progress
from hippo_adapters.models import LanguageModel


class Reader(Protocol):
    """One way in which recalled traces reach a language model."""

    def prompt(self, question: str, recalled: Sequence[Hit[Episode]] = ()) -> str:
        """Return what the model sees as text for one question, after the template's prefix."""
        ...

    def answer(
        self,
        model: LanguageModel,
        questions: Sequence[str],
        recalled: Sequence[Sequence[Hit[Episode]]],
        *,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer each question from what was recalled for it, best trace first.

        A question without traces is answered as the same reader would without any memory. As many `recalled` as
        questions, and one `Generation` each, in order.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderEntry:
    """What is registered under a name."""

    cls: type[Any]
    """The reader; made as `cls(config)`."""
    config: type[Any]
    """Its configuration, a frozen dataclass with a default for every field."""


_READERS: dict[str, ReaderEntry] = {}


def register_reader(name: str, cls: type[Any], config: type[Any]) -> None:
    """Make a reader known under a name.

    Raises:
        InvalidInputError: the name is taken by another class. Registering the same one again changes nothing.
    """
    entry = ReaderEntry(cls=cls, config=config)
    if _READERS.setdefault(name, entry) != entry:
        raise InvalidInputError(f"Reader {name!r} is {_READERS[name].cls.__name__} already; choose another name.")


def get_reader(name: str) -> ReaderEntry:
    """Return what is registered under `name`.

    Raises:
        UnknownReaderError: nothing is.
    """
    if name not in _READERS:
        raise UnknownReaderError(f"No reader {name!r}; there are: {', '.join(reader_names())}.")
    return _READERS[name]


def make_reader(name: str, config: Any = None) -> Reader:
    """Make a reader from its name and configuration (its defaults if None).

    Raises:
        UnknownReaderError: no such reader.
        InvalidInputError: the configuration is of another reader.
    """
    entry = get_reader(name)
    if config is not None and not isinstance(config, entry.config):
        raise InvalidInputError(
            f"Reader {name!r} takes a {entry.config.__name__}, not a {type(config).__name__}: {config!r}."
        )
    return entry.cls(entry.config() if config is None else config)


def reader_names() -> list[str]:
    """Return the registered names, sorted."""
    return sorted(_READERS)
