"""Erasing what a source said from the tables and the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hippo_core import Transaction

from hippo_episodic.cache import SPARSE
from hippo_episodic.index import index_names
from hippo_episodic.ledger import ReplayLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What a redaction erased."""

    episodes: int
    """Episodes erased whole, those that had been deleted before included."""
    origins: int
    """Times it had been said, those of episodes that others said too included."""
    adapters: Mapping[str, tuple[int, ...]]
    """Adapters that learnt an erased episode, by the ledger, with the ids of these; they are not clean from now on."""


def erase_source(transaction: Transaction, ledger: ReplayLedger, *, source: str, doc_id: str | None) -> Redaction:
    """Erase every occurrence from this origin, and every episode that no other origin stands for.

    Args:
        transaction: an open one.
        ledger: the store's; it keeps the ids, and nothing else, of what an adapter may still know.
        source: the provenance's source.
        doc_id: only this document of the source; None is all of it.
    """
    connection = transaction.connection
    named = {"source": source, "doc_id": doc_id}
    # The journal's images tell of occurrences that are deleted by now, and of who said them
    everywhere = (
        "SELECT id, episode, source, doc_id FROM occurrences UNION "
        "SELECT row_id, record, json_extract(before, '$.source'), json_extract(before, '$.doc_id') FROM changes "
        "WHERE in_table = 'occurrences' AND before IS NOT NULL"
    )
    said = connection.execute(
        f"SELECT id, episode FROM ({everywhere}) WHERE source = :source AND (:doc_id IS NULL OR doc_id = :doc_id)",
        named,
    ).fetchall()
    occurrences = {int(row["id"]): int(row["episode"]) for row in said}
    others: defaultdict[int, set[int]] = defaultdict(set)
    for row in connection.execute(f"SELECT id, episode FROM ({everywhere})"):
        if int(row["id"]) not in occurrences:
            others[int(row["episode"])].add(int(row["id"]))
    orphans = sorted({episode for episode in occurrences.values() if not others[episode]})
    transaction.erase("occurrences", occurrences.items())
    transaction.erase("episodes", ((id, id) for id in orphans))
    if occurrences:
        # The lexical index marks deleted texts rather than dropping their words
        connection.execute("INSERT INTO episode_words(episode_words) VALUES ('rebuild')")
    adapters = ledger.taint(orphans, transaction=transaction) if orphans else {}
    return Redaction(episodes=len(orphans), origins=len(occurrences), adapters=adapters)


def remove_cache_files(path: str) -> None:
    """Delete every cache file beside the database at `path`, half-written ones included."""
    database = Path(path)
    names = {f"{database.name}.{ending}" for ending in ("vectors", SPARSE, *index_names())}
    for file in list(database.parent.iterdir()):  # not by a pattern: the database's name may hold a bracket or a star
        if file.name.partition(".partial-")[0] in names:
            file.unlink(missing_ok=True)
