"""Cache files beside a database: arrays behind a stamp, replaced whole, distrusted on any doubt.

Layout: 8 bytes of magic, 8 bytes of header length, 4 bytes of the header's CRC-32, a JSON header, then each array from
a multiple of 64 bytes.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"HIPPOSC1"
_CHUNK = 1 << 24


def write_sidecar(
    path: str | Path, stamp: Mapping[str, Any], arrays: Mapping[str, NDArray[Any] | Sequence[NDArray[Any]]]
) -> None:
    """Replace the file at `path`. A reader sees the old file or the new one, never a part, also after a power cut.

    Args:
        path: the cache file.
        stamp: what identifies the state it caches; JSON types.
        arrays: named arrays, written in C order; a list of arrays is written as one, joined along the first axis,
            without being joined in memory.

    Raises:
        OSError: it cannot be written; the old file is still there.
        TypeError: an array of objects or of records, which has no plain bytes.
    """
    target = Path(path)
    plain = {name: _pieces(name, array) for name, array in arrays.items()}
    layout: dict[str, dict[str, Any]] = {}
    for name, pieces in plain.items():
        shape = list(pieces[0].shape)
        if len(pieces) > 1:
            shape[0] = sum(len(piece) for piece in pieces)
        layout[name] = {"dtype": pieces[0].dtype.str, "shape": shape, "crc32": _crc(*pieces)}
    header = json.dumps({"stamp": dict(stamp), "arrays": layout}).encode("utf-8")
    partial = target.with_name(target.name + f".partial-{secrets.token_hex(4)}")
    try:
        with partial.open("wb") as file:
            file.write(_MAGIC + len(header).to_bytes(8, "little") + zlib.crc32(header).to_bytes(4, "little") + header)
            for pieces in plain.values():
                file.write(b"\0" * (-file.tell() % 64))
                for piece in pieces:
                    piece.tofile(file)
            file.flush()
            # The rename may reach the disk before the content does: after a power cut the name would then stand for a
            # file of zeros, where the old one was good
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def read_sidecar(
    path: str | Path, *, check_bytes_up_to: int | None = None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """Return the stamp and the arrays, memory-mapped and read-only; None if the file is missing or cannot be trusted.

    Args:
        path: the cache file.
        check_bytes_up_to: verify the checksum of arrays of at most this many bytes; None verifies all. A truncated
            file is noticed in any case.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        with file.open("rb") as handle:
            if handle.read(8) != _MAGIC:
                return None
            length = int.from_bytes(handle.read(8), "little")
            if length > size:
                return None
            checksum = int.from_bytes(handle.read(4), "little")
            plain = handle.read(length)
            if zlib.crc32(plain) != checksum:
                return None  # a flipped bit in the stamp would make an old cache look current
            header = json.loads(plain)
            offset = 20 + length
            arrays: dict[str, NDArray[Any]] = {}
            for name, entry in header["arrays"].items():
                offset += -offset % 64
                dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
                n_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
                if offset + n_bytes > size:
                    return None
                if n_bytes:
                    array = np.memmap(handle, dtype=dtype, mode="r", offset=offset, shape=shape)
                else:
                    array = np.zeros(shape, dtype=dtype)
                if (check_bytes_up_to is None or n_bytes <= check_bytes_up_to) and _crc(array) != entry["crc32"]:
                    return None
                arrays[name] = array
                offset += n_bytes
            return dict(header["stamp"]), arrays
    except (OSError, ValueError, KeyError, TypeError):
        # Whatever is wrong with a cache, the answer is the same: make it anew
        return None


class MappedFile:
    """Tells whether a file that is mapped was written to, or cut, where it lies.

    `write_sidecar` never does that, it replaces the file: what is mapped then lives on without a name. A mapping whose
    file shrinks ends the process when a page beyond the end is read, so ask before reading.

    Args:
        path: the file, just mapped.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._seen = self._look()

    def was_touched(self) -> bool:
        """Return whether the file is no longer what was mapped. Cost: one system call."""
        if self._seen is None:
            return False
        seen = self._look()
        if seen is None or seen[0] != self._seen[0]:
            self._seen = None  # replaced or deleted: nobody can reach what is mapped by its name any more
            return False
        return seen != self._seen

    def _look(self) -> tuple[tuple[int, int], int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns


def _pieces(name: str, array: NDArray[Any] | Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    pieces = [array] if isinstance(array, np.ndarray) else list(array)
    for piece in pieces:
        if piece.dtype.hasobject or piece.dtype.fields:
            raise TypeError(f"array {name!r} of dtype {piece.dtype} cannot be kept in a cache file; split it up.")
    # The shape is put back, since ascontiguousarray gives an array without axes one
    return [np.ascontiguousarray(piece).reshape(piece.shape) for piece in pieces]


def _crc(*pieces: NDArray[Any]) -> int:
    crc = 0
    for piece in pieces:
        flat = np.ascontiguousarray(piece).reshape(-1).view(np.uint8)
        for start in range(0, flat.size, _CHUNK):
            crc = zlib.crc32(flat[start : start + _CHUNK].data, crc)
    return crc
