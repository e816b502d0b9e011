"""Nights in the experiment: what is told on which day, what a run shows of it, and the weights that are shipped."""

import io
import json
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hei_nw.config import RunConfig
from hei_nw.experiment import run_experiment
from hei_nw.nights_report import with_nights
from hei_nw.recency import asks_for_the_present
from hei_nw.rephrasing import taught_wordings
from hei_nw.sleeping import SHIPPED, Asked, Rested, has_rested, make_night_world, split_days, take_shipped_night
from hei_nw.stages import _worlds_in
from hei_nw.suites import make_world
from hippo_lab.metrics import SuiteMetrics
from hippo_lab.statistics import Interval
from hippo_lab.worlds import world_checksum
from rich.console import Console

MODES = ("none", "cross_attention", "consolidated+cross_attention", "consolidated")


@pytest.mark.parametrize("suite", [f"scenario_{letter}" for letter in "abcde"])
def test_everything_told_is_asked_about_or_was_true_before(suite):
    world = make_night_world(suite, seed=0, facts=20)
    assert world.suite == f"{suite}_night"
    assert len(world.questions) == 20
    gold = {key for question in world.questions for key in question.gold}
    former = {value for question in world.questions for value in question.stale}
    for item in world.items:
        assert item.key in gold or former & set(item.episode.slots.filled().values())
    assert gold <= {item.key for item in world.items}


@pytest.mark.parametrize("suite", [f"scenario_{letter}" for letter in "abcde"])
def test_no_question_is_worded_as_a_night_teaches(suite):
    world = make_night_world(suite, seed=0, facts=40)
    taught = taught_wordings([item.episode.text for item in world.items])
    assert taught
    assert not taught & {question.text for question in world.questions}
    plain = make_world(suite, seed=0, episodes=134, questions=40)
    for question, own in zip(world.questions, plain.questions, strict=True):
        assert question == replace(own, text=question.text)
        assert asks_for_the_present(question.text) == asks_for_the_present(own.text), "no arm is told less"
    if suite not in ("scenario_c", "scenario_e"):  # no wording fits some of their questions
        assert not {question.text for question in plain.questions} & {question.text for question in world.questions}


