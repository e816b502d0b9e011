"""A night: it teaches, it costs nothing else or is refused, and it can be taken back to the last bit."""

import copy
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel, generate, load_model
from hippo_adapters.errors import UnsupportedModelError
from hippo_core import Episode, Provenance, Salience
from hippo_core.errors import HippoError, InvalidInputError
from hippo_episodic import EpisodicStore
from hippo_train import (
    CheckedQuestion,
    ConsolidationConfig,
    LanguageModelRewriter,
    Nights,
    OutOfMemoryError,
    ReplayQuestion,
    adapted,
    consolidate,
    rewrite_traces,
)
from hippo_train.consolidation.guards import Guard, GuardReport, normalised
from hippo_train.consolidation.learning import learning_layers
from hippo_train.consolidation.lessons import SoftTarget, as_lessons, packed_rows, text_row
from hippo_train.consolidation.own_text import sample_anywhere
from hippo_train.consolidation.own_text_file import own_text
from hippo_train.consolidation.split import SplitModel
from hippo_train.consolidation.stillness import Stillness
from peft import PeftModel

pytestmark = pytest.mark.model
FACTS = (
    "The keeper of the old mill is Ada.",
    "The colour of the boat's sail is purple.",
    "Corwin repaired the denim bracelet at the pier on 4 May.",
    "Flora Quigley sold the emerald jug at the shipyard.",
)
SHORT = ConsolidationConfig(
    steps=2,
    questions=2,
    statements=1,
    near=1,
    own=1,
    own_passages=3,
    guarded_tokens=16,
    everyday_questions=0,
    perplexity_limit=9.0,
    divergence_limit=9.0,
    locality_limit=0.0,
    retention_limit=0.0,
)


@pytest.fixture(scope="module")
def shallow() -> LanguageModel:
    """The real weights, but four blocks of the thirty: what is tested with it does not depend on how well it reads."""
    model = load_model("smollm2-135m", dtype="float32")
    decoder = model.model.get_decoder()
    decoder.layers = decoder.layers[:4]
    model.model.config.num_hidden_layers = 4
    return model


@pytest.fixture
def store(tmp_path: Path):
    with EpisodicStore(tmp_path / "memory.db") as opened:
        for text in FACTS:
            opened.write(text, provenance="chat")
        yield opened


