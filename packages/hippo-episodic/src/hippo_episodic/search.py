"""From a cue to ranked ids: filters first, then near vectors and shared words, then one score."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from hippo_core import Database, InvalidInputError, Vector
from hippo_core.checks import checked_kind, checked_text, checked_time
from hippo_core.records import SLOT_NAMES

from hippo_episodic.completion import Completer
from hippo_episodic.index import SparseIndex, VectorIndex
from hippo_episodic.vectors import Ids, VectorTable, inner_products

POOL = 100
"""Candidates that each path offers before they are ranked together."""

_FREQUENT = 20_000
_ORIGINS = ("source", "doc_id")
_WORD = re.compile(r"\w+", re.UNICODE)
_STOP_WORDS = frozenset(
    # Function words: they are in most texts, so that matching them costs time and tells nothing
    "a an and are as at be been but by can could did do does for from had has have he her his how i in is it its "
    "me my of on or our she should so than that the their them then there these they this those to was we were what "
    "when where which who whom whose why will with would you your".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallFilter:
    """Which episodes may answer at all; applied before the nearest are sought, never after.

    Raises:
        InvalidInputError: a naive `as_of`, or a blank name or value.
    """

    session: str | None = None
    """Only episodes of this session."""
    where: Mapping[str, str] | None = None
    """Only episodes with these slots (case-insensitive), `source` and `doc_id` included."""
    as_of: datetime | None = None
    """Only what had been said by then; aware."""

    def __post_init__(self) -> None:
        if self.session is not None:
            checked_text(self.session, name="session")
        if self.as_of is not None:
            checked_time(self.as_of, name="as_of")
        checked_kind(self.where, Mapping, name="where", hint='a mapping such as {"who": "Carol"}')
        for name, value in (self.where or {}).items():
            checked_text(name, name="where's key")
            checked_text(value, name=f"where[{name!r}]")

    @property
    def is_open(self) -> bool:
        """Whether every episode may answer."""
        return self.session is None and self.as_of is None and not self.where

    def occurrence_condition(self) -> tuple[str, dict[str, Any]]:
        """Return SQL over the columns of `occurrences`, and its values."""
        conditions, values = ["1"], dict[str, Any]()
        if self.session is not None:
            conditions.append("session = :session")
            values["session"] = self.session
        if self.as_of is not None:
            conditions.append("moment <= :as_of")
            values["as_of"] = self.as_of.timestamp()
        for name in _ORIGINS:
            if name in (self.where or {}):
                conditions.append(f"{name} = :{name}")
                values[name] = (self.where or {})[name]
        return " AND ".join(conditions), values

    def episode_query(self) -> tuple[str, dict[str, Any]]:
        """Return SQL that selects the ids of the episodes that may answer, and its values."""
        condition, values = self.occurrence_condition()
        slots = {name: value for name, value in (self.where or {}).items() if name not in _ORIGINS}
        if not slots:
            return f"SELECT DISTINCT episode AS id FROM occurrences WHERE {condition}", values
        sql = f"SELECT id FROM episodes WHERE id IN (SELECT episode FROM occurrences WHERE {condition})"
        for number, (name, value) in enumerate(slots.items()):
            values |= {f"name{number}": name, f"value{number}": value}
            part = "$" if name in SLOT_NAMES else "$.extras"
            sql += (
                f" AND EXISTS (SELECT 1 FROM json_each(slots, '{part}')"
                f" WHERE key = :name{number} AND value = :value{number} COLLATE NOCASE)"
            )
        return sql, values

    def allowed(self, database: Database) -> Ids | None:
        """Return the ids that may answer, ascending; None for all."""
        if self.is_open:
            return None
        sql, values = self.episode_query()
        return np.array([row[0] for row in database.query(sql + " ORDER BY id", values)], dtype=np.int64)


def lexical_scores(
    database: Database, cue: str, limit: int, recall_filter: RecallFilter, *, n_episodes: int
) -> dict[int, float]:
    """Return the BM25 scores of the episodes that share words with the cue, the best `limit` of them.

    SQLite's FTS5 with Porter stems (k1 = 1.2, b = 0.75). Function words are left out unless there is nothing else, and
    so are words of more than 20,000 episodes where a rarer one is there: ranking all their episodes would take longer
    than everything else, and they tell little. Where all words are so frequent, episodes must have all of them.

    Args:
        database: the truth, which holds the lexical index.
        cue: the words.
        limit: how many.
        recall_filter: which episodes may answer.
        n_episodes: how many there are, about.
    """
    words = [word for word in _WORD.findall(cue.lower()) if "_" not in word]
    content = [word for word in words if word not in _STOP_WORDS] or words
    if not content:
        return {}
    terms, operator = [f'"{word}"' for word in dict.fromkeys(content)], " OR "
    if n_episodes > _FREQUENT:
        rare = [term for term in terms if not _is_frequent(database, term)]
        terms, operator = (rare, " OR ") if rare else (terms, " AND ")
        if not rare and len(terms) == 1:
            return {}
    sql = "SELECT rowid, -bm25(episode_words) AS score FROM episode_words WHERE episode_words MATCH :match "
    values: dict[str, Any] = {"match": operator.join(terms), "limit": limit}
    if not recall_filter.is_open:
        allowed, filter_values = recall_filter.episode_query()
        sql += f"AND rowid IN ({allowed}) "
        values |= filter_values
    rows = database.query(sql + "ORDER BY score DESC, rowid LIMIT :limit", values)
    return {int(row["rowid"]): float(row["score"]) for row in rows}


def _is_frequent(database: Database, term: str) -> bool:
    rows = database.query(
        "SELECT count(*) FROM (SELECT 1 FROM episode_words WHERE episode_words MATCH ? LIMIT ?)", (term, _FREQUENT + 1)
    )
    return int(rows[0][0]) > _FREQUENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One candidate with the parts of its score."""

    id: int
    score: float
    why: Mapping[str, Any]


