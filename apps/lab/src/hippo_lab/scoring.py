"""Scores of one answer and of one ranking.

Strict and normalised exact match, token F1 (normalisation after SQuAD, Rajpurkar et al. 2016, arXiv:1606.05250), P@1
and recall@k. Whole answers are compared: nothing is cut to its first word, and numbers count.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

from hippo_core import InvalidInputError

from hippo_lab.worlds import Question

_TRAILING = ".,;:!?…"
_ARTICLES = frozenset(("a", "an", "the"))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# A point or colon between digits belongs to the number: 3.5 is not 35, 9:40 is not 940
_PUNCTUATION = re.compile(
    rf"(?<!\d)[{re.escape(string.punctuation)}]|[{re.escape(string.punctuation)}](?!\d)|[^\w\s.:]"
)


def normalise(text: str) -> str:
    """Return `text` in lower case without articles, punctuation and spare white space; numbers stay as they are.

    Example:
        >>> normalise("The  Old Harbour, at 9:40!")
        'old harbour at 9:40'
    """
    plain = _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold())
    words = _PUNCTUATION.sub("", plain).split()
    return " ".join(word for word in words if word not in _ARTICLES)


def exact_match_strict(prediction: str, answer: str) -> float:
    """Return 1.0 if both are the same up to outer white space and trailing punctuation, else 0.0."""
    return float(_stripped(prediction) == _stripped(answer))


def exact_match(prediction: str, answer: str) -> float:
    """Return 1.0 if both are the same after `normalise`, else 0.0.

    An answer of which nothing remains (an article, a sign) is compared strictly instead.
    """
    wanted = normalise(answer)
    return float(normalise(prediction) == wanted) if wanted else exact_match_strict(prediction, answer)


def token_f1(prediction: str, answer: str) -> float:
    """Return the harmonic mean of word precision and recall after `normalise`, in [0, 1]; 1.0 where both are empty."""
    found, wanted = Counter(normalise(prediction).split()), Counter(normalise(answer).split())
    if not found or not wanted:
        return float(found == wanted)
    common = (found & wanted).total()
    if common == 0:
        return 0.0
    precision, recall = common / found.total(), common / wanted.total()
    return 2 * precision * recall / (precision + recall)


def precision_at_1(ranked: Sequence[str], gold: Collection[str]) -> float:
    """Return 1.0 if the first of `ranked` is gold, else 0.0, also where nothing was found.

    Raises:
        InvalidInputError: there is no gold; such a question has no precision and is left out of the mean.
    """
    _require_gold(gold)
    return float(bool(ranked) and ranked[0] in gold)


def recall_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """Return the share of `gold` among the first `k` of `ranked`, in [0, 1].

    Raises:
        InvalidInputError: there is no gold, or `k` is below 1.
    """
    _require_gold(gold)
    if k < 1:
        raise InvalidInputError(f"`k` must be at least 1, not {k}.")
    return len(set(gold) & set(ranked[:k])) / len(set(gold))


def score_answer(prediction: str, question: Question) -> dict[str, float]:
    """Return `em`, `em_strict` and `f1`, and for a question with stale values `contradiction_rate`.

    `contradiction_rate` is 1.0 where the prediction is a value that held once and was replaced.
    """
    scores = {
        "em": exact_match(prediction, question.answer),
        "em_strict": exact_match_strict(prediction, question.answer),
        "f1": token_f1(prediction, question.answer),
    }
    if question.stale:
        scores["contradiction_rate"] = max(exact_match(prediction, value) for value in question.stale)
    return scores


def _stripped(text: str) -> str:
    return text.strip().rstrip(_TRAILING).rstrip()


def _require_gold(gold: Collection[str]) -> None:
    if not gold:
        raise InvalidInputError("there is no gold, so a ranking has no score; leave the question out.")
