"""What happens inside the transaction of a write: merging, novelty, the gate, the rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from hippo_core import Episode, Provenance, Receipt, Salience, Transaction, from_jsonable, to_jsonable
from numpy.typing import NDArray

from hippo_episodic.gate import WriteGate
from hippo_episodic.novelty import RecentWords, words
from hippo_episodic.rows import digest, episode_row, occurrence_row, rows_with_digest
from hippo_episodic.vectors import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An episode on its way in."""

    episode: Episode
    vector: NDArray[np.float32]
    """Unit row, shape (dim,)."""
    occurrences: tuple[tuple[Provenance, str | None], ...]
    """Where and in which session it was said."""

    @classmethod
    def of(cls, episode: Episode, vector: NDArray[np.float32]) -> Self:
        """Return the draft of an episode that was said once."""
        return cls(episode=episode, vector=vector, occurrences=((episode.provenance, episode.session),))


class Written(NamedTuple):
    """What came of a batch of drafts."""

    receipts: list[Receipt]
    """One each, in order."""
    ids: Ids
    """Of the new episodes, ascending."""
    vectors: list[NDArray[np.float32]]
    """Their vectors."""
    words: list[frozenset[str]]
    """Their words, where a gate decided; empty without one."""


def write_drafts(
    transaction: Transaction, drafts: Sequence[Draft], *, gate: WriteGate | None, recent: RecentWords
) -> Written:
    """Merge, gate and insert; what is returned is valid once the transaction commits.

    Identical text with identical slots merges: the record gains an occurrence. Similarity alone never merges.

    Args:
        transaction: an open one.
        drafts: in the order in which they happened.
        gate: None writes everything.
        recent: the words of the store's newest memories, caught up with the database; not changed.
    """
    digests = [digest(draft.episode) for draft in drafts]
    held = _held(transaction, digests)
    fresh = _first_positions(digests, held)
    saliences, accepted, new_words = _gated([drafts[i].episode for i in fresh], gate, recent)
    chosen = [i for i, ok in zip(fresh, accepted, strict=True) if ok]
    salience_of = dict(zip(fresh, saliences, strict=True))
    ids = transaction.insert(
        "episodes",
        [episode_row(drafts[i].episode, digests[i], salience_of[i], drafts[i].vector) for i in chosen],
    )
    new = {digests[i]: id for i, id in zip(chosen, ids, strict=True)}
    receipts: list[Receipt] = []
    occurrences: list[dict[str, object]] = []
    first = set(fresh)
    for i, (draft, text_digest) in enumerate(zip(drafts, digests, strict=True)):
        id = new.get(text_digest, held.get(text_digest))
        reason = gate.explain(salience_of[i]) if gate is not None and i in first else ""
        if id is None:
            salience = salience_of.get(i)
            receipts.append(
                Receipt(
                    status="gated",
                    id=None,
                    score=None if salience is None else salience.score,
                    reason=reason or "the same text was gated earlier in this batch",
                )
            )
            continue
        occurrences += [occurrence_row(id, provenance, session) for provenance, session in draft.occurrences]
        if i in first:
            score = salience_of[i].score if gate is not None else None
            receipts.append(Receipt(status="stored", id=id, score=score, reason=reason or "no gate: written"))
        else:
            _carry_flags(transaction, id, draft.episode.salience)
            receipts.append(
                Receipt(status="merged", id=id, reason="identical text and slots; its provenance was added")
            )
    transaction.insert("occurrences", occurrences)
    return Written(receipts, np.array(ids, dtype=np.int64), [drafts[i].vector for i in chosen], new_words)


def _held(transaction: Transaction, digests: Sequence[bytes]) -> dict[bytes, int]:
    rows = rows_with_digest(transaction.connection, "SELECT digest, id FROM episodes WHERE digest", digests)
    return {row["digest"]: int(row["id"]) for row in rows}


def _first_positions(digests: Sequence[bytes], held: dict[bytes, int]) -> list[int]:
    """Return the position of each text that the store does not hold, at its first mention."""
    seen = set(held)
    fresh: list[int] = []
    for i, text_digest in enumerate(digests):
        if text_digest not in seen:
            seen.add(text_digest)
            fresh.append(i)
    return fresh


def _gated(
    episodes: Sequence[Episode], gate: WriteGate | None, recent: RecentWords
) -> tuple[list[Salience], list[bool], list[frozenset[str]]]:
    """Return each episode's salience and whether it is written, and the words of those that are.

    Novelty counts the words that none of the newest live memories holds, those accepted earlier in the batch among
    them: a batch and one write after another decide alike.
    """
    if gate is None:
        return [episode.salience for episode in episodes], [True] * len(episodes), []
    known = recent.fork()
    saliences: list[Salience] = []
    accepted: list[bool] = []
    new_words: list[frozenset[str]] = []
    for episode in episodes:
        text_words = words(episode.text)
        flags = episode.salience
        salience = gate.score(flags.surprise, known.novelty(text_words), flags.reward, flags.pin)
        saliences.append(salience)
        accepted.append(gate.writes(salience))
        if accepted[-1]:
            known.add(text_words)
            new_words.append(text_words)
    return saliences, accepted, new_words


def _carry_flags(transaction: Transaction, id: int, flags: Salience) -> None:
    """Let a repeated experience keep a pin or a reward that only the repetition had."""
    if not (flags.pin or flags.reward):
        return
    row = transaction.connection.execute("SELECT salience FROM episodes WHERE id = ?", (id,)).fetchone()
    old = from_jsonable(Salience, json.loads(row["salience"]))
    new = replace(old, pin=old.pin or flags.pin, reward=old.reward or flags.reward)
    if new != old:
        transaction.update("episodes", id, {"salience": json.dumps(to_jsonable(new), ensure_ascii=False)})
