"""Are the benchmark's vectors as hard to search as those of real sentences?

    uv run python benchmarks/episodic/difficulty.py TEXT...     # a few minutes for the encoding

Takes plain texts, draws 21,000 of their sentences, encodes them with all-MiniLM-L6-v2 and compares 20,000 of them with
as many synthetic vectors; the last 1,000 are queries. Nothing is timed. `--vectors FILE` keeps the encoded sentences.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from data import Dataset
from hippo_core import SentenceEncoder
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from numpy.typing import NDArray
from peers.base import HNSW_BUILD_BREADTH, HNSW_NEIGHBOURS, HNSW_SEARCH_BREADTH

RESULT = Path(__file__).parents[1] / "results" / "episodic_difficulty.json"
ROWS, QUERIES, K, NEIGHBOURS = 20_000, 1_000, 10, 100
BREADTHS = (10, 16, 32, 64, HNSW_SEARCH_BREADTH)
SEED = 0


def main(texts: list[Path], vectors: Path | None) -> None:
    if vectors is not None and vectors.exists():
        real = np.load(vectors)
    else:
        real = SentenceEncoder().encode(sentences(texts))
        if vectors is not None:
            np.save(vectors, real)
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(Path(folder), dim=real.shape[1], seed=SEED)
        dataset.grow(ROWS)
        synthetic, queries = dataset.read(0, ROWS), dataset.queries(QUERIES)
    compared = {"sentences": difficulty(real[:ROWS], real[ROWS:]), "synthetic": difficulty(synthetic, queries)}
    source = source_state(RESULT.parent)
    cause = {
        "command": "python benchmarks/episodic/difficulty.py " + " ".join(path.name for path in texts),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["faiss-cpu", "sentence-transformers", "numpy"]),
        "seed": SEED,
    }
    document = {"cause": cause, "rows": ROWS, "queries": QUERIES, **compared}
    RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(json.dumps(compared, indent=2))


def sentences(paths: list[Path]) -> list[str]:
    """Return 21,000 sentences of 30 to 200 characters, drawn without repetition."""
    found: dict[str, None] = {}
    for path in paths:
        # A line may be a whole paragraph or a part of one; headings of WikiText begin and end with "="
        text = re.sub(r"(?m)^ *=.*= *$", "", path.read_text("utf-8", errors="ignore"))
        text = re.sub(r"\s+", " ", text)
        found |= dict.fromkeys(
            part.strip() for part in re.split(r"(?<=[.!?]) +", text) if 30 <= len(part.strip()) <= 200
        )
    if len(found) < ROWS + QUERIES:
        sys.exit(f"The texts have {len(found)} sentences of fitting length; {ROWS + QUERIES} are needed.")
    order = np.random.default_rng(SEED).permutation(len(found))[: ROWS + QUERIES]
    every = list(found)
    return [every[place] for place in order]


def difficulty(rows: NDArray[np.float32], queries: NDArray[np.float32]) -> dict[str, Any]:
    """Return what makes unit rows hard to search: an index's recall, neighbours' cosines, the intrinsic dimension."""
    scores = queries @ rows.T
    order = np.argsort(-scores, axis=1)[:, :NEIGHBOURS]
    cosines = np.take_along_axis(scores, order, axis=1)
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 1e-9))
    index = faiss.IndexHNSWFlat(rows.shape[1], HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = HNSW_BUILD_BREADTH
    index.add(rows)
    recall: dict[str, float] = {}
    for breadth in BREADTHS:
        index.hnsw.efSearch = breadth
        found = index.search(queries, K)[1]
        hits = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, order[:, :K], strict=True)]
        recall[str(breadth)] = round(float(np.mean(hits)) / K, 4)
    return {
        "recall_at_10_by_ef_search": recall,
        "cosine_of_neighbour": {str(n): round(float(cosines[:, n - 1].mean()), 3) for n in (1, 10, 100)},
        "intrinsic_dimension": round(
            float(np.mean(-1 / np.mean(np.log(distances[:, :-1] / distances[:, -1:]), axis=1))), 1
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--vectors", type=Path, help="where the encoded sentences are kept, or were")
    parsed = parser.parse_args()
    main(parsed.texts, parsed.vectors)