def rank(
    database: Database,
    index: VectorIndex,
    table: VectorTable,
    *,
    words: str | None,
    vector: Vector,
    k: int,
    recall_filter: RecallFilter,
    lexical_weight: float,
    completion: Completer | None,
) -> list[Ranked]:
    """Return the best `k` episodes for one cue.

    A candidate's score is (1 − w)·cosine + w·(its BM25 score / the best BM25 score for this cue). Ties break by id.

    Args:
        database: the truth, which holds the lexical index.
        index: finds near vectors.
        table: gives a completion the candidates' vectors.
        words: the cue's text; None for a vector cue, which is ranked by cosine alone.
        vector: the cue's unit vector.
        k: how many.
        recall_filter: which episodes may answer.
        lexical_weight: w, in [0, 1].
        completion: completes the cue from all candidates; the cosine is then that to the completed state.
    """
    hybrid = words is not None and lexical_weight > 0
    allowed = recall_filter.allowed(database)
    pool = max(POOL, k) if hybrid or completion is not None else k
    ids, cosines = index.search(vector[None, :], pool, allowed=allowed)
    cosine = {int(id): float(score) for id, score in zip(ids[0], cosines[0], strict=True) if id >= 0}
    lexical: dict[int, float] = {}
    if hybrid:
        lexical = lexical_scores(database, words or "", pool, recall_filter, n_episodes=len(table))
        only_words = np.array(sorted(set(lexical) - set(cosine)), dtype=np.int64)
        cosine |= dict(zip(only_words.tolist(), index.similarities(vector, only_words).tolist(), strict=True))
    path = "sparse" if isinstance(index, SparseIndex) else "dense"
    if completion is not None and cosine:
        candidates = np.array(sorted(cosine), dtype=np.int64)
        patterns = table.get(candidates)
        state = completion.complete(vector[None, :], [patterns])[0]
        cosine = dict(zip(candidates.tolist(), inner_products(state[None, :], patterns)[0].tolist(), strict=True))
        path = "completed"
    if not hybrid:
        ranked = [Ranked(id=id, score=score, why={"path": path, "cosine": score}) for id, score in cosine.items()]
    else:
        best = max(lexical.values(), default=0.0)
        ranked = [
            _fused(id, value, lexical.get(id, 0.0) / best if best > 0 else 0.0, lexical_weight, path)
            for id, value in cosine.items()
        ]
    return sorted(ranked, key=lambda entry: (-entry.score, entry.id))[:k]


def _fused(id: int, cosine: float, lexical: float, weight: float, path: str) -> Ranked:
    score = (1 - weight) * cosine + weight * lexical
    path = f"{path}+lexical" if lexical > 0 else path
    return Ranked(id=id, score=score, why={"path": path, "cosine": cosine, "lexical": lexical})


def check_lexical_weight(weight: float) -> float:
    """Return `weight` if it lies in [0, 1].

    Raises:
        InvalidInputError: it does not.
    """
    if not 0 <= weight <= 1:
        raise InvalidInputError(f"`lexical_weight` must lie in [0, 1], not {weight!r}; 0 ranks by vectors alone.")
    return weight
