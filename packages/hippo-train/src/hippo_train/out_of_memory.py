"""What to lower when memory runs out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from hippo_core.errors import HippoError

_CPU = "can't allocate memory"  # torch raises a plain RuntimeError there


class OutOfMemoryError(HippoError, MemoryError):
    """Too little memory, of the machine or the GPU. Nothing was committed; checkpoints that were written are there."""


@contextmanager
def memory_explained(lower: str) -> Generator[None]:
    """Turn an allocation that failed into an `OutOfMemoryError` that says what to lower.

    Example:
        >>> with memory_explained("fewer rows"):
        ...     torch.empty(2**60)
        Traceback (most recent call last):
        ...
        hippo_train.out_of_memory.OutOfMemoryError: There is too little memory. Use fewer rows.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise OutOfMemoryError(f"There is too little memory. Use {lower}.") from exc
    except RuntimeError as exc:
        if _CPU not in str(exc):
            raise
        raise OutOfMemoryError(f"There is too little memory. Use {lower}.") from exc