def test_what_is_asked_in_development_is_not_asked_in_a_test():
    words = {
        split: {
            " ".join(question.text.split()[:3])
            for question in make_night_world("scenario_b", seed=0, facts=60, split=split).questions
        }
        for split in ("dev", "test")
    }
    assert not words["dev"] & words["test"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_shipped_nights_are_of_the_worlds_that_are_asked(seed):
    world = make_night_world("scenario_b", seed=seed, facts=64)
    shipped = SHIPPED / f"scenario_b_night-{seed}" / "world.sha256"
    assert shipped.read_text().strip() == world_checksum(world)


def test_what_a_refused_night_cost_is_not_what_the_weights_in_force_cost():
    def night(status, ratio):
        guards = {"perplexity_ratio": ratio, "divergence": 0.01, "locality": 1.0, "agreement": 1.0}
        return {"status": status, "guards": guards}

    one = Interval(mean=0.5, low=0.5, high=0.5, n=1, seeds=1)
    told = Rested(
        suite="s", seed=0, shipped=False, weights=None, nights=(night("committed", 1.01), night("refused", 1.5)),
        asked=(Asked(day=1, night=2, right=(1.0, 0.0)),),
    )  # fmt: skip
    found = with_nights(SuiteMetrics(arms={"none": {"em": one}, "consolidated": {"em": one}}), [told]).arms
    assert found["consolidated"]["perplexity_ratio"].mean == 1.01
    assert found["consolidated"]["em_day_1"].mean == 0.5
    assert set(found["none"]) == {"em"}


def test_days_share_the_questions_and_tell_each_thing_once():
    world = make_night_world("scenario_b", seed=0, facts=20)
    days = split_days(world, 3)
    assert [len(day.questions) for day in days] == [7, 7, 6]
    assert [question for day in days for question in day.questions] == list(world.questions)
    keys = [item.key for day in days for item in day.items]
    assert sorted(keys) == sorted(item.key for item in world.items)
    for day in days:
        told = {item.key for item in day.items}
        assert all(set(question.gold) <= told for question in day.questions), "a fact and its corrections come together"


def test_a_shipped_night_is_taken_for_its_own_world_and_model_alone(tmp_path):
    digest = json.loads((SHIPPED / "scenario_b_night-0" / "night.json").read_text())["model"]["digest"]

    def taken(name, facts, model_digest):
        folder = tmp_path / name
        folder.mkdir()
        take_shipped_night(
            make_night_world("scenario_b", seed=0, facts=facts), folder, lambda: SimpleNamespace(digest=model_digest)
        )
        return has_rested(folder)

    assert taken("own", 64, digest)
    assert not taken("another world", 20, digest)
    assert not taken("another model", 64, "f" * len(digest))


def test_the_world_with_the_most_answers_to_give_is_taken_first(tmp_path):
    suites = ("scenario_b", "scenario_b_night", "scenario_a")
    arms = {"scenario_b": ("none",), "scenario_b_night": MODES, "scenario_a": ("none", "text")}
    mixed = config(tmp_path, suite=suites, own_arms=arms)
    assert [suite for suite, _ in _worlds_in("answer", mixed, tmp_path)] == [
        "scenario_b_night", "scenario_a", "scenario_b"
    ]  # fmt: skip
    assert [suite for suite, _ in _worlds_in("teach", mixed, tmp_path)] == list(suites)


def config(tmp_path, **changed):
    return RunConfig(
        **{
            "suite": ("scenario_b_night",),
            "arms": MODES,
            "extra_arms": {},
            "own_arms": {},
            "n": 4,
            "questions": {},
            "episodes": 100,
            "seed": (0,),
            "seeds": {},
            "days": 1,
            "night": {},
            "drift_text": None,
            "model": "smollm2-135m",
            "adapter": "smollm2-135m",
            "dtype": "auto",
            "batch_size": 32,
            "workers": 1,
            "output": str(tmp_path),
            "locomo": None,
            **changed,
        }
    )


@pytest.mark.model
def test_a_run_of_two_days_shows_the_modes_and_what_is_kept(tmp_path):
    open_limits = {"perplexity_limit": 99, "divergence_limit": 99, "locality_limit": 0, "retention_limit": 0}
    short = {"steps": 1, "questions": 1, "near": 1, "own": 1, "own_passages": 3, "guarded_tokens": 32}
    night = {**open_limits, **short, "everyday_questions": 2}
    shown = io.StringIO()
    folder = run_experiment(
        config(tmp_path, days=2, n=2, night=night), command=["test"], console=Console(file=shown, width=80)
    )
    for mode in ("B0 no memory", "B1 store on", "B2 night, on", "B3 night, off"):
        assert mode in shown.getvalue()
    assert "ppl ratio" in shown.getvalue()
    rested = json.loads((folder / "worlds" / "scenario_b_night-0" / "rested.json").read_text())
    assert [night["status"] for night in rested["nights"]] == ["committed", "committed"]
    assert [(each["day"], each["night"]) for each in rested["asked"]] == [(1, 1), (1, 2), (2, 2)]
    kept = json.loads((folder / "metrics.json").read_text())["suites"]["scenario_b_night"]["arms"]["consolidated"]
    assert kept["perplexity_ratio"]["mean"] == pytest.approx(rested["nights"][-1]["guards"]["perplexity_ratio"])
    last = [each["right"] for each in rested["asked"] if each["night"] == 2]
    assert [kept[day]["n"] for day in ("em_day_1", "em_day_2")] == [len(right) for right in last]
    assert [kept[day]["mean"] for day in ("em_day_1", "em_day_2")] == [sum(right) / len(right) for right in last]
    assert all(first["seconds"] and second["seconds"] for first, second in pairwise(rested["nights"]))
    assert (folder / "plots" / "scenario_b_night-retention.png").is_file()
    assert "told on" in (folder / "report.md").read_text()


@pytest.mark.model
def test_the_shipped_night_answers_with_the_store_off(tmp_path):
    folder = run_experiment(
        config(tmp_path, n=64, arms=("none", "consolidated")), command=["test"], console=Console(file=io.StringIO())
    )
    rested = json.loads((folder / "worlds" / "scenario_b_night-0" / "rested.json").read_text())
    assert rested["shipped"]
    arms = json.loads((folder / "metrics.json").read_text())["suites"]["scenario_b_night"]["arms"]
    assert arms["none"]["em"]["mean"] <= 0.02
    assert arms["consolidated"]["em"]["mean"] >= 0.7
    tokens = [arms[arm]["prompt_tokens"]["mean"] for arm in ("none", "consolidated")]
    assert tokens[0] == tokens[1], "the same prompt"
