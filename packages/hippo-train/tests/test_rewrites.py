"""What a trace becomes for training: clauses, statements, questions."""

from __future__ import annotations

import pytest
from hippo_train.consolidation.clauses import read_clause, split_sentences
from hippo_train.consolidation.rewrites import rewrite_traces
from hypothesis import given
from hypothesis import strategies as st


def asked(*texts: str) -> list[dict[str, str]]:
    return [{question.text: question.answer for question in one.questions} for one in rewrite_traces(texts)]


@pytest.mark.parametrize(
    ("sentence", "subject", "verb", "acted_upon", "adverbials"),
    [
        ("Nadia repaired the bilge pump on 14 June.", "Nadia", "repair", "the bilge pump", ["on 14 June"]),
        ("On 14 June, the bilge pump was repaired by Nadia.", "Nadia", "repair", "the bilge pump", ["on 14 June"]),
        ("The polished kite was hidden at the old mill.", "", "hide", "the polished kite", ["at the old mill"]),
        ("The spare key hangs behind the blue barometer.", "the spare key", "hang", "", ["behind the blue barometer"]),
        ("Correction: the keeper of the mill is Ada from now on.", "the keeper of the mill", "be", "Ada", []),
        ("The code of the safe has changed to 4711.", "the code of the safe", "be", "4711", []),
        (
            "On day 3, server alpha runs nginx on port 8080.",
            "server alpha",
            "run",
            "nginx",
            ["on port 8080", "on day 3"],
        ),
        ("For breakfast, Lucho prefers violet syrup.", "Lucho", "prefer", "violet syrup", ["for breakfast"]),
    ],
)
def test_a_plain_sentence_is_read(sentence: str, subject: str, verb: str, acted_upon: str, adverbials: list[str]):
    clause = read_clause(sentence)
    assert clause is not None
    assert (clause.subject, clause.verb, clause.object) == (subject, verb, acted_upon)
    assert [each.text for each in clause.adverbials] == adverbials


def test_a_noun_that_ends_like_a_verb_is_none():
    (questions,) = asked("The copper sled was buried by Carol at the pier on 4 May.")
    assert questions["Who buried the copper sled?"] == "Carol"


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "Where is the key?",
        "Ada did not repair the pump.",
        "She repaired the pump.",
        "Nobody repaired the pump.",
        "The pump, which Ada repaired, broke.",
        "Repair the pump!",
        "Of course the carpenter left a note.",
        "The polished brass kite.",
    ],
)
def test_what_cannot_be_read_is_left_alone(sentence: str):
    assert read_clause(sentence) is None


def test_a_trace_is_asked_from_every_side():
    (questions,) = asked("Nadia repaired the bilge pump in the harbour on 14 June.")
    assert questions["Who repaired the bilge pump in the harbour?"] == "Nadia"
    assert questions["What did Nadia repair on 14 June?"] == "bilge pump"
    assert questions["Where did Nadia repair something?"] == "harbour"
    assert questions["When was the bilge pump repaired?"] == "14 June"


def test_a_question_that_two_events_answer_is_not_asked():
    first, second = asked("Nadia repaired the pump on 3 May.", "Nadia repaired the oven on 4 May.")
    assert "What did Nadia repair?" not in first | second
    assert first["What did Nadia repair on 3 May?"] == "pump"


def test_the_newest_version_answers_what_is_the_case():
    first, second = asked("The keeper of the mill is Ada.", "Update: the keeper of the mill is now Ben.")
    assert first == {}, "neither who keeps the mill, nor what Ada is"
    assert second["Who is the keeper of the mill?"] == "Ben"


def test_the_same_fact_told_twice_is_asked_about():
    first, _ = asked("The keeper of the mill is Ada.", "Note: the keeper of the mill is Ada.")
    assert first["Who is the keeper of the mill?"] == "Ada"


def test_statements_begin_with_the_trace_and_say_the_same_in_other_words():
    (one,) = rewrite_traces(["On 14 June, Nadia repaired the bilge pump."])
    assert one.statements[0] == "On 14 June, Nadia repaired the bilge pump."
    assert "The bilge pump was repaired by Nadia on 14 June." in one.statements
    assert len(set(one.statements)) == len(one.statements) >= 5


@given(st.lists(st.text(alphabet="aeNT. ,'?édx15\n", max_size=60), max_size=5))
def test_any_text_becomes_itself_and_nothing_raises(texts: list[str]):
    rewrites = rewrite_traces(texts)
    assert [one.statements[0] for one in rewrites] == texts
    for text in texts:
        assert "".join(split_sentences(text)).replace(" ", "") == "".join(text.split())