def bits(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def test_a_night_teaches_the_real_model_what_it_is_asked_in_other_words(tmp_path: Path):
    model = load_model("smollm2-135m", dtype="float32")
    before = weights(model)
    config = replace(
        SHORT, steps=50, questions=5, learning_rate=5e-3, checks_per_trace=1, reminder_weight=1, stillness_weight=0
    )
    with EpisodicStore(tmp_path / "memory.db") as store:
        for text in FACTS:
            store.write(text, provenance="chat")
        report = consolidate(store, model, tmp_path / "nights", config)
        assert report.status == "committed"
        assert report.em is not None
        assert report.em >= 0.5
        assert not any(each.before.strip().lower() == each.answer.lower() for each in report.checked)
        assert store.ledger.tally(report.night.name).known == set(report.learnt)  # pyright: ignore[reportOptionalMemberAccess]
    after = weights(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before), "the base is left as it was found"
    asked = next(each for each in report.checked if each.right)
    prompt = [f"Question: {asked.question}\nAnswer:"]
    assert generate(model, prompt)[0].text == asked.before
    adapted = PeftModel.from_pretrained(model.model, report.night)  # pyright: ignore[reportArgumentType]
    assert generate(model, prompt)[0].text == asked.after, "what was saved is what was judged"
    adapted.unload()


def test_a_night_is_recorded_and_leaves_files_to_read(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    said: list[str] = []
    report = consolidate(
        store, shallow, tmp_path / "nights", SHORT, progress=lambda what, done, total: said.append(what)
    )
    night = report.night
    assert night == Nights(tmp_path / "nights").current
    assert night is not None
    assert set(report.replayed) == {1, 2, 3, 4}
    assert [replay.adapter for replay in store.ledger.replays(1)] == [night.name]
    described = json.loads((night / "night.json").read_text())
    assert described["model"]["digest"] == shallow.digest
    assert "Ada" not in (night / "night.json").read_text(), "the text of traces is in the report alone"
    page = (night / "report.html").read_text()
    assert "<svg" in page
    for part in ("4 memories for the first time", "Not taught", "Forgotten", "at most", "Corwin"):
        assert part in page
    assert "committed" in page
    assert {"Reading", "Learning", "Asking"} <= set(said)
    assert len(store) == 4


def test_the_same_seed_gives_the_same_bits(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    nights = [consolidate(store, shallow, tmp_path / name, SHORT).night for name in "ab"]
    first, second = ((night / "adapter_model.safetensors").read_bytes() for night in nights if night is not None)
    assert first == second


def test_a_bad_night_is_refused_and_changes_nothing(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    nights = Nights(tmp_path / "nights")
    consolidate(store, shallow, nights, SHORT)
    current = nights.current
    assert current is not None
    before = bits(current)
    store.write("The price of the barn is nine.", provenance="chat")
    bad = replace(SHORT, steps=8, near=0, own=0, learning_rate=0.5, perplexity_limit=1.02)
    report = consolidate(store, shallow, nights, bad)
    assert report.status == "refused"
    assert any("perplexity" in reason for reason in report.refused_for)
    assert nights.current == current
    assert bits(current) == before
    assert report.night is not None
    assert not list(report.night.glob("*.safetensors"))
    page = (report.night / "report.html").read_text()
    assert "refused" in page
    assert "would have done" in page
    assert 5 not in store.ledger.tally(report.night.name).known


def test_a_night_is_taken_back_to_the_last_bit(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    nights = Nights(tmp_path / "nights")
    first = consolidate(store, shallow, nights, SHORT).night
    assert first is not None
    before = bits(first)
    store.write("The price of the barn is nine.", provenance="chat")
    second = consolidate(store, shallow, nights, SHORT)
    assert second.night == nights.current
    assert nights.lineage() == [first, second.night]
    assert nights.roll_back() == first
    assert bits(first) == before
    assert nights.roll_back() is None
    with pytest.raises(InvalidInputError, match="nothing to take back"):
        nights.roll_back()


def test_a_night_that_was_killed_leaves_no_trace_and_the_next_one_works(store: EpisodicStore, tmp_path: Path):
    nights = Nights(tmp_path / "nights")
    program = f"""
import os, signal
from hippo_adapters import load_model
from hippo_episodic import EpisodicStore
from hippo_train import consolidate
from test_consolidation import SHORT
model = load_model("smollm2-135m", dtype="float32")
decoder = model.model.get_decoder(); decoder.layers = decoder.layers[:4]; model.model.config.num_hidden_layers = 4
def die(what, done, total):
    if what == "Learning": os.kill(os.getpid(), signal.SIGKILL)
with EpisodicStore({str(tmp_path / "memory.db")!r}) as store:
    consolidate(store, model, {str(nights.folder)!r}, SHORT, progress=die)
"""
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": here}, check=False)
    assert run.returncode == -signal.SIGKILL
    assert nights.current is None
    left = list(nights.folder.glob("night-*"))
    assert [path.suffix for path in left] == [".part"]
    assert store.ledger.replays(1), "what was about to be learnt was noted before"
    with nights.lock():
        fresh = nights.begin()
    assert not left[0].exists()
    assert fresh.name.startswith("night-0001")


def test_an_interrupted_night_leaves_the_model_as_it_was(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    before = weights(shallow)

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "Learning":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consolidate(store, shallow, tmp_path / "nights", SHORT, progress=interrupt)
    after = weights(shallow)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in shallow.model.parameters())
    assert consolidate(store, shallow, tmp_path / "nights", SHORT).status == "committed"


def test_one_night_at_a_time(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    nights = Nights(tmp_path / "nights")
    with nights.lock(), pytest.raises(InvalidInputError, match="A night is under way"):
        consolidate(store, shallow, tmp_path / "nights", SHORT)


def test_what_the_weights_know_is_rehearsed_and_not_learnt_anew(
    shallow: LanguageModel, store: EpisodicStore, tmp_path: Path
):
    nights = Nights(tmp_path / "nights")
    with nights.lock():
        described = {"model": {"name": "", "digest": shallow.digest}, "config": asdict(SHORT)}
        first = nights.commit(nights.begin(), {**described, "learnt": [1, 2], "forgotten": []})
    store.ledger.mark_known([1, 2], first.name)
    with learning_layers(shallow, SHORT, None) as adapted:
        adapted.save_pretrained(first)
    correction = store.write("The keeper of the old mill is now Ben.", provenance="chat").id
    report = consolidate(store, shallow, nights, SHORT)
    assert set(report.replayed) == {3, 4, correction}
    assert report.rehearsed == (2,), "what is corrected since is neither practised nor counted as forgotten"
    assert report.guards is not None
    assert (report.forgotten, report.guards.retention) in (((), 1.0), ((2,), 0.0))


def test_what_the_weights_know_better_is_not_taught(
    shallow: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(CheckedQuestion, "right", True)
    with EpisodicStore(":memory:") as store:
        told = [
            store.write(text, provenance="chat").id for text in (FACTS[0], "The keeper of the old mill is now Ben.")
        ]
        assert consolidate(store, shallow, tmp_path / "nights", SHORT).learnt == (told[1],)
        other = store.write(FACTS[3], provenance="chat").id
        report = consolidate(store, shallow, tmp_path / "nights", replace(SHORT, rehearsed=0))
    assert report.replayed == (other,), "not Ada, although Ben is not practised tonight"
    assert report.unasked == (told[0],)


def test_a_night_that_could_not_be_committed_is_learnt_again(
    shallow: LanguageModel, store: EpisodicStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> Path:
        raise OSError("The disk is full.")

    monkeypatch.setattr(CheckedQuestion, "right", True)
    with monkeypatch.context() as patched:
        patched.setattr(Nights, "commit", fail)
        with pytest.raises(OSError, match="full"):
            consolidate(store, shallow, tmp_path / "nights", SHORT)
    report = consolidate(store, shallow, tmp_path / "nights", SHORT)
    assert set(report.replayed) == set(report.learnt) == {1, 2, 3, 4}
    assert report.rehearsed == ()
    assert consolidate(store, shallow, tmp_path / "nights", SHORT).status == "nothing to learn"


def test_nothing_to_learn_makes_no_night(shallow: LanguageModel, tmp_path: Path):
    with EpisodicStore(":memory:") as empty:
        report = consolidate(empty, shallow, tmp_path / "nights", SHORT)
    assert report.status == "nothing to learn"
    assert report.night is None
    assert not list((tmp_path / "nights").glob("night-*"))


def test_what_cannot_be_asked_about_is_never_counted_as_known(shallow: LanguageModel, tmp_path: Path):
    with EpisodicStore(":memory:") as store:
        store.write("Well, hm!", provenance="chat")
        report = consolidate(store, shallow, tmp_path / "nights", replace(SHORT, statements=0))
        assert (report.status, report.night, report.unasked) == ("nothing to learn", None, (1,))
        report = consolidate(store, shallow, tmp_path / "nights", SHORT)
    assert report.status == "committed"
    assert report.unasked == report.replayed == (1,)
    assert report.learnt == ()
    assert report.em is None


def test_what_cannot_be_asked_about_takes_no_place_from_what_can(shallow: LanguageModel, tmp_path: Path):
    with EpisodicStore(":memory:") as store:
        told = [(f"Well, hm {i}!", 1.0) for i in range(40)] + [(FACTS[0], 0.0)]
        chat = Provenance(source="chat")
        episodes = [Episode(text=text, provenance=chat, salience=Salience(score=score)) for text, score in told]
        kept = store.write_many(episodes)[-1].id
        report = consolidate(store, shallow, tmp_path / "nights", replace(SHORT, statements=0, traces=2))
    assert report.replayed == (kept,)
    assert len(report.unasked) == 40


def test_own_text_is_heard_once(shallow: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    heard = own_text(shallow, SHORT, tmp_path, guarded=True)
    assert len(heard.passages) == 3
    assert [len(row) for row in heard.guarded] == [16]
    with monkeypatch.context() as patched:
        patched.setattr("hippo_train.consolidation.own_text_file.sample_passages", None)
        assert own_text(shallow, SHORT, tmp_path, guarded=True) == heard
    assert own_text(shallow, SHORT, tmp_path, guarded=False).guarded == []
    other = own_text(shallow, replace(SHORT, seed=1), tmp_path, guarded=False)
    assert other.passages != heard.passages, "other settings are heard anew"
    for damaged in ("{", "[]", '{"key": 1}'):
        (tmp_path / "own-text.json").write_text(damaged)
        assert own_text(shallow, SHORT, tmp_path, guarded=True) == heard


def test_a_model_makes_up_questions_that_it_can_answer(tmp_path: Path):
    model = load_model("smollm2-135m", dtype="float32")
    told = "Beyond the orchard, Petra Lindqvist keeps eleven grey donkeys."
    rewriter = LanguageModelRewriter(model, samples=24)
    assert not rewrite_traces(["Mumbling about nothing."])[0].questions
    (rewrite, *_) = rewriter([told, "Mumbling about nothing."])
    plain = rewrite_traces([told])[0]
    made_up = [each for each in rewrite.questions if each not in plain.questions]
    assert made_up
    for question in made_up:
        assert question.text.endswith("?")
        assert question.answer.lower() in told.lower()
        assert question.answer.lower() not in question.text.lower()
        prompts = [DEFAULT_TEMPLATE.prompt(question.text, traces) for traces in ([told], [])]
        read, unread = (normalised(said.text) == normalised(question.answer) for said in generate(model, prompts))
        assert read, question
        assert not unread, f"{question}: it can be answered by anyone"
    assert rewriter([told])[0] == rewrite, "the same text has the same questions"


def test_nothing_is_made_up_about_a_trace_of_which_some_is_corrected(shallow: LanguageModel):
    rewriter = LanguageModelRewriter(shallow)
    told = ["The keeper of the mill is Ada. The boat has nine sails.", "The keeper of the mill is now Ben."]
    made_up = ReplayQuestion(text="Who keeps the mill?", answer="Ada")
    rewriter._found = {told[0]: [made_up], told[1]: []}
    assert made_up in rewriter(told[:1])[0].questions
    assert made_up not in rewriter(told)[0].questions


def test_a_night_that_finds_too_little_memory_says_what_to_lower(
    shallow: LanguageModel, store: EpisodicStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nights = Nights(tmp_path / "nights")
    monkeypatch.setattr("hippo_train.consolidation.night.learn", lambda *_: torch.empty(2**60))
    with pytest.raises(OutOfMemoryError, match="fewer `questions`"):
        consolidate(store, shallow, nights, SHORT)
    assert nights.current is None


def test_nights_of_another_model_or_shape_are_refused(shallow: LanguageModel, store: EpisodicStore, tmp_path: Path):
    consolidate(store, shallow, tmp_path / "nights", SHORT)
    with pytest.raises(InvalidInputError, match="`r` was 8"):
        consolidate(store, shallow, tmp_path / "nights", replace(SHORT, r=4))
    with pytest.raises(InvalidInputError, match="started from smollm2-135m, not from other"):
        consolidate(store, replace(shallow, name="other", digest="0" * 64), tmp_path / "nights", SHORT)


def test_no_night_follows_one_that_learnt_what_was_redacted(
    shallow: LanguageModel, store: EpisodicStore, tmp_path: Path
):
    consolidate(store, shallow, tmp_path / "nights", SHORT)
    store.redact(source="chat")
    with pytest.raises(HippoError, match="Retrain from the base model"):
        consolidate(store, shallow, tmp_path / "nights", SHORT)


def test_a_store_without_a_ledger_is_refused(shallow: LanguageModel, tmp_path: Path):
    with pytest.raises(InvalidInputError, match="store"):
        consolidate(object(), shallow, tmp_path / "nights", SHORT)  # pyright: ignore[reportArgumentType]


def test_a_pointer_to_a_lost_night_says_what_to_do(tmp_path: Path):
    nights = Nights(tmp_path)
    (tmp_path / "current").write_text("night-0007-abcdef")
    with pytest.raises(InvalidInputError, match="which is gone"):
        _ = nights.current


def test_a_model_in_two_parts_says_the_same(shallow: LanguageModel):
    rows = [shallow.model.config.vocab_size - 1, 5, 6, 7], [9, 8, 7]
    split = SplitModel(shallow, 2)
    with torch.no_grad():
        parts = split.logits(
            split.states(rows), [torch.arange(start, len(row)) for start, row in zip([1, 2], rows, strict=True)]
        )
        whole = [shallow.model(input_ids=torch.tensor([row])).logits[0] for row in rows]
    torch.testing.assert_close(parts, torch.cat([whole[0][:3], whole[1][1:2]]), atol=1e-3, rtol=1e-4)
    with pytest.raises(InvalidInputError, match="must leave a block above it"):
        SplitModel(shallow, 4)


def test_a_decoder_of_another_build_is_refused(shallow: LanguageModel):
    from transformers import GPT2Config, GPT2LMHeadModel

    other = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=16, n_head=2, vocab_size=64))
    with pytest.raises(UnsupportedModelError, match="no `layers`"):
        SplitModel(replace(shallow, model=other), 1)  # pyright: ignore[reportArgumentType]


def test_a_soft_target_is_a_divergence():
    logits = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    other = torch.randn(5, 40, generator=torch.Generator().manual_seed(1))
    target = SoftTarget.of(logits)
    assert target.divergence(logits).abs().max() < 1e-4
    full = torch.nn.functional.kl_div(other.log_softmax(-1), logits.log_softmax(-1), log_target=True, reduction="none")
    torch.testing.assert_close(target.divergence(other), full.sum(-1), atol=1e-3, rtol=1e-3)


def test_the_guard_sees_what_changed(shallow: LanguageModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hippo_train.consolidation.guards._SURE", 0.0)
    shallow = replace(shallow, model=copy.deepcopy(shallow.model))
    guard = Guard(shallow, [list(range(100, 140))], ["What do bees make?"])
    same = guard.measure(retention=None)
    assert same == GuardReport(
        perplexity_ratio=1.0, divergence=same.divergence, locality=1.0, agreement=1.0, unchanged=1.0, retention=None
    )
    assert same.divergence < 1e-4
    shallow.model.get_input_embeddings().weight.data.mul_(-1.0)
    worse = guard.measure(retention=0.5)
    assert worse.divergence > 0.1
    assert worse.perplexity_ratio != 1.0
    assert worse.locality == worse.agreement < 1.0, "every token counts as sure here"
    assert worse.unchanged == 0.0
    broken = worse.broken(ConsolidationConfig())
    assert any("KL from the base" in reason for reason in broken)
    assert any("earlier nights" in reason for reason in broken)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"traces": 0}, "`traces`"),
        ({"steps": 1.5}, "`steps`"),
        ({"near": -1}, "`near`"),
        ({"perplexity_limit": 0.9}, "`perplexity_limit`"),
        ({"locality_limit": 98}, "`locality_limit`"),
        ({"learning_rate": 0}, "`learning_rate`"),
        ({"target": "layers:a-b"}, "`target`"),
    ],
)
def test_settings_out_of_range_are_named(changed: dict[str, object], said: str):
    with pytest.raises(InvalidInputError, match=said):
        ConsolidationConfig(**changed)  # pyright: ignore[reportArgumentType]


def test_blocks_that_the_model_lacks_are_named():
    assert list(ConsolidationConfig().blocks(30)) == list(range(19, 28))
    assert list(ConsolidationConfig(target="layers:20-22").blocks(30)) == [19, 20, 21]
    assert list(ConsolidationConfig(target="layers:3").blocks(30)) == [2]
    for config in (ConsolidationConfig(first_block=5), ConsolidationConfig(target="layers:2-5")):
        with pytest.raises(InvalidInputError, match="1 to 4"):
            config.blocks(4)


def test_questions_stand_alone_and_after_others(shallow: LanguageModel):
    questions = [[ReplayQuestion(text=f"What is {name} {i}?", answer=str(i)) for i in range(4)] for name in "abc"]
    rows = packed_rows(shallow, questions, rounds=2, rng=random.Random(0))
    said = [str(shallow.tokenizer.decode(row.tokens)) for row in rows]
    asked = [question for text in said for question in re.findall(r"Question: (.*)\n", text)]
    assert Counter(asked) == {each.text: 2 for several in questions for each in several}
    assert {row.questions for row in rows} > {1}
    assert max(row.questions for row in rows) <= 4
    assert all(len({question.split()[2] for question in asked[i : i + 3]}) == 3 for i in range(0, 24, 3))
    longest = max(rows, key=lambda row: row.questions)
    learnt = str(shallow.tokenizer.decode([longest.tokens[place] for place in longest.learnt]))
    answers = [text.rpartition(" ")[2].rstrip("?") for text in re.findall(r"Question: (.*)\n", max(said, key=len))]
    assert learnt.split() == answers, "the answers and nothing else"


@pytest.mark.parametrize("target", ["lora", "layers:2-3"])
def test_stillness_is_the_change_that_ordinary_text_meets(shallow: LanguageModel, target: str):
    blocks = {"first_block": 2, "last_block": 3, "r": 3} if target == "lora" else {}
    split = SplitModel(shallow, 1)
    rows = [text_row([7, 8, 9, 10, 11]), text_row([20, 21, 22]), text_row([30, 31, 32])]
    lessons = as_lessons(split, rows)
    with learning_layers(shallow, ConsolidationConfig(target=target, **blocks), None) as adapted:
        still = Stillness.of(adapted, split, lessons)
        assert len(still.moments) == 6
        assert still.change().item() == 0.0
        layers = list(still.moments)
        torch.manual_seed(0)
        learning = [weight for name, weight in adapted.named_parameters() if weight.requires_grad]
        learning = [weight for weight in learning if (weight == 0).all()] if target == "lora" else learning
        assert len(learning) == 6
        for weight in learning:
            weight.data += 1e-4 * torch.randn_like(weight)
        seen: dict[object, list[torch.Tensor]] = {}
        hooks = [
            each.learning.register_forward_hook(lambda layer, x, _: seen.setdefault(layer, []).append(x[0]))
            for each in layers
        ]
        for lesson in lessons:
            split.logits([lesson.states], [lesson.learnt])
        for hook in hooks:
            hook.remove()
        wanted = 0.0
        for each in layers:
            x = torch.cat([part.flatten(0, -2) for part in seen[each.learning]])
            plain = each.base(x)
            wanted += ((each.learning(x) - plain).square().sum() / plain.square().sum()).item()
        change = still.change()
        assert change.item() == pytest.approx(wanted, rel=1e-2)
        change.backward()
        assert all(weight.grad is not None for weight in learning)


def test_whole_layers_learn_and_are_taken_back_to_the_last_bit(
    shallow: LanguageModel, store: EpisodicStore, tmp_path: Path
):
    before = weights(shallow)
    config = replace(SHORT, target="layers:3-4", learning_rate=1e-2)
    prompt = [f"Question: {FACTS[0]}\nAnswer:"]
    said = generate(shallow, prompt)[0].text
    first = consolidate(store, shallow, tmp_path / "nights", config)
    assert first.status == "committed"
    assert first.night is not None
    after = weights(shallow)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    bits_of_first = bits(first.night)
    with adapted(shallow, first.night) as taught:
        learnt = weights(taught)
        changed = [name for name in learnt if ".modules_to_save." in name]
        assert len(changed) == 6
        assert not any(
            torch.equal(learnt[name], learnt[name.replace("modules_to_save.default", "original_module")])
            for name in changed
        )
    assert generate(shallow, prompt)[0].text == said
    store.write("The price of the barn is nine.", provenance="chat")
    second = consolidate(store, shallow, tmp_path / "nights", config)
    assert second.status == "committed"
    nights = Nights(tmp_path / "nights")
    assert nights.roll_back() == first.night
    assert bits(first.night) == bits_of_first
    with pytest.raises(InvalidInputError, match=r"`target` was layers:3-4"):
        consolidate(store, shallow, nights, replace(config, target="layers:4"))


def test_text_from_anywhere_is_not_all_of_one_kind(shallow: LanguageModel):
    passages = sample_anywhere(shallow, 5, tokens=6, seed=0)
    assert [len(passage) for passage in passages] == [6] * 5
    assert len({passage[0] for passage in passages}) == 5
    assert passages == sample_anywhere(shallow, 5, tokens=6, seed=0)
    assert sample_anywhere(shallow, 0, tokens=6, seed=0) == []
