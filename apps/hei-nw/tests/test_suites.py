"""Every generated world is answerable, not guessable, the same everywhere, and keeps its scenario's promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hei_nw.suites import make_small_world, make_world, register_suite, suite_names
from hei_nw.suites.vocabulary import DEV, TEST, Vocabulary
from hippo_adapters.memory.text import DEFAULT_TEMPLATE
from hippo_core import InvalidInputError
from hippo_lab.errors import GuessableQuestionError, UnanswerableQuestionError, UnknownNameError
from hippo_lab.proofs import cue_ceiling, neighbours, prove
from hippo_lab.worlds import Item, World, world_checksum
from hypothesis import given, settings
from hypothesis import strategies as st

SUITES = ("scenario_a", "scenario_b", "scenario_c", "scenario_d", "scenario_e")
STORIES = ("scenario_a", "scenario_d", "scenario_e")


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    return {suite: make_world(suite, seed=0) for suite in SUITES}


def gold(world: World, key: str) -> Item:
    return world.items[world.positions()[key]]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("split", ["test", "dev"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_question_has_one_answer_given_what_was_taught_and_none_without_it(suite, split, seed):
    world = make_world(suite, seed=seed, split=split)
    prove(world)
    assert cue_ceiling(world) == 1.0
    assert (len(world.items), len(world.questions)) == (1000, 200)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("split", ["test", "dev"])
@pytest.mark.parametrize("seed", range(5))
def test_small_worlds_hold_and_fit_a_short_window(suite, split, seed):
    world = make_small_world(suite, seed=seed, split=split)
    prove(world)
    # SmolLM2's tokenizer makes 1.38 to 1.78 tokens of a word of these texts
    assert sum(len(item.episode.text.split()) for item in world.items) < 1_400


@settings(max_examples=25, deadline=None)
@given(
    suite=st.sampled_from(SUITES),
    seed=st.integers(0, 10**9),
    split=st.sampled_from(["test", "dev"]),
    episodes=st.integers(120, 400),  # a hundred of scenario C hold twenty tastes or one less, which `prove` refuses
    share=st.floats(0.01, 0.3),
)
def test_worlds_of_any_size_and_seed_hold(suite, seed, split, episodes, share):
    world = make_world(suite, seed=seed, split=split, episodes=episodes, questions=max(1, int(share * episodes)))
    prove(world)
    assert len(world.items) == episodes
    assert cue_ceiling(world) == 1.0


@pytest.mark.parametrize("suite", SUITES)
def test_at_least_forty_percent_is_filler_that_nobody_asks_about(suite, worlds):
    events = Counter(item.event for item in worlds[suite].items)
    filler = events["status_probe"] if suite == "scenario_c" else events["filler"]
    assert filler >= 400
    assert not any(item.asked for item in worlds[suite].items if item.event in ("filler", "status_probe"))


@pytest.mark.parametrize("suite", STORIES)
def test_all_four_slots_are_asked_equally_often(suite, worlds):
    counts = Counter(question.slot for question in worlds[suite].questions)
    assert counts == {"who": 50, "what": 50, "where": 50, "when": 50}


@pytest.mark.parametrize("suite", STORIES)
def test_cues_mention_only_some_slots_in_varied_number(suite, worlds):
    sizes = Counter(len(question.cue) for question in worlds[suite].questions)
    assert min(sizes[2], sizes[3]) >= 50
    if suite != "scenario_d":  # there, no part of a story comes only once
        assert sizes[1] >= 30


@pytest.mark.parametrize("suite", STORIES)
def test_questions_mention_no_slot_outside_their_cue(suite, worlds):
    world = worlds[suite]
    for question in world.questions:
        for slot, value in gold(world, question.gold[0]).episode.slots.filled().items():
            said = re.search(rf"\b{re.escape(value)}\b", question.text) is not None
            assert said == (slot in question.cue), (question, slot)


def test_a_third_of_the_asked_stories_have_a_twin_that_differs_in_one_slot(worlds):
    world = worlds["scenario_a"]
    asked = [item for item in world.items if item.asked]
    twinned = [item for item in asked if neighbours(world, item, shared=3)]
    assert len(asked) == 200
    assert len(twinned) >= 0.3 * len(asked)


def test_interference_surrounds_every_asked_story_with_five_that_share_two_slots(worlds):
    world = worlds["scenario_d"]
    asked = [item for item in world.items if item.asked]
    assert len(asked) == 200
    assert min(len(neighbours(world, item, shared=2)) for item in asked) >= 5


def test_a_hot_patch_leaves_the_old_value_wrong(worlds):
    world = worlds["scenario_b"]
    patched = [question for question in world.questions if question.stale]
    untouched = [question for question in world.questions if not question.stale]
    assert (len(patched), len(untouched)) == (120, 80)
    positions = world.positions()
    for question in patched:
        newest = gold(world, question.gold[0])
        older = [
            item
            for item in world.items
            if item.episode.slots.extras.get("value") in question.stale
            and all(item.episode.slots.extras.get(name) == value for name, value in question.cue.items())
        ]
        assert len(older) == len(question.stale)
        assert all(positions[item.key] < positions[newest.key] for item in older)
        assert newest.event == "patch"
        assert question.answer not in question.stale
    assert all(" now?" in question.text for question in world.questions)


def test_configuration_questions_name_the_day_or_ask_for_now(worlds):
    questions = [question for question in worlds["scenario_c"].questions if question.slot == "port"]
    latest = [question for question in questions if question.resolve == "latest"]
    assert len(questions) == 120
    assert len(latest) >= 10
    assert all(question.text.endswith(" now?") for question in latest)
    dated = [question for question in questions if question.resolve == "unique"]
    assert all(question.text.startswith(f"On {question.cue['when']}, ") for question in dated)


def test_a_long_context_is_told_early_and_asked_after_tens_of_thousands_of_words(worlds):
    world = worlds["scenario_e"]
    lags = [world.lag_words(question) for question in world.questions]
    assert min(lags) > 20_000
    paragraphs = [item for item in world.items if item.episode.text.count(".") >= 4]
    assert len(paragraphs) >= 500


def test_other_processes_make_the_same_worlds(worlds):
    code = (
        "from hei_nw.suites import make_world; from hippo_lab.worlds import world_checksum\n"
        f"for suite in {SUITES!r}: print(world_checksum(make_world(suite, seed=0)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "123"},
    )
    assert shown.stdout.split() == [world_checksum(worlds[suite]) for suite in SUITES]


@pytest.mark.parametrize("suite", SUITES)
def test_seeds_and_splits_make_other_worlds(suite, worlds):
    texts = {item.episode.text for item in worlds[suite].items}
    assert world_checksum(make_world(suite, seed=1)) != world_checksum(worlds[suite])
    dev = make_world(suite, seed=0, split="dev")
    assert not texts & {item.episode.text for item in dev.items}


def pool_words(words: Vocabulary) -> set[str]:
    tastes = [value for values in words.tastes.values() for value in values]
    pools = [
        words.people, words.looks, words.things, words.places, words.months, words.weekdays, words.sites, words.rooms,
        words.call_words, tuple(tastes), words.servers, words.services, words.colours,
    ]  # fmt: skip
    return {word for pool in pools for value in pool for word in value.lower().split()}


def test_dev_and_test_vocabularies_share_no_word():
    assert not pool_words(TEST) & pool_words(DEV)


@pytest.mark.parametrize("suite", SUITES)
def test_dev_and_test_worlds_share_no_slot_value(suite, worlds):
    def values(world: World) -> set[str]:
        # Days and numbers are no vocabulary
        closed = {"when", "port"} if suite == "scenario_c" else {"value"} if suite == "scenario_b" else set()
        return {
            value
            for item in world.items
            for slot, value in item.episode.slots.filled().items()
            if slot not in closed | {"attribute"}
        }

    assert not values(worlds[suite]) & values(make_world(suite, seed=0, split="dev"))


@pytest.mark.parametrize("words", [TEST, DEV], ids=["test", "dev"])
def test_no_value_contains_another(words):
    tastes = [value for values in words.tastes.values() for value in values]
    values = [*words.people, *words.objects(), *words.places, *words.installations(), *tastes, *words.dates()]
    padded = [f" {value.lower()} " for value in values]
    assert len(set(padded)) == len(padded)
    shorter = [value for value in padded if value.count(" ") == 2]
    assert not [(short, long) for short in shorter for long in padded if short != long and short in long]


def test_words_of_the_worked_examples_are_in_no_pool():
    for words in (TEST, DEV):
        # Status lights are red as in the seed, and nobody asks about them. There are only twelve months and seven
        # weekdays: the examples use days and hours that no world has
        assert not DEFAULT_TEMPLATE.words() & pool_words(replace(words, colours=(), months=(), weekdays=()))
        shown = {example.answer for example in DEFAULT_TEMPLATE.examples}
        assert not shown & set(words.dates())


def test_times_increase_from_the_given_start():
    start = datetime(2030, 2, 3, tzinfo=UTC)
    world = make_world("scenario_a", seed=0, episodes=100, questions=20, start=start)
    times = [item.episode.provenance.time for item in world.items]
    assert times[0] == start
    assert times == sorted(set(times))


def test_a_second_story_that_fits_the_cue_is_found_out(worlds):
    world = worlds["scenario_a"]
    question = next(question for question in world.questions if question.slot == "where")
    place = next(number for number, item in enumerate(world.items) if item.event == "distractor" and not item.asked)
    slots = replace(gold(world, question.gold[0]).episode.slots, where="noodle bar")
    old = world.items[place]
    text = f"{slots.who} sat with the {slots.what} at the noodle bar on {slots.when}."
    rival = replace(old, episode=replace(old.episode, text=text, slots=slots))
    sabotaged = replace(world, items=(*world.items[:place], rival, *world.items[place + 1 :]))
    with pytest.raises(UnanswerableQuestionError, match=re.escape(question.id)):
        prove(sabotaged)
    assert cue_ceiling(sabotaged) < 1.0


def test_a_rival_that_only_its_words_give_away_is_found_out(worlds):
    world = worlds["scenario_b"]
    question = next(question for question in world.questions if not question.stale)
    last = world.items[-1]
    text = f"The {question.cue['attribute']} of the {question.cue['entity']} was painted over."
    rival = replace(last, key="rival", asked=False, episode=replace(last.episode, text=text))
    later = replace(rival.episode.provenance, time=datetime(2040, 1, 1, tzinfo=UTC))
    rival = replace(rival, episode=replace(rival.episode, provenance=later))
    with pytest.raises(UnanswerableQuestionError, match=re.escape(question.id)):
        prove(replace(world, items=(*world.items, rival)))


def test_a_question_that_holds_its_answer_is_found_out(worlds):
    world = worlds["scenario_a"]
    question = world.questions[0]
    leaky = replace(question, text=f"{question.text} Was it {question.answer}?")
    with pytest.raises(GuessableQuestionError, match=re.escape(question.id)):
        prove(replace(world, questions=(leaky, *world.questions[1:])))


def test_unknown_suites_and_impossible_sizes_are_refused():
    with pytest.raises(UnknownNameError, match=r"No suite 'scenario_z'; there are: scenario_a, "):
        make_world("scenario_z", seed=0)
    with pytest.raises(InvalidInputError, match="`episodes` must be at least 100, not 20"):
        make_world("scenario_a", seed=0, episodes=20, questions=5)
    with pytest.raises(InvalidInputError, match=r"`questions` must lie in 1 … 30 for 100 episodes"):
        make_world("scenario_a", seed=0, episodes=100, questions=31)
    with pytest.raises(InvalidInputError, match="`split` must be 'test' or 'dev', not 'train'"):
        make_world("scenario_a", seed=0, split="train")


def test_a_suite_cannot_take_a_name_twice():
    assert suite_names() == SUITES
    with pytest.raises(InvalidInputError, match="already a suite 'scenario_a'"):
        register_suite("scenario_a", lambda request: make_small_world("scenario_a", seed=0))
