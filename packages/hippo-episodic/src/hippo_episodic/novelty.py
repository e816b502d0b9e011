"""Novelty: how many words of a text do the newest memories not hold yet?

One minus the cosine to the nearest memory says whether a text was said before, not whether it says anything: an odd
exclamation is as far from everything as a new fact is. Counting new words tells them apart, needs no model and no
search, and costs the same in a store of any size. docs/LOG.md has the comparison.

Only the newest memories count, because a vocabulary fills up: against all that was ever said, hardly a sentence holds
a new word after a few thousand memories, and the gate would close for good. What was last said long ago is news again,
as habituation has it (Thompson and Spencer 1966).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Self

from hippo_core import Database

WINDOW = 100
"""Live memories against which a word is new: the newest ones. Development data could not tell 50 from 200."""
NEW_WORDS = 6
"""New words that make a novelty of 1: about what the turn of a conversation brings."""

_MOST_WORDS = 20_000  # words kept after they fell out of the window, before they are swept out
_NEVER = -WINDOW  # before every window, since the clock starts at 0
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> frozenset[str]:
    """Return the distinct words of a text: runs of letters and digits, whatever their case.

    Example:
        >>> sorted(words("Room 4417: the RED door's key."))
        ['4417', 'door', 'key', 'red', 'room', 's', 'the']
    """
    return frozenset(_WORD.findall(text.casefold()))


class RecentWords:
    """The words of a store's newest live memories.

    It mirrors the database: `catch_up` takes in what was written and deleted since, by whatever process. Episodes that
    a batch has accepted are known to its `fork` alone, so that a transaction that fails leaves nothing behind.
    """

    def __init__(self) -> None:
        self._state = ("", -1)
        self._held: dict[int, frozenset[str]] = {}
        # When each word was said last, on a clock that ticks once a memory: cheaper to keep than counts
        self._last: dict[str, int] = {}
        self._before: Mapping[str, int] = {}  # what the original of a fork holds
        self._now = 0

    def catch_up(self, database: Database, state: tuple[str, int]) -> None:
        """Mirror the newest `WINDOW` live memories; call inside a transaction or `Database.reading`.

        Cost: nothing where nobody else wrote; else one look at their ids, and one reading of each unknown text.

        Args:
            database: the truth.
            state: what `Database.state` says now.
        """
        if state == self._state:
            return
        if state[0] != self._state[0]:
            self._held, self._last, self._now = {}, {}, 0
        self._state = state
        # Every live episode was said at least once, and that index is a hundredth of the table it spares
        row = database.query(
            "SELECT group_concat(episode) FROM "
            "(SELECT DISTINCT episode FROM occurrences ORDER BY episode DESC LIMIT ?)",
            (WINDOW,),
        )[0]
        ids = sorted(map(int, row[0].split(","))) if row[0] else []
        missing = [id for id in ids if id not in self._held]
        if not missing and len(ids) == len(self._held):
            return
        texts = database.query(
            "SELECT id, text FROM episodes WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(missing),),
        )
        found = {int(row["id"]): words(str(row["text"])) for row in texts}
        only_newer = ids == [*self._held, *missing][-WINDOW:]
        self._held = {id: found[id] if id in found else self._held[id] for id in ids}
        if not only_newer:  # something in the window was deleted, or came back
            self._last, self._now = {}, 0
        for id in missing if only_newer else ids:
            self.add(self._held[id])
        self._sweep()

    def note_written(self, ids: Sequence[int], words_of: Sequence[frozenset[str]], sequence: int) -> None:
        """Take in this process's own write, in the lock in which it was made: nobody else wrote since `catch_up`.

        Args:
            ids: of the new episodes, ascending.
            words_of: the words of each.
            sequence: the database's, with them.
        """
        self._state = (self._state[0], sequence)
        for id, text_words in zip(ids[-WINDOW:], words_of[-WINDOW:], strict=True):
            self._held[id] = text_words
            self.add(text_words)
        while len(self._held) > WINDOW:
            del self._held[next(iter(self._held))]
        self._sweep()

    def fork(self) -> Self:
        """Return one for a batch to add what it accepts. Valid until this one changes; O(1), however many words."""
        fork = type(self)()
        fork._before, fork._now = self._last, self._now
        return fork

    def add(self, text_words: AbstractSet[str]) -> None:
        """Take in the words of a newer memory; the oldest one falls out of the window. O(words)."""
        self._now += 1
        self._last.update(dict.fromkeys(text_words, self._now))

    def novelty(self, text_words: AbstractSet[str]) -> float:
        """Return the number of words that none of the memories holds, in units of `NEW_WORDS`; at least 0."""
        oldest, own, before = self._now - WINDOW, self._last, self._before
        return (
            len([word for word in text_words if own.get(word, _NEVER) <= oldest >= before.get(word, _NEVER)])
            / NEW_WORDS
        )

    def _sweep(self) -> None:
        if len(self._last) > _MOST_WORDS:
            oldest = self._now - WINDOW
            self._last = {word: said for word, said in self._last.items() if said > oldest}
