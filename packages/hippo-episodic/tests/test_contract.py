"""The episodic store under the conformance kit, with each of its indexes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hippo_core import Clock, EntitySlots, Episode, Provenance
from hippo_core.testing import MemoryStoreContract
from hippo_episodic import EpisodicStore, EvictionPolicy, cache

START = datetime(2026, 1, 1, tzinfo=UTC)


class TestExactStore(MemoryStoreContract):
    @staticmethod
    def open_store(path: Path) -> EpisodicStore:
        return EpisodicStore(path, index="exact")

    @staticmethod
    def open_store_at(path: Path, clock: Clock) -> EpisodicStore:
        return EpisodicStore(path, index="exact", clock=clock)

    @staticmethod
    def evict(store: EpisodicStore) -> list[int]:
        return store.evict(EvictionPolicy(max_episodes=max(20, int(0.98 * len(store))))).ids

    @staticmethod
    def make_item(number: int, *, source: str = "kit", doc_id: str | None = None) -> Episode:
        return Episode(
            text=f"Traveller {number} left parcel {number * 7919 % 1_000_003} at stop {number % 97}.",
            slots=EntitySlots(who=f"Traveller {number}", extras={"stop": str(number % 97)}),
            provenance=Provenance(source=source, doc_id=doc_id, time=START + timedelta(seconds=number)),
            session=f"day {number % 5}",
        )

    @staticmethod
    def cue_for(item: Episode) -> str:
        return item.text

    @staticmethod
    def cue_width(store: EpisodicStore) -> int:
        return store.encoder.dim

    @staticmethod
    def cache_files(path: Path) -> list[Path]:
        return [path.with_name(path.name + ".vectors")]


class TestHnswStore(TestExactStore):
    @staticmethod
    def open_store(path: Path) -> EpisodicStore:
        cache._BACKLOG_ROWS = 1  # or the kit's few rows would be scanned and the graph never grow
        return EpisodicStore(path, index="hnsw")

    @staticmethod
    def open_store_at(path: Path, clock: Clock) -> EpisodicStore:
        return EpisodicStore(path, index="hnsw", clock=clock)

    @staticmethod
    def cache_files(path: Path) -> list[Path]:
        return [path.with_name(path.name + ".vectors"), path.with_name(path.name + ".hnsw")]
