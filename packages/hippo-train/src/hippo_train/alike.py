"""Words that a model takes for nearly the same: what a near miss is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from hippo_adapters import LanguageModel

NEAREST = 6
"""Words that are alike to one word, at most."""
SHORTEST = 4
"""Letters of a word that is alike to another, at least."""


class AlikeWords:
    """For a word, those whose embedding is nearest: north for south, heron for swan.

    Questions that tell such words apart cannot be learned from words drawn at random, which differ in everything
    (source: hard negatives mined by the retriever itself, ANCE, arXiv:2007.00808). Inflections of a word are left out.

    Args:
        model: whose embeddings are compared, around their mean.
        words: what may be returned; those that are no single token after a space are left out.

    Cost:
        One product of a vector with the words' embeddings for each new word asked for.
    """

    def __init__(self, model: LanguageModel, words: Sequence[str]) -> None:
        ids_of = {token[1:]: number for token, number in model.tokenizer.get_vocab().items() if token[:1] in "Ġ▁"}
        head: Any = model.model.get_output_embeddings()
        rows = head.weight.detach().float()
        self._all, self._mean = rows, rows.mean(dim=0)
        # Near the mean stand what is short and frequent: alike to everything
        self._words = [word for word in words if word in ids_of and len(word) >= SHORTEST]
        self._rows = torch.nn.functional.normalize(rows[[ids_of[word] for word in self._words]] - self._mean, dim=1)
        self._ids = ids_of
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, word: str) -> tuple[str, ...]:
        """Return the words alike to `word`, the nearest first; none for what is no single token after a space."""
        if word not in self._known:
            self._known[word] = self._nearest(word)
        return self._known[word]

    def _nearest(self, word: str) -> tuple[str, ...]:
        if word not in self._ids or not self._words:
            return ()
        order = (self._rows @ (self._all[self._ids[word]] - self._mean)).topk(min(50, len(self._words))).indices
        near = [self._words[place] for place in order.tolist()]
        near = [other for other in near if other.istitle() == word.istitle() and not _inflected(word, other)]
        return tuple(near[:NEAREST])


def _inflected(word: str, other: str) -> bool:
    a, b = sorted((word.lower(), other.lower()), key=len)
    return b.startswith(a[: max(3, len(a) - 2)])
