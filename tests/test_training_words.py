"""What adapters are trained on shares no name, value or sentence form with what the experiments test."""

import re
from dataclasses import fields

import pytest
from hei_nw.suites import make_world, suite_names
from hei_nw.suites.vocabulary import DEV, TEST, Vocabulary
from hippo_train import reserved_words
from hippo_train._grammar import EVENT_QUESTIONS, EVENT_TEXTS, FAMILIES, PLACE_PREPOSITIONS, VERBS
from hippo_train._word_lists import ATTRIBUTES, DAYS, MONTHS, QUANTITIES, RELATIONS

# Words of names that say nothing by themselves
COMMON = {"the", "of", "and", "to"}
# Dates need months and weekdays: training takes those of the dev worlds
SHARED_WITH_DEV = ("months", "weekdays")


def any_of(values) -> str:
    return "(?:" + "|".join(map(re.escape, values)) + ")"


CLOSED = {
    "attribute": any_of(ATTRIBUTES),
    "quantity": any_of(QUANTITIES),
    "relation": any_of(RELATIONS),
    "number": r"\d+",
    "small": r"\d+",
    "year": r"\d{4}",
    "clock": r"\d+:\d\d",
}
"""Kinds whose values are from a list or of one shape."""


def words_of(vocabulary: Vocabulary, *, without: tuple[str, ...] = ()) -> set[str]:
    found: set[str] = set()
    for one in fields(vocabulary):
        pool = getattr(vocabulary, one.name)
        texts = [*pool, *(text for texts in pool.values() for text in texts)] if one.name == "tastes" else pool
        if one.name not in without:
            found |= set(re.findall(r"\w+", " ".join(texts).lower()))
    return found


def patterns(forms, values: dict[str, str]) -> list[re.Pattern[str]]:
    """Sentence forms as patterns: a slot is anything, or what `values` says it can be."""
    found = []
    for form in forms:
        parts = re.split(r"\{(\w+)\}", form)
        parts[::2] = map(re.escape, parts[::2])
        parts[1::2] = [values.get(name.lower(), "[^.?]+") for name in parts[1::2]]
        found.append(re.compile("".join(parts), re.IGNORECASE))
    return found


def test_every_word_of_the_test_worlds_is_reserved():
    wanted = (words_of(TEST) | words_of(DEV, without=SHARED_WITH_DEV)) - COMMON
    assert wanted <= reserved_words(), "write the missing words into hippo_train/reserved_words.txt"
    assert not {*MONTHS, *DAYS} & {*TEST.months, *TEST.weekdays}


@pytest.mark.parametrize("suite", suite_names())
def test_no_sentence_of_a_test_world_has_a_training_form(suite):
    verbs = {name: any_of(verb[place] for verb in VERBS) for place, name in enumerate(("base", "past", "participle"))}
    event = {**verbs, "place": any_of(PLACE_PREPOSITIONS) + " .+", "tail": ".*"}
    told = patterns(EVENT_TEXTS, event)
    asked = patterns([form for forms in EVENT_QUESTIONS.values() for form in forms], event)
    for family in FAMILIES:
        closed = {slot: CLOSED[kind] for slot, kind in family.slots.items() if kind in CLOSED}
        told += patterns(family.texts, closed)
        asked += patterns([form for forms in family.questions.values() for form in forms], closed)
    world = make_world(suite, seed=0, episodes=300, questions=40)
    for item in world.items:
        assert not [one.pattern for one in told if one.fullmatch(item.episode.text)], item.episode.text
    for question in world.questions:
        assert not [one.pattern for one in asked if one.fullmatch(question.text)], question.text
