"""Arm names, costs and the progress bar."""

from __future__ import annotations

from io import StringIO

import pytest
from hippo_core import InvalidInputError
from hippo_lab import arms
from hippo_lab.accounting import answer_costs
from hippo_lab.arms import ArmName, arm_names, arm_spec, parse_arm, register_arm
from hippo_lab.errors import UnknownNameError
from hippo_lab.progress import progress
from rich.console import Console


class Model:
    """1,000 operations a token, 10 a pair of positions, 500 for the vocabulary."""

    kv_bytes_per_token = 96

    def flops_per_token(self, context, *, head=True):
        return 1000 + 10 * context + 500 * head


MODEL = Model()


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(arms, "_specs", {})


def test_arms_are_known_by_name_with_or_without_a_number_of_traces():
    register_arm("none", reads="nothing", summary="The question alone.")
    spec = register_arm("text", reads="recalled", summary="Recalled text in the prompt.")
    assert arm_names() == ("none", "text")
    assert arm_spec("text") == arm_spec("text@8") == spec
    assert spec.reads == "recalled"


def test_unknown_arms_are_told_from_those_that_there_are():
    register_arm("text", reads="recalled", summary="s")
    register_arm("bm25", reads="recalled", summary="s")
    with pytest.raises(UnknownNameError, match=r"No arm 'txt'; there are: bm25, text\."):
        arm_spec("txt@2")
    with pytest.raises(InvalidInputError, match="already an arm 'text'"):
        register_arm("text", reads="gold", summary="s")
    with pytest.raises(InvalidInputError, match="cannot be called 'a@b'"):
        register_arm("a@b", reads="gold", summary="s")


def test_names_are_read_and_written():
    assert str(parse_arm("text@8")) == "text@8"
    assert parse_arm("text") == ArmName(base="text")
    for wrong in ("text@", "text@0", "text@-1", "text@two", "text@²"):
        with pytest.raises(InvalidInputError, match="must be a whole number of at least 1"):
            parse_arm(wrong)


def test_costs_are_those_of_every_token_one_after_the_other():
    costs = answer_costs(MODEL, prompt_tokens=6, new_tokens=3)
    # Six prompt tokens and two generated ones are fed; the last three of them predict a word
    assert costs["flops"] == sum(MODEL.flops_per_token(place, head=place >= 6) for place in range(1, 9))
    assert costs["kv_bytes"] == 96 * 8


def test_a_shared_prefix_is_cached_but_not_computed_again():
    alone = answer_costs(MODEL, prompt_tokens=100, new_tokens=5)
    shared = answer_costs(MODEL, prompt_tokens=100, new_tokens=5, shared_tokens=80)
    assert alone["kv_bytes"] == shared["kv_bytes"] == 96 * 104
    prefix = sum(MODEL.flops_per_token(place, head=False) for place in range(1, 81))
    assert alone["flops"] - shared["flops"] == prefix
    assert shared["prompt_tokens"] == 100


def test_remembered_keys_and_values_are_attended_to_and_kept_but_not_computed():
    costs = answer_costs(MODEL, prompt_tokens=6, new_tokens=3, memory_slots=10)
    assert costs["flops"] == sum(MODEL.flops_per_token(place, head=place >= 16) for place in range(11, 19))
    assert costs["kv_bytes"] == 96 * 18
    assert costs["prompt_tokens"] == 6
    adapter = answer_costs(MODEL, prompt_tokens=6, new_tokens=3, reader_flops=7, reader_bytes=5)
    bare = answer_costs(MODEL, prompt_tokens=6, new_tokens=3)
    assert (adapter["flops"] - bare["flops"], adapter["kv_bytes"] - bare["kv_bytes"]) == (7, 5)


def test_impossible_costs_are_refused():
    with pytest.raises(InvalidInputError, match="shared_tokens=5"):
        answer_costs(MODEL, prompt_tokens=4, new_tokens=0, shared_tokens=5)


def test_progress_prints_two_lines_where_there_is_no_terminal():
    target = StringIO()
    seconds = iter([10.0, 12.5])
    console = Console(file=target, force_terminal=False)
    with progress("Teaching", total=1200, console=console, clock=lambda: next(seconds)) as advance:
        for _ in range(4):
            advance(300)
    assert target.getvalue() == "Teaching: 1,200 steps\nTeaching: 1,200 of 1,200 in 2.5 s\n"


def test_progress_is_a_bar_on_a_terminal():
    target = StringIO()
    console = Console(file=target, force_terminal=True, width=100)
    with progress("Asking", total=2, console=console) as advance:
        advance(2)
    assert "Asking" in target.getvalue()
    assert "2/2" in target.getvalue()
    assert "steps" not in target.getvalue()
