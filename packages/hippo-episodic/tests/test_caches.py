"""The files beside the database can vanish, rot or lag; the answers stay the same."""

import os

import numpy as np
import pytest
from hippo_core import Episode, HashingEncoder, Provenance, StoreClosedError
from hippo_episodic import EncoderMismatchError, EpisodicStore, UnknownIndexError

P = Provenance(source="chat")


def episodes(start, end):
    return [Episode(text=f"Traveller {i} met animal {i * 7 % 97}.", provenance=P) for i in range(start, end)]


def answers(path, index):
    with EpisodicStore(path, index=index) as store:
        assert store.verify() == []
        return [[hit.id for hit in hits] for hits in store.recall_many([f"traveller {i}" for i in range(0, 2_500, 99)])]


def agreement(found, expected):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, expected, strict=True)])


@pytest.fixture(params=["exact", "hnsw"])
def index(request):
    return request.param


@pytest.fixture
def path(tmp_path, index):
    path = tmp_path / "memory.db"
    with EpisodicStore(path, index=index) as store:
        store.write_many(episodes(0, 2_500))
        store.delete(list(range(10, 60)))
    return path


def test_closing_leaves_cache_files_that_the_next_opening_uses(path, index):
    assert path.with_name("memory.db.vectors").exists()
    assert path.with_name("memory.db.hnsw").exists() == (index == "hnsw")
    answers(path, index)


@pytest.mark.parametrize("harm", ["delete", "truncate", "flip", "old"])
def test_harmed_caches_never_change_an_answer(path, index, harm):
    caches = [file for file in path.parent.iterdir() if file.suffix in (".vectors", ".hnsw")]
    expected = answers(path, index)
    for file in caches:
        old = file.read_bytes()
        if harm == "delete":
            file.unlink()
        elif harm == "truncate":
            file.write_bytes(old[: len(old) // 2])
        elif harm == "flip":
            file.write_bytes(old[:-1000] + bytes([old[-1000] ^ 0xFF]) + old[-999:])
    if harm == "old":
        saved = {file: file.read_bytes() for file in caches}
        with EpisodicStore(path, index=index) as store:
            store.write_many(episodes(2_500, 4_000))
            store.delete(list(range(100, 1_300)))
        expected = answers(path, index)
        for file, content in saved.items():
            file.write_bytes(content)
    # FAISS builds a graph in several threads and so never twice the same one; exact search has no such excuse
    assert agreement(answers(path, index), expected) >= (1.0 if index == "exact" else 0.95)


def test_the_index_can_be_chosen_anew_at_each_opening(path):
    assert agreement(answers(path, "hnsw"), answers(path, "exact")) >= 0.95


def test_an_unknown_index_leaves_the_file_closed(path):
    with pytest.raises(UnknownIndexError):
        EpisodicStore(path, index="nope")
    answers(path, "exact")


def test_another_encoder_is_refused_by_name(path):
    with pytest.raises(EncoderMismatchError, match=r"hashing-v1-384.*hashing-v1-64"):
        EpisodicStore(path, encoder=HashingEncoder(64))


def test_verify_notices_a_text_that_the_lexical_index_does_not_know(path):
    with EpisodicStore(path) as store:
        store._database.connection.execute("DROP TRIGGER episode_words_update")
        store._database.connection.execute("UPDATE episodes SET text = 'Changed behind the back.' WHERE id = 1")
        assert any("lexical index" in problem for problem in store.verify())
        store.rebuild()
        assert store.verify() == []


def test_verify_notices_a_cached_vector_that_is_not_the_stored_one(path):
    with EpisodicStore(path) as store:
        vector = store.encoder.encode(["Something else."])[0].tobytes()
        store._database.connection.execute("UPDATE episodes SET vector = ? WHERE id = 1", (vector,))
        assert any("episode 1 " in problem for problem in store.verify())
        store.rebuild()
        assert store.verify() == []


def test_a_closed_store_says_so(path):
    store = EpisodicStore(path)
    store.close()
    store.close()
    with pytest.raises(StoreClosedError):
        store.recall("anything")


def test_a_cache_that_rots_while_it_is_open_is_not_given_a_new_checksum(path, index):
    cache = path.with_name("memory.db.vectors")
    with EpisodicStore(path, index=index) as store:
        content = cache.read_bytes()
        with cache.open("r+b") as file:  # in place, so that the mapping sees it
            file.seek(len(content) - 1000)
            file.write(bytes([content[-1000] ^ 0xFF]))
        store.write_many(episodes(2_500, 3_600))
    with EpisodicStore(path, index=index) as store:
        assert store.verify() == []
        assert len(store) == 3_550


@pytest.mark.parametrize("harm", ["cut", "overwritten"])
def test_a_cache_that_is_harmed_in_place_while_it_is_open_is_made_anew(path, index, harm):
    cache, cues = path.with_name("memory.db.vectors"), [f"traveller {i}" for i in range(0, 2_500, 99)]
    with EpisodicStore(path, index=index) as store:
        expected = [[hit.id for hit in hits] for hits in store.recall_many(cues)]
        if harm == "cut":
            os.truncate(cache, 4096)  # a page of it read now would end the process
        else:
            cache.write_bytes(bytes(cache.stat().st_size))
        found = [[hit.id for hit in hits] for hits in store.recall_many(cues)]
        assert agreement(found, expected) >= (1.0 if index == "exact" else 0.95)
        assert store.verify() == []
    assert agreement(answers(path, index), expected) >= (1.0 if index == "exact" else 0.95)


def test_a_cache_that_another_process_replaced_is_no_harm(path, index):
    with EpisodicStore(path, index=index) as store:
        with EpisodicStore(path, index=index) as other:
            other.write_many(episodes(2_500, 4_000))
        table = store._cache.table
        assert store.recall("traveller 3999", k=1)[0].item.text.startswith("Traveller 3999 ")
        assert store._cache.table is table  # followed, not read anew
