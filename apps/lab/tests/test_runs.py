"""From answers to a run folder: predictions, metrics in their one shape, tables, plots and reports."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO

import numpy as np
import pytest
from hippo_core import Episode, InvalidInputError, Provenance
from hippo_lab.arms import Answer, Trace
from hippo_lab.console import print_results
from hippo_lab.environment import config_hash, describe_hardware, installed_versions, source_state
from hippo_lab.errors import MetricsShapeError
from hippo_lab.guard import DecodingGuard
from hippo_lab.metrics import Metrics, RunInfo, validate_metrics
from hippo_lab.plots import Curve, arms_plot, recall_plot
from hippo_lab.predictions import Prediction, judge, summarise
from hippo_lab.report import Picture, Section, pick_examples, write_report
from hippo_lab.runs import RunFolder
from hippo_lab.worlds import Item, Question, World
from matplotlib import image
from rich.console import Console

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tiny_world() -> World:
    return World(
        suite="tiny",
        seed=1,
        split="test",
        items=tuple(
            Item(
                key=f"i{number}",
                episode=Episode(
                    text=f"Person{number} lives in Town{number}.",
                    provenance=Provenance(source="test", time=NOW + timedelta(minutes=number)),
                ),
                asked=True,
            )
            for number in range(2)
        ),
        questions=tuple(
            Question(
                id=f"q{number}",
                text=f"Where does Person{number} live?",
                answer=f"Town{number}",
                slot="where",
                cue={"who": f"Person{number}"},
                gold=(f"i{number}",),
                cue_style="who",
            )
            for number in range(2)
        ),
    )


def prediction(arm: str, number: int, *, right: bool, seed: int = 0) -> Prediction:
    return Prediction(
        suite="tiny",
        seed=seed,
        arm=arm,
        question_id=f"q{number}",
        question=f"Where does Person{number} live?",
        wanted=f"Town{number}",
        text=f"Town{number}" if right else "nowhere <b>",
        raw="raw",
        prompt=f"Memory: Person{number} lives in Town{number}.\nQuestion: Where?\nAnswer:",
        traces=(Trace(text=f"Person{number} lives in Town{number}.", key=f"i{number}", score=0.5),),
        scores={"em": float(right), "em_strict": float(right), "f1": float(right), "prompt_tokens": 20.0 + number},
    )


@pytest.fixture
def predictions() -> list[Prediction]:
    rows = [prediction("none", number, right=False, seed=seed) for seed in (0, 1) for number in range(30)]
    rows += [prediction("text", number, right=number % 10 != 0, seed=seed) for seed in (0, 1) for number in range(30)]
    for control in ("emptied", "shuffled"):
        rows += [prediction(control, number, right=number == 5, seed=seed) for seed in (0, 1) for number in range(30)]
    return rows


@pytest.fixture
def metrics(predictions) -> Metrics:
    run = RunInfo(
        commit="abc",
        dirty=False,
        versions={"python": "3.11"},
        model="smollm2-135m",
        seeds=(0, 1),
        hardware="2 CPU cores",
        command="hei-nw | tee",
        config_hash="f" * 64,
        seconds=12.5,
    )
    suite = summarise(predictions, compare=[("text", "none"), ("shuffled", "none")], effect_of="text", rng=rng())
    return Metrics(experiment="hei-nw", run=run, suites={"tiny": suite})


def test_answers_are_judged_with_their_question():
    world = tiny_world()
    answers = [
        Answer(
            question_id="q0",
            text="the Town0",
            raw="the Town0\nQ",
            traces=(Trace(text="t", key="i0"),),
            costs={"prompt_tokens": 9.0},
        ),
        Answer(question_id="q1", text="Town1 Question: who", raw="…", traces=(Trace(text="t", key="i7"),)),
    ]
    first, second = judge(answers, world.questions, world=world, arm="text", guard=DecodingGuard())
    assert first.scores == {"em": 1, "em_strict": 0, "f1": 1, "p_at_1": 1, "prompt_tokens": 9}
    assert (first.fault, first.raw, first.seed, first.cue_style) == (None, "the Town0\nQ", 1, "who")
    assert second.fault == "template"
    assert second.scores == {"em": 0, "em_strict": 0, "f1": 0, "p_at_1": 0}


def test_a_malformed_answer_never_counts_even_where_it_is_the_answer():
    world = tiny_world()
    question = replace(world.questions[0], answer="?")
    answer = Answer(question_id="q0", text="?", raw="?")
    (row,) = judge([answer], [question], world=world, arm="none", guard=DecodingGuard())
    assert (row.fault, row.scores["em"], row.scores["em_strict"]) == ("punctuation", 0.0, 0.0)


def test_answers_to_other_questions_are_refused():
    world = tiny_world()
    with pytest.raises(InvalidInputError, match="in another order"):
        judge(
            [Answer(question_id="q1", text="a", raw="a"), Answer(question_id="q0", text="a", raw="a")],
            world.questions,
            world=world,
            arm="text",
            guard=DecodingGuard(),
        )


def test_a_summary_has_means_differences_and_the_effect(metrics):
    suite = metrics.suites["tiny"]
    assert suite.arms["text"]["em"].mean == pytest.approx(0.9)
    assert (suite.arms["text"]["em"].n, suite.arms["text"]["em"].seeds) == (60, 2)
    assert suite.arms["none"]["prompt_tokens"].mean == pytest.approx(34.5)
    lift, weak, effect = suite.differences
    assert (lift.a, lift.b, lift.metric) == ("text", "none", "em")
    assert lift.mean == pytest.approx(0.9)
    assert lift.p < 1e-9
    assert weak.p == pytest.approx(0.5)  # 2 of 2 discordant pairs, the larger p of the family
    assert suite.effect is not None
    assert suite.effect.passed
    assert effect.low == suite.effect.difference.low > 0.2


def test_a_memory_whose_content_does_not_matter_fails_the_effect_test(predictions):
    same = [replace(row, arm="shuffled") for row in predictions if row.arm == "text"]
    others = [row for row in predictions if row.arm != "shuffled"]
    suite = summarise([*others, *same], effect_of="text", rng=rng())
    assert suite.effect is not None
    assert not suite.effect.passed


def test_summaries_of_nothing_or_of_absent_arms_are_refused(predictions):
    with pytest.raises(InvalidInputError, match=r"arm 'kv' did not run; there are: none, text"):
        summarise(predictions, compare=[("kv", "none")], rng=rng())
    with pytest.raises(InvalidInputError, match="one suite at a time"):
        summarise([], rng=rng())
    apart = [*predictions, prediction("late", 99, right=True)]
    with pytest.raises(InvalidInputError, match="no question in common"):
        summarise(apart, compare=[("late", "none")], rng=rng())


def test_metrics_have_exactly_the_agreed_shape(metrics):
    document = json.loads(json.dumps(metrics.document(), allow_nan=False))
    validate_metrics(document)
    assert set(document) == {"experiment", "run", "suites"}
    assert set(document["run"]) == {
        "commit", "dirty", "versions", "model", "seeds", "hardware", "command", "config_hash", "seconds",
    }  # fmt: skip
    suite = document["suites"]["tiny"]
    assert set(suite) == {"arms", "differences", "effect"}
    assert set(suite["arms"]["text"]["em"]) == {"mean", "low", "high", "n", "seeds"}
    assert set(suite["differences"][0]) == {"a", "b", "metric", "mean", "low", "high", "p"}
    assert set(suite["effect"]) == {"full", "emptied", "shuffled", "passed"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("run", "commit"), None, "run.commit must be"),
        (("run", "dirty"), 1, "run.dirty must be"),
        (("run", "seconds"), True, "run.seconds must be"),
        (("run", "extra"), 1, "run.extra must be one of commit, dirty"),
        (
            ("suites", "tiny", "arms", "text", "em", "mean"),
            float("nan"),
            "suites.tiny.arms.text.em.mean must be a finite",
        ),
        (("suites", "tiny", "arms", "text", "em", "low"), 0.99, "suites.tiny.arms.text.em must be low ≤ mean ≤ high"),
        (("suites", "tiny", "arms", "text", "em", "n"), 0, "suites.tiny.arms.text.em.n must be ≥ 1"),
        (("suites", "tiny", "differences", 0, "p"), 1.5, "differences[0].p must be in [0, 1]"),
        (("suites", "tiny", "effect", "passed"), "yes", "effect.passed must be true or false"),
        (("suites", "tiny", "effect", "full"), 3, "effect.full must be in [0, 1]"),
    ],
)
def test_any_other_shape_is_named(metrics, path, value, message):
    document = copy.deepcopy(metrics.document())
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(MetricsShapeError, match=re.escape(message)):
        validate_metrics(document)


def test_a_missing_part_is_named(metrics):
    document = metrics.document()
    del document["suites"]["tiny"]["differences"]
    with pytest.raises(MetricsShapeError, match=r"suites\.tiny\.differences must be present"):
        validate_metrics(document)


def test_a_run_folder_keeps_everything(tmp_path, metrics, predictions):
    run = RunFolder.create(tmp_path, "hei-nw", config={"seed": 1, "model": "x"}, clock=clock)
    assert re.fullmatch(r"hei-nw-[0-9a-f]{8}", run.path.name)
    assert run.path.parent == tmp_path / "2026-05-04"
    run.events.log("taught", "hei_nw", items=3)
    run.add_predictions(predictions[:2])
    run.add_predictions(predictions[2:])
    run.write_metrics(metrics)
    opened = RunFolder(run.path, clock=clock)
    assert opened.config == {"seed": 1, "model": "x"}
    assert opened.predictions() == predictions
    assert opened.metrics() == metrics.document()
    (event,) = opened.events.read()
    assert (event["kind"], event["package"], event["payload"]) == ("taught", "hei_nw", {"items": 3})


def test_the_same_configuration_twice_makes_two_folders(tmp_path):
    runs = [RunFolder.create(tmp_path, "hei-nw", config={"seed": 1}, clock=clock) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    assert runs[2].path.name == runs[0].path.name + "-3"
    assert runs[0].predictions() == []


def test_folders_that_are_no_runs_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"is not a run folder: it has no config\.json"):
        RunFolder(tmp_path, clock=clock)
    with pytest.raises(InvalidInputError, match=r"experiment '\.\./x' must be"):
        RunFolder.create(tmp_path, "../x", config={}, clock=clock)


def test_the_report_is_one_file_with_its_images_and_no_outside_asset(tmp_path, metrics, predictions):
    curve = Curve(label="gate", x=(0.1, 0.5, 1.0), y=(0.3, 0.8, 1.0))
    extra = Section(
        title="Gate",
        text="First.\n\nSecond <i>.",
        pictures=(Picture(name="keep", caption="Keep & lose", png=recall_plot([curve])),),
    )
    markdown, page = write_report(tmp_path, metrics.document(), predictions, extra=[extra])
    text = page.read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == 2
    assert not re.search(r'(?:src|href)="(?!data:)|url\(|@import|<script|<link', text)
    assert "nowhere &lt;b&gt;" in text
    assert "nowhere <b>" not in text
    assert 'class="verdict good"' in text
    assert "effect test PASSED (EM 0.900 full, 0.033 emptied, 0.033 shuffled; lower 95 % bound" in text
    assert "Memory: Person0 lives in Town0." in text
    plain = markdown.read_text(encoding="utf-8")
    assert "🟢 **tiny: effect test PASSED" in plain
    assert "- command: hei-nw \\| tee" in plain
    for name in re.findall(r"\]\((plots/[^)]+)\)", plain):
        assert image.imread(tmp_path / name).shape[2] in (3, 4)
    assert plain.count("](plots/") == 2


def test_a_failed_effect_is_red(tmp_path, metrics):
    document = metrics.document()
    document["suites"]["tiny"]["effect"]["passed"] = False
    markdown, page = write_report(tmp_path, document, [])
    assert "🔴 **tiny: effect test FAILED" in markdown.read_text(encoding="utf-8")
    assert 'class="verdict bad"' in page.read_text(encoding="utf-8")


def test_a_run_without_controls_says_so(tmp_path, metrics):
    document = metrics.document()
    del document["suites"]["tiny"]["effect"]
    validate_metrics(document)
    markdown, _ = write_report(tmp_path, document, [])
    assert "no effect test, because the run had no emptied and shuffled controls" in markdown.read_text(
        encoding="utf-8"
    )


def test_examples_show_right_and_wrong_answers_of_each_arm(predictions):
    rows = pick_examples(predictions, each=2)
    assert [(row.arm, row.scores["em"]) for row in rows if row.arm == "text"] == [("text", 1), ("text", 1)] + [
        ("text", 0)
    ] * 2
    assert sum(row.arm == "none" for row in rows) == 2


def test_the_console_shows_brackets_and_the_verdict(metrics):
    target = StringIO()
    print_results(metrics.document(), console=Console(file=target, width=200, color_system=None))
    shown = target.getvalue()
    assert re.search(r"text\s+0\.900 \[0\.8\d+, 0\.9\d+\]", shown)
    assert "30 × 2" in shown
    assert "effect test PASSED" in shown
    assert "< 0.001" in shown


def size(png: bytes) -> tuple[int, ...]:
    return image.imread(BytesIO(png)).shape


def test_plots_are_pictures_and_repeat(metrics):
    arms = metrics.document()["suites"]["tiny"]["arms"]
    first, second = (arms_plot(arms, metric="em", title="t") for _ in range(2))
    assert first == second
    assert first != arms_plot(arms, metric="prompt_tokens", title="t")
    assert min(size(first)[:2]) > 300
    curve = Curve(label="store", x=(5, 10, 20), y=(0.5, 0.6, 0.7), low=(0.4, 0.5, 0.6), high=(0.6, 0.7, 0.8))
    assert min(size(recall_plot([curve, replace(curve, label="bm25", baseline=True)]))[:2]) > 300
    with pytest.raises(InvalidInputError, match="no arm has the metric 'em'"):
        arms_plot({"text": {}}, metric="em", title="t")
    with pytest.raises(InvalidInputError, match="as many x as y"):
        Curve(label="bad", x=(1, 2), y=(1,))


def test_the_environment_says_what_a_run_came_from(tmp_path):
    assert source_state(tmp_path).commit == "unknown"
    assert source_state(tmp_path).dirty
    commands = (
        ["init", "-q"], ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-q", "--allow-empty", "-m", "one"],
    )  # fmt: skip
    for command in commands:
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    clean = source_state(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{40}", clean.commit)
    assert not clean.dirty
    (tmp_path / "new.txt").write_text("x", encoding="utf-8")
    assert source_state(tmp_path).dirty
    assert set(installed_versions(["numpy", "no-such-package-here"])) == {"python", "numpy"}
    assert "CPU cores" in describe_hardware()


def test_the_configuration_hash_ignores_order_but_no_value():
    assert config_hash({"a": 1, "b": [1, 2]}) == config_hash({"b": [1, 2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
