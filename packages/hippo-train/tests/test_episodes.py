"""Training episodes: every question has one answer among the traces it is shown with, and none of a test's words."""

import random
import re

import pytest
from hippo_train import Words, make_cluster, reserved_words, whole_words
from hippo_train._grammar import EVENT_QUESTIONS, EVENT_TEXTS, FAMILIES, Family
from hippo_train.episodes import _ask, _short

VOCABULARY = whole_words(["Ġlemon", "Ġwindow", "ĠLondon", "Ġnumber", "Ġgreen", "Ġx9", "ning", "ĠMarcel", "Ġé"])


def clusters(seed: int, count: int):
    rng = random.Random(seed)
    words = Words(VOCABULARY, reserved=reserved_words(), rng=rng)
    return [make_cluster(words, rng) for _ in range(count)]


def test_only_whole_words_of_a_vocabulary_are_used():
    assert VOCABULARY == ["London", "Marcel", "green", "lemon", "number", "window"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_sentence_form_holds_every_slot_and_no_question_its_own_answer(family):
    for text in family.texts:
        assert set(re.findall(r"\{(\w+)\}", text)) == set(family.slots), text
    for slot, questions in family.questions.items():
        for question in questions:
            asked = set(re.findall(r"\{(\w+)\}", question))
            assert asked <= set(family.slots), question
            assert slot not in asked, question
            assert asked, question


def test_events_can_ask_for_each_of_their_parts():
    assert set(EVENT_QUESTIONS) == {"who", "what", "place", "time"}
    for text in EVENT_TEXTS:
        assert {name.lower() for name in re.findall(r"\{(\w+)\}", text)} >= {"who", "what", "place", "time"}, text


def test_the_answer_stands_in_the_gold_episode_and_not_in_the_question():
    asked = 0
    for cluster in clusters(0, 300):
        assert len(set(cluster.episodes)) >= 7
        for question in cluster.questions:
            asked += 1
            assert question.answer in cluster.episodes[question.gold]
            assert question.answer not in question.text
            assert question.gold not in question.rivals
            assert len(question.rivals) >= 4
    assert asked > 3000


def test_some_questions_say_what_no_episode_says():
    asked = [question.text for cluster in clusters(2, 200) for question in cluster.questions]
    aside = [text for text in asked if text.endswith((" currently?", " exactly?", " as far as you know?", " again?"))]
    assert 0.02 < len(aside) / len(asked) < 0.1


def test_an_episode_that_the_same_question_could_mean_is_no_rival():
    doubles = 0
    for cluster in clusters(1, 300):
        for one in cluster.questions:
            for other in cluster.questions:
                if one.text == other.text and one.gold != other.gold:
                    doubles += 1
                    assert other.gold not in one.rivals
    assert doubles > 20


def test_a_near_value_differs_in_one_digit_or_in_one_word():
    words = Words(VOCABULARY, reserved=reserved_words(), rng=random.Random(0))
    lengths: dict[str, set[int]] = {}
    for value, kind in (("on day 4711", "time"), ("RX-120", "code"), ("7:15", "clock"), ("on 8 May", "time")):
        for _ in range(100):
            other = words.near(value, kind)
            lengths.setdefault(value, set()).add(len(other) - len(value))
            if len(other) == len(value):
                assert sum(a != b for a, b in zip(value, other, strict=True)) == 1
            else:
                longer, shorter = sorted((value, other), key=len, reverse=True)
                assert shorter in {longer[:at] + longer[at + 1 :] for at, sign in enumerate(longer) if sign.isdigit()}
    assert lengths == {"on day 4711": {-1, 0, 1}, "RX-120": {-1, 0, 1}, "7:15": {0}, "on 8 May": {0, 1}}
    near = [words.near("Marcel London", "person").split() for _ in range(200)]
    halves = [name for name in near if len(name) == 2]
    assert all((first == "Marcel") != (last == "London") for first, last in halves)
    assert {first == "Marcel" for first, _ in halves} == {True, False}


def test_a_near_value_may_hold_a_word_that_is_alike():
    alike = {"north": ("south",), "on": ("in",)}
    words = Words(VOCABULARY, reserved=frozenset(), rng=random.Random(0), alike=lambda word: alike.get(word, ()))
    near = [words.near("north window", "place") for _ in range(100)]
    assert 30 < near.count("south window") < 70
    assert {words.near("on Monday", "time").split()[0] for _ in range(100)} <= {"on", "in", "at", "before", "after"}
    assert "in Monday" not in {words.near("on Monday", "time") for _ in range(500)}
    alike["May"] = ("June",)
    dates = [words.near("on 11 May", "time") for _ in range(100)]
    assert 30 < dates.count("on 11 June") < 70, "the same day of another month"


def test_an_echo_repeats_digits_of_another_value():
    words = Words(VOCABULARY, reserved=frozenset(), rng=random.Random(0))
    echoed = {words.echo("3111", of="on day 258") for _ in range(300)}
    assert echoed > {"3251", "3581", "2511", "5811", "3112"}
    assert all(len(value) == 4 for value in echoed)
    assert words.echo("RX-120", of="London") == "RX-120"
    assert words.echo("Marcel", of="258") == "Marcel"
    assert not any(words.echo("31", of="2070").startswith("0") for _ in range(100))


def test_what_holds_every_word_of_a_cue_is_no_rival():
    told = [{"who": who, "what": what} for who in ("Ada", "Bo") for what in ("lamp", "green lamp", "green lamp shade")]
    family = Family(
        name="own",
        slots={"who": "person", "what": "thing"},
        texts=("{who} lost the {what}.",),
        questions={"who": ("Who lost the {what}?",)},
    )
    asked: list[tuple[str, tuple[int, ...]]] = []
    for place, slots in enumerate(told):
        question = _ask(family, told, place, slots, f"{slots['who']} lost the {slots['what']}.", random.Random(1))
        if question is not None:
            asked.append((question.text, question.rivals))
    assert asked == [("Who lost the green lamp shade?", (0, 1, 3, 4))] * 2, "the others are too few to be asked"


def test_some_questions_name_a_thing_or_a_person_in_short():
    assert _short("bilge pump", "thing") == "pump"
    assert _short("near the old mill", "place") == "near the mill"
    assert _short("above the hat", "spot") == "above the hat"
    assert _short("Ada Lund", "person") == "Ada"
    assert _short("RX 120", "code") == "RX 120"
    told = [
        {"who": who, "what": what}
        for who, what in (("Ada", "bilge pump"), ("Bo", "steam pump"), ("Cy", "pump"), ("Di", "lamp"), ("Ed", "bilge"))
    ]
    family = Family(
        name="own",
        slots={"who": "person", "what": "thing"},
        texts=("{who} fixed the {what}.",),
        questions={"who": ("Who fixed the {what}?",)},
    )
    asked: set[tuple[str, tuple[int, ...]]] = set()
    for seed in range(200):
        question = _ask(family, told, 0, told[0], "Ada fixed the bilge pump.", random.Random(seed))
        if question is not None and " again" not in question.text:
            asked.add((question.text, question.rivals))
    assert ("Who fixed the bilge pump?", (1, 2, 3, 4)) in asked
    assert ("Who fixed the pump?", (3, 4)) in asked, "the steam pump and the pump may be meant as well"


def test_words_of_grammar_are_no_values():
    assert whole_words(["Ġabout", "ĠThose", "Ġday", "ĠMay", "Ġlamp"]) == ["May", "lamp"]
    words = Words(VOCABULARY, reserved=frozenset(), rng=random.Random(0), alike=lambda word: ("about",))
    near = [words.near("write the minutes", "task").split() for _ in range(100)]
    assert {one[1] for one in near if len(one) == 3} == {"the"}


def test_no_value_holds_a_reserved_word():
    reserved = reserved_words()
    assert len(reserved) > 500
    words = Words(VOCABULARY, reserved={*reserved, "lemon"}, rng=random.Random(0))
    drawn = " ".join(words.draw("thing") + " " + words.draw("place") + " " + words.draw("person") for _ in range(2000))
    drawn += " ".join(words.near("green window", "thing") for _ in range(2000))
    assert not {*reserved, "lemon"} & set(re.findall(r"\w+", drawn.lower()))
    assert "window" in drawn


def test_the_same_seed_gives_the_same_clusters():
    assert clusters(5, 20) == clusters(5, 20)
    assert clusters(5, 20) != clusters(6, 20)
