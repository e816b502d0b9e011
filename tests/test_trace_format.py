"""The page on the trace format shows lines that are read and written just so, and names every field."""

import json
import re
from dataclasses import fields

import pytest
from hippo_core import EntitySlots, Episode, HashingEncoder, Provenance, Salience
from hippo_episodic import EpisodicStore, export_episodic_v1, import_episodic_v1
from hippo_episodic.exchange import EpisodeLine, Occurrence


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/reference/trace-format.md").read_text("utf-8")


@pytest.fixture
def examples(page):
    ours, seeds = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return json.loads(ours), json.loads(seeds)


@pytest.fixture
def store():
    with EpisodicStore(":memory:", encoder=HashingEncoder(8)) as store:
        yield store


def test_the_example_is_what_a_store_reads_and_writes(tmp_path, examples, store):
    ours, _ = examples
    (tmp_path / "in.jsonl").write_text(json.dumps(ours), "utf-8")
    (receipt,) = store.import_jsonl(tmp_path / "in.jsonl").receipts
    assert store.get(receipt.id).text == ours["episode"]["text"]
    store.export_jsonl(tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8")) == ours


def test_the_shortest_line_is_enough(tmp_path, page, store):
    (shortest,) = re.findall(r'`(\{"episode".*?\}\})`', page)
    (tmp_path / "in.jsonl").write_text(shortest, "utf-8")
    assert store.import_jsonl(tmp_path / "in.jsonl").receipts[0].status == "stored"


def test_the_seeds_example_is_what_a_store_reads_and_writes(tmp_path, page, examples, store):
    _, seeds = examples
    (tmp_path / "in.jsonl").write_text(json.dumps(seeds), "utf-8")
    (receipt,) = import_episodic_v1(store, tmp_path / "in.jsonl").receipts
    assert f"(`{store.get(receipt.id).text}`)" in " ".join(page.split())
    export_episodic_v1(store, tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8")) == seeds


@pytest.mark.parametrize("record", [EpisodeLine, Occurrence, Episode, Provenance, EntitySlots, Salience])
def test_every_field_is_explained_and_shown(page, examples, record):
    names = {field.name for field in fields(record)}
    assert {name for name in names if f"`{name}`" not in page} == set(), "not explained"
    assert {name for name in names if f'"{name}"' not in json.dumps(examples[0])} == set(), "not shown"
