"""Worlds: dumping and loading, and proofs that are able to fail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hippo_core import EntitySlots, Episode, InvalidInputError, Provenance
from hippo_lab.errors import GuessableQuestionError, UnanswerableQuestionError, WorldError, WorldFileError
from hippo_lab.proofs import cue_ceiling, most_repeats, neighbours, prove, words_of
from hippo_lab.worlds import GateFeatures, Item, Question, World, dump_world, load_world, world_checksum

START = datetime(2026, 3, 1, tzinfo=UTC)


def item(number: int, *, text: str, asked: bool = False, gate: GateFeatures | None = None, **slots: str) -> Item:
    provenance = Provenance(source="test", time=START + timedelta(minutes=number))
    episode = Episode(text=text, slots=EntitySlots(**slots), provenance=provenance)
    return Item(key=f"i{number}", episode=episode, asked=asked, gate=gate)


def tiny_world() -> World:
    """Twenty people, each in a town of their own; the first two are asked about."""
    items = [
        item(n, text=f"Person{n} lives in Town{n}.", asked=n < 2, who=f"Person{n}", where=f"Town{n}") for n in range(20)
    ]
    questions = [
        Question(
            id=f"q{n}",
            text=f"Where does Person{n} live?",
            answer=f"Town{n}",
            slot="where",
            cue={"who": f"Person{n}"},
            gold=(f"i{n}",),
            cue_style="who",
        )
        for n in range(2)
    ]
    return World(suite="tiny", seed=1, split="test", items=tuple(items), questions=tuple(questions))


def with_item(world: World, extra: Item) -> World:
    return replace(world, items=(*world.items, extra))


def test_a_sound_world_is_proved():
    world = tiny_world()
    prove(world)
    assert cue_ceiling(world) == 1.0


def test_a_world_survives_the_disk(tmp_path):
    gate = GateFeatures(remember=True, novelty=0.5, counters={"config_index": 2})
    world = with_item(tiny_world(), item(30, text="Überraschung – 水 🙂", gate=gate, who="Ümit"))
    checksum = dump_world(world, tmp_path / "deep" / "world.jsonl")
    assert load_world(tmp_path / "deep" / "world.jsonl") == world
    assert checksum == world_checksum(world)
    assert len(checksum) == 64


def test_the_checksum_sees_every_part():
    world = tiny_world()
    changed = [
        replace(world, seed=2),
        replace(world, split="dev"),
        replace(world, questions=world.questions[:1]),
        with_item(world, item(40, text="More.")),
    ]
    assert len({world_checksum(other) for other in [world, *changed]}) == 5


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "world.jsonl"
    dump_world(tiny_world(), path)
    path.write_text(path.read_text(encoding="utf-8").replace("Town7", "Town8"), encoding="utf-8")
    with pytest.raises(WorldFileError, match="was changed after it was dumped"):
        load_world(path)


@pytest.mark.parametrize("content", ["", "nonsense", "[]", json.dumps({"format": "other"})])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "world.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(WorldFileError, match="is not a dumped world"):
        load_world(path)


def test_a_second_answer_fails_the_proof():
    rival = item(30, text="Person0 sleeps in Town9 too.", who="Person0", where="Town9")
    sabotaged = with_item(tiny_world(), rival)
    with pytest.raises(UnanswerableQuestionError, match=r"'q0'.*item 'i30'.*where = 'Town9'"):
        prove(sabotaged)
    assert cue_ceiling(sabotaged) == 0.75


def test_a_rival_without_slots_fails_the_proof_by_its_words():
    with pytest.raises(UnanswerableQuestionError, match=r"'q0'.*'i30'.*where = None"):
        prove(with_item(tiny_world(), item(30, text="We met person0, in the rain.")))


def test_the_newest_wins_only_where_the_question_says_so():
    moved = item(30, text="Person0 moved to Town9.", asked=True, who="Person0", where="Town9")
    world = with_item(tiny_world(), moved)
    first = replace(world.items[0], asked=False)
    question = replace(world.questions[0], resolve="latest", answer="Town9", gold=("i30",), stale=("Town0",))
    patched = replace(world, items=(first, *world.items[1:]), questions=(question, world.questions[1]))
    prove(patched)
    assert cue_ceiling(patched) == 1.0
    old = replace(question, answer="Town0", stale=())
    with pytest.raises(UnanswerableQuestionError, match="gold item 'i30' does not say the answer 'Town0'"):
        prove(replace(patched, questions=(old, world.questions[1])))
    former = replace(patched, items=(world.items[0], *world.items[1:20], replace(moved, asked=False)))
    with pytest.raises(UnanswerableQuestionError, match="the answer is 'Town0', but item 'i30'"):
        prove(replace(former, questions=(replace(old, gold=("i0",)), world.questions[1])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "Where does he live?"}, "which the question does not say"),
        ({"cue": {}}, "no cue or no gold"),
        ({"gold": ()}, "no cue or no gold"),
        ({"answer": "Town5"}, "does not say the answer 'Town5'"),
        ({"gold": ("i5",)}, "does not say the answer 'Town0'"),
        ({"stale": ("Town0",)}, "also one of its stale values"),
        ({"cue": {"who": "live"}}, "no item fits its cue"),
    ],
)
def test_each_way_of_having_no_answer_is_named(change, message):
    world = tiny_world()
    question = replace(world.questions[0], **change)
    golden = [replace(one, asked=one.key in (*question.gold, "i1")) for one in world.items]
    with pytest.raises(UnanswerableQuestionError, match=message):
        prove(replace(world, items=tuple(golden), questions=(question, world.questions[1])))


def test_a_leaked_answer_fails_the_proof():
    world = tiny_world()
    leaky = replace(world.questions[1], text="Does Person1 live in TOWN1?")
    with pytest.raises(GuessableQuestionError, match=r"'q1' .* holds its own answer 'Town1'"):
        prove(replace(world, questions=(world.questions[0], leaky)))


def test_a_constant_guess_fails_the_proof():
    world = tiny_world()
    same = replace(world.items[1], episode=replace(
        world.items[1].episode, text="Person1 also lives in Town0.", slots=EntitySlots(who="Person1", where="Town0")
    ))  # fmt: skip
    items = (world.items[0], same, *world.items[2:], item(30, text="Rain in Town20.", where="Town20"))
    question = replace(world.questions[1], answer="Town0")
    with pytest.raises(GuessableQuestionError, match=r"always saying so would score 1\.00"):
        prove(replace(world, items=items, questions=(world.questions[0], question)))


def test_too_few_values_fail_the_proof():
    world = tiny_world()
    with pytest.raises(GuessableQuestionError, match="takes only 19 values"):
        prove(replace(world, items=world.items[:19]))


def test_wrong_asked_marks_and_equal_texts_fail_the_proof():
    world = tiny_world()
    with pytest.raises(WorldError, match="'i5' has asked=True, but no question"):
        prove(replace(world, items=(*world.items[:5], replace(world.items[5], asked=True), *world.items[6:])))
    with pytest.raises(WorldError, match="'i9' and 'i30' say the same"):
        prove(with_item(world, item(30, text="person9 lives in TOWN9")))


def test_worlds_that_cannot_be_are_refused():
    world = tiny_world()
    with pytest.raises(InvalidInputError, match="teaches nothing"):
        replace(world, items=(), questions=())
    with pytest.raises(InvalidInputError, match="item key 'i0'"):
        replace(world, items=(*world.items, world.items[0]))
    with pytest.raises(InvalidInputError, match=r"is taught at .*, not after 'i1'"):
        replace(world, items=(world.items[1], world.items[0]))
    with pytest.raises(InvalidInputError, match="gold 'i0', which no item"):
        replace(world, items=world.items[1:])
    with pytest.raises(InvalidInputError, match=r"`gate.novelty` must lie in \[0, 1\]"):
        GateFeatures(remember=True, novelty=1.5)


def test_lag_counts_the_words_taught_after_the_gold():
    world = tiny_world()
    assert world.lag_words(world.questions[0]) == 19 * 4
    assert world.lag_words(world.questions[1]) == 18 * 4


def test_neighbours_share_exactly_so_many_slots():
    world = with_item(tiny_world(), item(30, text="Person0 works in Town9.", who="Person0", where="Town9"))
    assert [one.key for one in neighbours(world, world.items[0], shared=1)] == ["i30"]
    assert [one.key for one in neighbours(world, world.items[30 - 10], shared=1)] == ["i0", "i9"]


def test_words_are_compared_whole():
    assert words_of("day 2") not in words_of("On day 21, it rained.")
    assert words_of("Maya") in words_of("It is maya's.")
    assert [most_repeats(count) for count in (1, 20, 39, 40, 200)] == [1, 1, 1, 2, 10]
