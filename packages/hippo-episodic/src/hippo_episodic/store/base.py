"""What every verb of the store stands on: the open file, its encoder and its caches."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from hippo_core import Clock, Database, Encoder, EventLog, HashingEncoder, InvalidInputError, utc_now
from hippo_core.checks import checked_kind

from hippo_episodic.access import AccessLog
from hippo_episodic.cache import AUTO, SPARSE, IndexCache
from hippo_episodic.capacity import StockMeter
from hippo_episodic.completion import Completer
from hippo_episodic.errors import EncoderMismatchError
from hippo_episodic.eviction import EvictionPolicy
from hippo_episodic.gate import WriteGate
from hippo_episodic.index import SparseIndex, check_index_name
from hippo_episodic.keyer import SparseKeyer
from hippo_episodic.novelty import RecentWords
from hippo_episodic.priority import ReplayConfig
from hippo_episodic.schema import KIND, MIGRATIONS, RECORD_COLUMNS
from hippo_episodic.search import check_lexical_weight


class StoreBase:
    """An open episodic database. See `EpisodicStore` for the arguments."""

    def __init__(
        self,
        path: str | Path,
        *,
        encoder: Encoder | None = None,
        gate: WriteGate | None = None,
        keyer: SparseKeyer | None = None,
        index: str = AUTO,
        lexical_weight: float = 0.4,
        completion: Completer | None = None,
        eviction: EvictionPolicy | None = None,
        replay: ReplayConfig | None = None,
        events: EventLog | None = None,
        clock: Clock = utc_now,
    ) -> None:
        checked_kind(encoder, Encoder, name="encoder", hint="an Encoder, with name, dim and encode(texts)")
        checked_kind(gate, WriteGate, name="gate", hint="a WriteGate, for instance WriteGate.diary()")
        checked_kind(keyer, SparseKeyer, name="keyer", hint="a SparseKeyer")
        checked_kind(completion, Completer, name="completion", hint="a Completer, for instance HopfieldCompletion()")
        checked_kind(eviction, EvictionPolicy, name="eviction", hint="an EvictionPolicy")
        checked_kind(replay, ReplayConfig, name="replay", hint="a ReplayConfig")
        checked_kind(events, EventLog, name="events", hint="an EventLog")
        self.encoder: Encoder = HashingEncoder() if encoder is None else encoder
        self.gate = gate
        self.completion = completion
        self.eviction = eviction
        self.replay = ReplayConfig() if replay is None else replay
        if keyer is not None and index != AUTO:
            raise InvalidInputError(f"`keyer` brings its own index of sparse keys; leave `index` out, not {index!r}.")
        self.keyer = keyer
        self._index_name = index if index == AUTO else check_index_name(index)
        self._lexical_weight = check_lexical_weight(lexical_weight)
        self._events = events
        self._accesses = AccessLog()
        self._recent = RecentWords()
        self._clock = clock
        self._database = Database(path, kind=KIND, migrations=MIGRATIONS, record_columns=RECORD_COLUMNS, clock=clock)
        try:
            self._claim_encoder()
            self._cache = self._open_cache()
            self._meter = StockMeter(self._database, with_bytes=eviction is not None and eviction.max_bytes is not None)
        except BaseException:
            self._database.close()
            raise

    @property
    def path(self) -> str:
        """The database file, or ":memory:"."""
        return self._database.path

    @property
    def index_name(self) -> str:
        """The registered name of the index that answers now: what `index="auto"` has come to."""
        return self._cache.index_name

    def __len__(self) -> int:
        return int(self._database.query("SELECT count(*) FROM episodes")[0][0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Save the caches and close the file. Closing twice is allowed."""
        with self._database.lock:
            try:
                self._accesses.flush(self._database)
                with self._database.reading():
                    self._cache.catch_up()
                self._cache.close()
            except (RuntimeError, sqlite3.Error, OSError, EncoderMismatchError):
                # Closed already, or the disk fails, or another encoder's file by now: the truth is committed and the
                # caches can be made anew
                self._cache.stop()
            self._database.close()

    def _open_cache(self) -> IndexCache:
        keyer, dim = self.keyer, self.encoder.dim
        if keyer is None:
            return IndexCache(self._database, dim, self._index_name, check=self._check_encoder_of_file)
        return IndexCache(
            self._database,
            dim,
            SPARSE,
            check=self._check_encoder_of_file,
            factory=lambda table: SparseIndex(table, keyer),
        )

    def _claim_encoder(self) -> None:
        if self._database.meta("encoder") is None:
            with self._database.transaction("create") as transaction:
                transaction.set_meta("encoder", self.encoder.name)
        self._check_encoder_of_file()

    def _check_encoder_of_file(self) -> None:
        self._check_encoder({"encoder": self._database.meta("encoder") or ""})

    def _check_encoder(self, meta: Mapping[str, str]) -> None:
        name = meta.get("encoder")
        if name is not None and name != self.encoder.name:
            raise EncoderMismatchError(
                f"The vectors were made by encoder {name!r}, not by {self.encoder.name!r}; open with that encoder, "
                "and change it with reembed(encoder)."
            )
