from datetime import UTC, datetime, timedelta

from hei_nw.recency import asks_for_the_present, newest_first
from hippo_core import Episode, Hit, Provenance

START = datetime(2026, 1, 1, tzinfo=UTC)


def hits(*texts):
    """Return hits in the given order; each text was told a day after the one before it."""
    return [
        Hit(
            id=i,
            item=Episode(text=text, provenance=Provenance(source="t", time=START + timedelta(days=i))),
            score=1 - i,
        )
        for i, text in enumerate(texts)
    ]


def texts(found):
    return [hit.item.text for hit in found]


def test_a_question_about_the_present_gets_the_newest_that_says_as_much():
    old, new = "The keeper of the west annex is Flora.", "The keeper of the west annex has changed to Hector."
    found = newest_first("Who is the keeper of the west annex now?", hits(old, new))
    assert texts(found) == [new, old]


def test_a_newer_memory_of_something_else_stays_behind():
    fitting, other = "The keeper of the west annex is Flora.", "The keeper of the east annex is Hector."
    assert texts(newest_first("Who is the keeper of the west annex now?", hits(fitting, other))) == [fitting, other]


def test_a_question_about_the_past_keeps_the_order():
    a, b = "Flora kept the annex.", "Hector kept the annex."
    assert texts(newest_first("Who kept the annex?", hits(a, b))) == [a, b]
    assert newest_first("Who keeps it now?", []) == []


def test_now_must_be_a_word_of_its_own():
    assert asks_for_the_present("What is it now?")
    assert not asks_for_the_present("What does she know?")
