"""What a model says when nothing is asked, kept beside its nights: hearing it takes minutes, and it stays the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hippo_adapters import LanguageModel

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.own_text import sample_passages, sample_questions, sample_replay

FILE = "own-text.json"
_PASSAGE = 64  # tokens
_GUARDED_ROW = 256  # one sampled token waits for the last: short rows


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnText:
    """Texts of a model's own, in tokens, and questions that it made up."""

    passages: list[list[int]]
    """To be practised."""
    guarded: list[list[int]]
    """Others, on which perplexity is measured; none where a text is given for that."""
    questions: list[str]


def own_text(model: LanguageModel, config: ConsolidationConfig, folder: Path, *, guarded: bool) -> OwnText:
    """Return what the model says, from the folder's file or, the first time, from the model.

    A file of another model or other settings, or one that cannot be read, is written anew.

    Args:
        model: the base model, nothing attached.
        config: how much of it, and the seed.
        folder: of the nights.
        guarded: whether text to measure perplexity on is wanted.
    """
    of = [model.digest, config.seed, config.own_passages, config.everyday_questions, guarded and config.guarded_tokens]
    key = hashlib.sha256(json.dumps(of).encode()).hexdigest()
    file = folder / FILE
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept.pop("key") == key:
            return OwnText(**kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    seed = config.seed
    length = min(_GUARDED_ROW, model.context_length, config.guarded_tokens)
    rows = max(1, config.guarded_tokens // length) if guarded else 0
    found = OwnText(
        passages=sample_replay(model, config.own_passages, tokens=_PASSAGE, seed=seed),
        guarded=sample_passages(model, rows, tokens=length, seed=seed + 1),  # other text than is practised
        questions=sample_questions(model, 2 * config.everyday_questions, seed=seed),
    )
    fresh = folder / f".{FILE}"
    fresh.write_text(json.dumps({"key": key, **asdict(found)}), encoding="utf-8")
    fresh.replace(file)
    return found
