"""Scores and the decoding guard."""

from __future__ import annotations

import pytest
from hippo_core import InvalidInputError
from hippo_lab.errors import TooManyMalformedError
from hippo_lab.guard import DecodingGuard
from hippo_lab.scoring import (
    exact_match,
    exact_match_strict,
    normalise,
    precision_at_1,
    recall_at_k,
    score_answer,
    token_f1,
)
from hippo_lab.worlds import Question
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("prediction", "answer", "strict", "loose"),
    [
        ("harbour", "harbour", 1, 1),
        (" harbour.\n", "harbour", 1, 1),
        ("The Harbour", "harbour", 0, 1),
        ("harbour at noon", "harbour", 0, 0),
        ("copper", "copper key", 0, 0),  # a first word is no answer
        ("copper key", "copper", 0, 0),
        ("4417", "4417", 1, 1),
        ("4418", "4417", 0, 0),
        ("1,024", "1024", 0, 1),
        ("3.5", "35", 0, 0),
        ("9:40", "940", 0, 0),
        ("3 March!", "3 March", 1, 1),
        ("St. John's", "st johns", 0, 1),
        ("„Hafen“", "hafen", 0, 1),
        ("", "harbour", 0, 0),
        ("the", "a", 0, 0),  # nothing remains of either: compared as they stand
        ("ＡＢ１２", "ab12", 0, 1),
    ],
)
def test_exact_match(prediction, answer, strict, loose):
    assert exact_match_strict(prediction, answer) == strict
    assert exact_match(prediction, answer) == loose


@given(st.lists(st.text(alphabet="abcxyz0123456789", min_size=2), min_size=1))
def test_case_articles_and_outer_punctuation_do_not_count(words):
    assert normalise(f"  The {'  '.join(words).upper()}?! ") == " ".join(words)


@given(st.text(min_size=1), st.text())
def test_scores_agree_with_each_other(prediction, answer):
    strict, loose, f1 = (score(prediction, answer) for score in (exact_match_strict, exact_match, token_f1))
    assert 0 <= f1 <= 1
    assert f1 == token_f1(answer, prediction)
    if strict:
        assert loose
    if loose:
        assert f1 == 1.0 or not normalise(answer)


def test_f1_counts_shared_words():
    assert token_f1("the old copper key", "copper key") == pytest.approx(0.8)
    assert token_f1("rain", "copper key") == 0.0


def test_rankings_are_scored_on_positives_only():
    assert precision_at_1(["a", "b"], {"a"}) == 1.0
    assert precision_at_1(["b", "a"], {"a"}) == 0.0
    assert precision_at_1([], {"a"}) == 0.0
    assert recall_at_k(["x", "a", "y", "b"], ("a", "b"), 2) == 0.5
    assert recall_at_k(["x", "a", "y", "b"], ("a", "b"), 4) == 1.0
    with pytest.raises(InvalidInputError, match="there is no gold"):
        precision_at_1(["a"], ())
    with pytest.raises(InvalidInputError, match="`k` must be at least 1, not 0"):
        recall_at_k(["a"], ("a",), 0)


def test_a_stale_answer_is_a_contradiction():
    question = Question(
        id="q", text="What is the code now?", answer="9021", slot="value", cue={"x": "code"}, stale=("4417",)
    )
    assert score_answer("4417.", question) == {"em": 0, "em_strict": 0, "f1": 0, "contradiction_rate": 1}
    assert score_answer("9021", question)["contradiction_rate"] == 0


QUESTION = "Where did Nora leave the tin flute?"


@pytest.mark.parametrize(
    ("prediction", "fault"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("...", "punctuation"),
        ("?!—", "punctuation"),
        ("Where did Nora leave the tin flute", "echo"),
        ("where did nora leave the tin flute? At the mill.", "echo"),
        ("mill Question: Where", "template"),
        ("memory: mill", "template"),
        ("the mill", None),
        ("7", None),
        ("水", None),
        ("Nora left it at the mill.", None),
    ],
)
def test_the_guard_tells_what_is_no_answer(prediction, fault):
    assert DecodingGuard().fault(prediction, question=QUESTION) == fault


def test_the_guard_stops_a_run_with_broken_decoding():
    guard = DecodingGuard(max_share=0.25)
    fine = guard.report([None, None, None, "empty"])
    assert (fine.share, fine.passed, fine.faults) == (0.25, True, {"empty": 1})
    fine.require()
    with pytest.raises(TooManyMalformedError, match=r"66\.7% of 3 predictions are malformed \(1 echo, 1 empty\)"):
        guard.report([None, "empty", "echo"]).require()
    assert guard.report([]).share == 0.0
    with pytest.raises(InvalidInputError, match=r"guard\.max_share"):
        DecodingGuard(max_share=2)
