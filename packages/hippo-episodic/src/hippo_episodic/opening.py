"""Opening a store to replay it, whatever encoder made its vectors: entry point `episodic` of `hippo.stores`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hippo_core.errors import InvalidInputError, NotADatabaseError
from numpy.typing import NDArray

from hippo_episodic.errors import EncoderMismatchError
from hippo_episodic.schema import KIND
from hippo_episodic.store import EpisodicStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _RecordedEncoder:
    """Stands for the encoder that made a file's vectors, which are there already."""

    name: str
    dim: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise EncoderMismatchError(
            f"This store was opened to replay it; to write or to recall by words, open it with encoder {self.name!r}."
        )


def open_to_replay(path: str | Path) -> EpisodicStore:
    """Open a store that exists without its encoder: for replay and the ledger, not for writing or recall by words.

    Raises:
        InvalidInputError: there is no such file.
        NotADatabaseError: the file is no episodic store.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with EpisodicStore(f"{folder.name}/memory.db") as store:
        ...     id = store.write("The key is under the mat.", provenance="chat").id
        >>> with open_to_replay(f"{folder.name}/memory.db") as store:
        ...     [hit.item.text for batch in store.replay_batches(8) for hit in batch]
        ['The key is under the mat.']
        >>> folder.cleanup()
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise InvalidInputError(f"There is no store at {str(file)!r}; name the file that a store was opened with.")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('kind', 'encoder')").fetchall())
            width = connection.execute("SELECT length(vector) / 4 FROM episodes LIMIT 1").fetchone()
    except sqlite3.Error as exc:
        raise NotADatabaseError(f"{str(file)!r} is not a {KIND} store: {exc}.") from exc
    if meta.get("kind") != KIND or "encoder" not in meta:
        raise NotADatabaseError(f"{str(file)!r} is not a {KIND} store; choose another path.")
    return EpisodicStore(file, encoder=_RecordedEncoder(name=meta["encoder"], dim=int(width[0]) if width else 1))
