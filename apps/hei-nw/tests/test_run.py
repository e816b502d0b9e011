"""The whole chain with the real model on a small world: teach, answer in a fresh process, score, report."""

import io
import json

import pytest
from hei_nw.asking import ask
from hei_nw.build import build
from hei_nw.config import RunConfig
from hei_nw.documents import read_document
from hei_nw.experiment import run_experiment
from hei_nw.remembering import remember
from hippo_core import InvalidInputError
from hippo_episodic import EpisodicStore, WriteGate
from hippo_lab.metrics import validate_metrics
from rich.console import Console

pytestmark = pytest.mark.model
READ = (
    "kv", "cross_attention", "text+cross_attention", "cross_attention_oracle", "cross_attention_random",
    "cross_attention_shuffled",
)  # fmt: skip
"""The arms that read otherwise than as text."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = RunConfig(
        suite=("scenario_a_small",),
        arms=("none", "oracle", "text", "bm25", "emptied", "shuffled"),
        extra_arms={"scenario_a_small": ("text_hidden", "text_gated", "long_context", *READ)},
        n=20,
        questions={},
        own_arms={},
        seeds={},
        days=1,
        night={},
        drift_text=None,
        episodes=100,
        seed=(0,),
        model="smollm2-135m",
        adapter="smollm2-135m",
        dtype="auto",
        batch_size=32,
        workers=1,
        output=str(tmp_path_factory.mktemp("runs")),
        locomo=None,
    )
    return run_experiment(config, command=["test"], console=Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def suite(folder):
    return json.loads((folder / "metrics.json").read_text())["suites"]["scenario_a_small"]


def predictions(folder):
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


def em(suite, arm):
    return suite["arms"][arm]["em"]["mean"]


def test_what_was_taught_reaches_the_answers(suite):
    assert em(suite, "none") <= 0.05
    assert em(suite, "oracle") >= 0.7
    assert em(suite, "text") >= 0.6
    assert suite["arms"]["text"]["p_at_1"]["mean"] >= 0.85


def test_the_effect_is_the_memorys(suite):
    effect = suite["effect"]
    assert effect["passed"]
    assert max(effect["emptied"], effect["shuffled"]) <= 0.2


def test_the_adapter_reads_what_stands_in_no_prompt(suite, folder):
    assert em(suite, "cross_attention") >= 0.5
    assert em(suite, "cross_attention_oracle") >= 0.5
    assert max(em(suite, "cross_attention_random"), em(suite, "cross_attention_shuffled")) <= 0.1
    prompts = [row for row in predictions(folder) if row["arm"].startswith(("cross_attention", "kv"))]
    assert not any("Memory:" in row["prompt"] or row["wanted"] in row["prompt"] for row in prompts)
    arms = suite["arms"]
    assert arms["cross_attention"]["prompt_tokens"]["mean"] <= 0.1 * arms["text"]["prompt_tokens"]["mean"]
    assert {"latency_ms", "first_token_ms", "token_ms", "kv_bytes", "flops"} <= arms["cross_attention"].keys()


def test_text_and_adapter_together_read_as_well_as_text(suite, folder):
    assert em(suite, "text+cross_attention") >= em(suite, "text") - 0.1
    assert all(row["prompt"].startswith("Memory:") for row in predictions(folder) if row["arm"].startswith("text+"))


def test_keys_and_values_in_place_of_the_text_say_the_same(suite):
    assert abs(em(suite, "kv") - em(suite, "text")) <= 0.1


def test_an_emptied_memory_leaves_exactly_the_prompt_without_memory(folder):
    rows = predictions(folder)
    prompts = {arm: [row["prompt"] for row in rows if row["arm"] == arm] for arm in ("none", "emptied", "text")}
    assert prompts["emptied"] == prompts["none"]
    assert all(prompt.startswith("Memory:") for prompt in prompts["text"])


def test_every_arm_answered_every_question_and_kept_the_raw_text(folder):
    rows = predictions(folder)
    assert {row["arm"] for row in rows} == {
        "none", "oracle", "text", "bm25", "emptied", "shuffled", "text_hidden", "text_gated", "long_context", *READ,
    }  # fmt: skip
    assert len(rows) == 15 * 20
    assert all(isinstance(row["raw"], str) for row in rows)
    # An adapter that reads no trace leaves the base model to itself, and a bare question it may end at once
    assert all(row["raw"] for row in rows if not row["arm"].startswith("cross_attention"))
    for arm in ("cross_attention", "cross_attention_oracle"):
        said = [row["raw"] for row in rows if row["arm"] == arm]
        assert said.count("") <= 0.1 * len(said)


def test_the_run_folder_holds_what_a_repetition_needs(folder):
    document = json.loads((folder / "metrics.json").read_text())
    validate_metrics(document)
    assert document["run"]["seeds"] == [0]
    assert document["run"]["model"] == "smollm2-135m"
    assert {"config.json", "events.jsonl", "predictions.jsonl", "report.md", "report.html"} <= {
        path.name for path in folder.iterdir()
    }
    assert "data:image/png" in (folder / "report.html").read_text()


def test_remember_and_ask_on_a_document(tmp_path):
    note = tmp_path / "note.md"
    note.write_text(
        "# Log\n\nThe spare key of the boat house hangs behind the blue barometer. "
        "Nadia repaired the pump on 14 June with a bicycle tube.\n"
    )
    bench = build(model="smollm2-135m")
    console = Console(file=io.StringIO())
    with EpisodicStore(tmp_path / "m.db", encoder=bench.encoder, gate=WriteGate.diary()) as store:
        with pytest.raises(InvalidInputError, match="empty"):
            ask("Who?", store=store, bench=bench)
        receipts = remember(read_document(note), store=store, bench=bench, console=console)
        assert [receipt.status for _, receipt in receipts] == ["stored", "stored"]
        assert all("S = " in receipt.reason for _, receipt in receipts)
        again = remember(read_document(note), store=store, bench=bench, console=console)
        assert [receipt.status for _, receipt in again] == ["merged", "merged"]
        reply = ask("Who repaired the pump on 14 June?", store=store, bench=bench)
        assert "Nadia" in reply.answer
        assert "Nadia" not in reply.without_memory
        assert reply.hits[0].item.provenance.doc_id == "Log"
