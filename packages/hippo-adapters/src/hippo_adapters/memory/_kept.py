"""What readers compute once and use again: the prefix of their prompts, and the states of traces."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from hippo_core import SupportsBlobs
from hippo_core.errors import InvalidInputError
from hippo_core.records import Episode, Hit

from hippo_adapters.generation import PrefixCache, compute_prefix
from hippo_adapters.models import LanguageModel

States = TypeVar("States")


class KeptPrefix:
    """The last prefix that was computed."""

    def __init__(self) -> None:
        self._kept: PrefixCache | None = None

    def get(self, model: LanguageModel, text: str) -> PrefixCache:
        """Return a text's prefix, computed now unless it is the one kept."""
        if self._kept is None or self._kept.text != text or not self._kept.fits(model):
            self._kept = compute_prefix(model, text)
        return self._kept

    def get_if_any(self, model: LanguageModel, text: str) -> PrefixCache | str:
        """Return a text's prefix, or an empty string for an empty text."""
        return self.get(model, text) if text else ""


class KeptStates(Generic[States]):
    """States of traces: the latest used in memory, and beside their episodes where a store is given.

    Args:
        kind: under which a store keeps them.
        blobs: that store, or None.
        size: traces whose states stay in memory.
        pack: makes bytes of a trace's states.
        unpack: makes states of the bytes. What was made now and what was kept are the same numbers.
    """

    def __init__(
        self,
        kind: str,
        *,
        blobs: SupportsBlobs | None,
        size: int,
        pack: Callable[[States], bytes],
        unpack: Callable[[bytes], States],
    ) -> None:
        self._kind, self._blobs, self._size, self._pack, self._unpack = kind, blobs, size, pack, unpack
        self._made_with = ""
        self._kept: OrderedDict[str, States] = OrderedDict()

    def get(
        self,
        model: LanguageModel,
        hits: Sequence[Hit[Episode]],
        *,
        made_with: Sequence[Any],
        make: Callable[[list[str]], Sequence[States]],
    ) -> list[States]:
        """Return the states of traces, from memory, from the store, or made now.

        Args:
            model: reads the traces; states of another model, or of another number type, are not used.
            hits: the traces.
            made_with: all else that the states depend on.
            make: returns the states of texts.
        """
        what = "\0".join(str(part) for part in (model.digest, model.dtype, *made_with))
        digest = hashlib.sha256(what.encode()).hexdigest()
        if digest != self._made_with:
            self._kept.clear()
            self._made_with = digest
        missing: dict[str, list[int]] = {}
        for hit in hits:
            if hit.item.text in self._kept:
                continue
            data = None if self._blobs is None else self._blobs.get_blob(hit.id, self._kind, digest)
            if data is None:
                missing.setdefault(hit.item.text, []).append(hit.id)
            else:
                self._kept[hit.item.text] = self._unpack(data)
        for (text, ids), states in zip(missing.items(), make(list(missing)), strict=True):
            data = self._pack(states)
            if self._blobs is not None:
                for id in dict.fromkeys(ids):
                    self._blobs.put_blob(id, self._kind, digest, data)
            self._kept[text] = self._unpack(data)
        found = [self._kept[hit.item.text] for hit in hits]
        for hit in hits:
            self._kept.move_to_end(hit.item.text)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return found


def check_pairs(questions: Sequence[str], recalled: Sequence[Any], *, texts: bool = False) -> None:
    """Refuse lists that do not belong together, and traces that are none.

    Args:
        questions: what is asked.
        recalled: a list of traces for each.
        texts: whether a trace may be a text instead of a store's hit.

    Raises:
        InvalidInputError: a single question, another number of lists, or what is no list of traces.
    """
    if isinstance(questions, str):
        raise InvalidInputError(f"`questions` must be a list, not the str {questions!r:.60}; put it into a list.")
    wanted = "hits of a store, or texts" if texts else "hits of a store, as `store.recall(question)` returns them"
    for traces in recalled:
        if isinstance(traces, (str, Hit)) or not isinstance(traces, Sequence):
            raise InvalidInputError(f"Each question needs a list of {wanted}; {traces!r:.60} is no list.")
        for trace in cast("Sequence[Any]", traces):
            if not isinstance(trace, Hit) and not (texts and isinstance(trace, str)):
                raise InvalidInputError(f"Each question needs a list of {wanted}; {trace!r:.60} stands in one.")
    if len(questions) != len(recalled):
        raise InvalidInputError(f"There are {len(recalled)} lists of traces for {len(questions)} questions.")
