"""LanceDB: columns in files of their own format, an IVF index on request."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import Batch, Peer

_INDEX_ABOVE = 100_000
"""Its documentation: at about 100,000 rows or fewer a vector index is usually unnecessary."""
_REFINE = 10  # rows fetched in full for each one asked for: product quantisation alone ranks too coarsely


class Lance(Peer):
    """One table; IVF-PQ with its defaults where its documentation advises an index, and a scalar index of sessions.

    `settle` compacts, drops old versions and builds the indexes, as its documentation asks to be done after writing.
    """

    packages = ("lancedb",)
    durability = "written, not synced"

    def __init__(self) -> None:
        import lancedb
        import pyarrow

        self._lancedb: Any = lancedb
        self._arrow: Any = pyarrow

    def open(self, folder: Path, *, dim: int, threads: int) -> None:
        """Open the table; its threads are those of the environment."""
        arrow = self._arrow
        fields = {"number": arrow.int64(), "text": arrow.utf8(), "session": arrow.utf8()}
        self._schema = arrow.schema({**fields, "vector": arrow.list_(arrow.float32(), dim)})
        database = self._lancedb.connect(str(folder))
        self._table = database.create_table("memories", schema=self._schema, exist_ok=True)
        self._has_index = any("vector" in index.columns for index in self._table.list_indices())

    def write(self, batch: Batch) -> None:
        """One `add`, which is one version of the table."""
        arrow = self._arrow
        values = arrow.array(batch.vectors.ravel())
        columns = {
            "number": arrow.array(batch.numbers, type=arrow.int64()),
            "text": arrow.array(batch.texts),
            "session": arrow.array(batch.sessions),
            "vector": arrow.FixedSizeListArray.from_arrays(values, batch.vectors.shape[1]),
        }
        self._table.add(arrow.table(columns, schema=self._schema))

    def settle(self) -> None:
        """Compact and index."""
        from lancedb.index import Bitmap, IvfPq

        self._table.optimize(cleanup_older_than=timedelta(0))
        self._table.create_index("session", config=Bitmap())
        if self._table.count_rows() > _INDEX_ABOVE:
            self._table.create_index("vector", config=IvfPq(distance_type="cosine"))
            self._has_index = True

    def recall(self, vector: NDArray[np.float32], k: int, *, session: str | None = None) -> list[tuple[int, str]]:
        """One vector search, filtered first."""
        query = self._table.search(vector, vector_column_name="vector").distance_type("cosine").limit(k)
        if session is not None:
            query = query.where(f"session = '{session}'", prefilter=True)
        if self._has_index:
            query = query.refine_factor(_REFINE)
        found = query.select(["number", "text", "_distance"]).to_arrow()
        return list(zip(found["number"].to_pylist(), found["text"].to_pylist(), strict=True))

    def close(self) -> None:
        """Do nothing: a version is in its files when `add` returns."""
