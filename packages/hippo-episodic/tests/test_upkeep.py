"""Moving to another encoder, letting old history go, and indexes that follow the size of the store."""

import numpy as np
import pytest
from hippo_core import Episode, HashingEncoder, InvalidInputError, Provenance
from hippo_episodic import EncoderMismatchError, EpisodicStore

P = Provenance(source="chat")


def episodes(start, end):
    return [Episode(text=f"Traveller {i} met animal {i * 7 % 97}.", provenance=P) for i in range(start, end)]


class Interrupted(HashingEncoder):
    """An encoder that fails after some texts."""

    def encode(self, texts):
        if any("Traveller 40 " in text for text in texts):
            raise KeyboardInterrupt
        return super().encode(texts)


def test_reembed_makes_every_vector_anew(tmp_path):
    path, seen = tmp_path / "memory.db", []
    with EpisodicStore(path, index="hnsw") as store:
        store.write_many(episodes(0, 1_500))
        store.reembed(HashingEncoder(64), batch_size=400, progress=lambda done, of: seen.append((done, of)))
        assert seen == [(400, 1_500), (800, 1_500), (1_200, 1_500), (1_500, 1_500)]
        assert store.encoder.dim == 64
        assert store.recall("Traveller 77 met animal 54.", k=1)[0].why["cosine"] > 0.999
        assert store.verify() == []
        store.write_many(episodes(1_500, 1_510))
    with pytest.raises(EncoderMismatchError, match=r"reembed"):
        EpisodicStore(path)
    with EpisodicStore(path, encoder=HashingEncoder(64)) as store:
        assert len(store) == 1_510
        assert store.verify() == []


def test_a_store_that_is_open_with_the_old_encoder_says_so(tmp_path):
    path = tmp_path / "memory.db"
    with EpisodicStore(path) as old, EpisodicStore(path) as new:
        old.write_many(episodes(0, 10))
        new.reembed(HashingEncoder(64))
        for use in (lambda: old.recall("traveller"), lambda: old.write_many(episodes(20, 21))):
            with pytest.raises(EncoderMismatchError, match="hashing-v1-64"):
                use()
        assert len(new) == 10


def test_an_interrupted_reembed_changes_nothing(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        store.write_many(episodes(0, 100))
        with pytest.raises(KeyboardInterrupt):
            store.reembed(Interrupted(64), batch_size=10)
        assert store.encoder.dim == 384
        assert store.recall("Traveller 40 met animal 86.", k=1)[0].why["cosine"] > 0.999
        assert store.verify() == []


def test_what_was_done_before_a_reembed_cannot_be_undone(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        (id,) = [receipt.id for receipt in store.write_many(episodes(0, 1))]
        store.delete(id)
        store.reembed(HashingEncoder(64))
        assert store.undo(5) == 0
        store.write_many(episodes(1, 3))
        assert store.undo(5) == 1
        assert len(store) == 0
        assert store.verify() == []


def test_pruned_history_is_final_and_still_listed(tmp_path):
    with EpisodicStore(tmp_path / "memory.db") as store:
        ids = [receipt.id for receipt in store.write_many(episodes(0, 10))]
        store.delete(ids[:2])
        store.delete(ids[2:4])
        before = len(store.history())
        assert store.prune_history(keep=1) >= 2
        assert store.undo(10) == 1
        assert len(store) == 8
        assert len(store.history()) > before
        assert store.verify() == []
        with pytest.raises(InvalidInputError, match="keep"):
            store.prune_history(keep=-1)


def test_an_automatic_index_follows_the_size(tmp_path, monkeypatch):
    monkeypatch.setattr("hippo_episodic.cache.AUTO_ROWS", 2_000)
    path = tmp_path / "memory.db"
    with EpisodicStore(path) as store:
        store.write_many(episodes(0, 1_500))
        assert store.index_name == "exact"
        store.write_many(episodes(1_500, 3_000))
        store.finish_indexing()
        store.recall("traveller")
        assert store.index_name == "hnsw"
        hits = store.recall_many([episode.text for episode in episodes(0, 3_000)[::100]], k=1)
        assert [hit[0].item.text for hit in hits] == [episode.text for episode in episodes(0, 3_000)[::100]]
    assert path.with_name("memory.db.hnsw").exists()
    with EpisodicStore(path) as store:
        assert store.index_name == "hnsw"
        store.delete(list(range(1, 2_500)))
        store.finish_indexing()
        store.recall("traveller")
        assert store.index_name == "exact"
        assert store.verify() == []


def test_a_store_that_lost_most_of_its_rows_makes_its_caches_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr("hippo_episodic.cache._COMPACT_ROWS", 1_000)
    with EpisodicStore(tmp_path / "memory.db", index="hnsw") as store:
        store.write_many(episodes(0, 3_000))
        store.finish_indexing()
        store.delete(list(range(1, 2_001)))
        store.finish_indexing()
        store.recall("traveller")
        assert store._cache.table.n_rows == 1_000
        assert store.recall("Traveller 2500 met animal 40.", k=1)[0].why["cosine"] > 0.999
        store.undo()
        assert store.recall("Traveller 7 met animal 49.", k=1)[0].why["cosine"] > 0.999
        assert store.verify() == []


def test_finish_indexing_tells_how_far_it_is(tmp_path):
    seen = []
    with EpisodicStore(tmp_path / "memory.db", index="hnsw") as store:
        store.write_many(episodes(0, 2_500))
        store.finish_indexing(lambda done, of: seen.append((done, of)))
    assert seen[-1] == (2_500, 2_500)
    assert np.all(np.diff([done for done, _ in seen]) >= 0)
