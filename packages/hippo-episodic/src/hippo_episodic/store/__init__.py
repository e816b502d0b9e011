"""The episodic store: a durable memory of experiences, recalled from part of a cue."""

from __future__ import annotations

from hippo_episodic.store.replaying import Replaying
from hippo_episodic.store.upkeep import Upkeep


class EpisodicStore(Upkeep, Replaying):
    """A durable memory of episodes in one SQLite file; a `MemoryStore[Episode]` that also supports provenance,
    snapshot, undo, replay, verify, blobs and export.

    A receipt is returned after the commit: the row is on disk. Several threads and processes may use one file; each
    sees what the others committed before it answers. The files beside the database are caches and may be deleted.

    Args:
        path: a file, made when it is missing, or ":memory:".
        encoder: turns texts and cues into vectors. The file remembers which one made its vectors.
        gate: decides what is worth writing; None writes everything.
        keyer: turns vectors into sparse keys, which are then what is searched, by inverted lists; None searches the
            vectors. Choose freely at each opening.
        index: how near vectors are found: "auto" (exact to 20,000 episodes, hnsw beyond), "exact", "hnsw", "ivf_pq",
            "hnsw_pq", "hnswlib" (extra `hnsw`), or a registered name. Choose freely at each opening.
        lexical_weight: share of shared words (BM25) in the ranking of text cues, in [0, 1]; the rest is cosine.
            The default was chosen on HotpotQA training questions, where 0.2 to 0.7 differ by less than two points.
        completion: completes a cue from its candidates, which are then all ranked anew, for instance
            `HopfieldCompletion()`; None ranks by the cue alone.
        eviction: keeps the store within its capacity after each write, and is what `evict` goes by; None keeps all.
        replay: weights and order of `replay_batches`; None is `ReplayConfig()`.
        events: where each gate decision is logged; None logs nothing.
        clock: the present, for provenance given as a word and for the history.

    Raises:
        InvalidInputError: an argument is of the wrong kind or out of range; names it.
        EncoderMismatchError: the file's vectors were made by another encoder.
        UnknownIndexError: no index of that name.
        NotADatabaseError: the file holds something else.
        NewerSchemaError: a newer version wrote it.
        StorageError: it cannot be opened.

    Example:
        >>> with EpisodicStore(":memory:") as store:
        ...     receipt = store.write("Carol left the copper key at the harbour.", provenance="chat")
        ...     store.recall("where is the copper key?", k=1)[0].item.text
        'Carol left the copper key at the harbour.'
    """


__all__ = ["EpisodicStore"]
