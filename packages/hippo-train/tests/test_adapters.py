"""Training: a short run learns to read words that it never saw, an untrained adapter does not."""

import random

import pytest
import torch
from hippo_adapters import (
    EpisodicAdapter,
    EpisodicAdapterConfig,
    LanguageModel,
    PromptTemplate,
    attached,
    generate,
    load_model,
)
from hippo_core.errors import InvalidInputError
from hippo_train import (
    AdapterTrainingConfig,
    Cluster,
    OutOfMemoryError,
    TrainingQuestion,
    train_adapter,
    training_clusters,
)
from hippo_train.adapters import fit_adapter
from hippo_train.pool import make_batch, make_pool
from hippo_train.reading_loss import attention_of, exact_match, reading_loss


@pytest.fixture(scope="session")
def model() -> LanguageModel:
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return load_model("smollm2-135m")


@pytest.fixture(scope="session")
def tiny() -> LanguageModel:
    """Another architecture: Qwen2, with random weights, over SmolLM2's vocabulary."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    known = load_model("smollm2-135m")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(known.tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True,
    )  # fmt: skip
    network = Qwen2ForCausalLM(config).eval().requires_grad_(False)
    return LanguageModel(model=network, tokenizer=known.tokenizer, name="tiny", digest="0" * 64, context_length=256)


@pytest.mark.model
@pytest.mark.slow
def test_two_minutes_of_training_beat_the_control(model: LanguageModel):
    training = AdapterTrainingConfig(clusters=120, held_out_clusters=10, steps=300, log_every=100)
    adapter, log = train_adapter(model, training)
    em = [entry.em[8] for entry in log]
    assert em[-1] > em[0], log
    held = make_pool(model, training_clusters(model, seed=9, count=10, held_out=True), adapter.config)
    untrained = EpisodicAdapter(adapter.config, rng=torch.Generator().manual_seed(0)).to(model.device)
    untrained.take_vocabulary(model)
    trained, control = (exact_match(one, held, held.answered, traces=8) for one in (adapter, untrained))
    assert control <= 0.02
    assert trained >= control + 0.2, log


@pytest.mark.model
def test_too_little_memory_says_what_to_lower(tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hippo_train.adapters.make_pool", lambda *_, **__: torch.empty(2**60))
    with pytest.raises(OutOfMemoryError, match="fewer `clusters`"):
        train_adapter(tiny, AdapterTrainingConfig(clusters=2, held_out_clusters=1, steps=1))


@pytest.mark.model
def test_where_the_attention_lies_is_what_generation_says(model: LanguageModel):
    """The shortcut past the blocks above is exact: the token that is attended to is the token said."""
    texts = ("Ada gave the ferryman a glass boat.", "The inner door needs code 4711.", "Flight RX9 leaves at 7:15.")
    questions = ("Who gave the ferryman a boat?", "Which code does the inner door need?", "When does flight RX9 leave?")
    asked = [
        TrainingQuestion(text=question, answer=answer, gold=0, rivals=())
        for question, answer in zip(questions, ("ferryman", "4711", "7:15"), strict=True)
    ]
    clusters = [
        Cluster(family="own", episodes=(text,), questions=(one,)) for text, one in zip(texts, asked, strict=True)
    ]
    shape = EpisodicAdapterConfig.of(model)
    pool = make_pool(model, clusters, shape)
    said: list[int] = []
    expected: list[int] = []
    for seed in range(8):
        adapter = EpisodicAdapter(shape, rng=torch.Generator().manual_seed(seed)).to(model.device)
        adapter.take_vocabulary(model)
        with torch.no_grad():
            adapter.null_rank.fill_(-1e4)  # or null would win, and nothing be read
            adapter.slot_keys.zero_()
            adapter.query.weight.mul_(100.0)  # or the attention would lie everywhere
            batch = make_batch(pool, pool.answered, random.Random(0), traces=1, hard=1.0, device=model.device)
            found = attention_of(adapter, batch)
        prompts = [PromptTemplate().prompt(question) for question in questions]
        with attached(model, adapter):
            answers = generate(model, prompts, traces=[[trace] for trace in pool.traces], max_new_tokens=1)
        for row, (one, answer) in enumerate(zip(pool.answered, answers, strict=True)):
            most = found[row, one.prompt - 1]
            if most.max().exp() > 0.999 and most.argmax() >= 2:  # a few percent elsewhere may be heard
                said.append(answer.tokens[0])
                expected.append(int(batch.said[row, most.argmax()]))
    assert len(said) >= 8
    assert said == expected


def test_a_model_of_another_architecture_trains_in_the_same_way(tiny: LanguageModel):
    training = AdapterTrainingConfig(clusters=12, held_out_clusters=3, steps=60, log_every=20, trace_counts=(1, 2))
    seen: list[int] = []
    adapter, log = train_adapter(tiny, training, on_step=seen.append)
    assert seen == list(range(1, 61))
    assert log[-1].loss < log[0].loss
    assert adapter.config.write_block == 6
    with attached(tiny, adapter):
        assert generate(tiny, ["Question: Who?\nAnswer:"], max_new_tokens=2)


def test_training_repeats_itself_and_reaches_every_parameter(tiny: LanguageModel):
    training = AdapterTrainingConfig(clusters=4, held_out_clusters=1, steps=3, trace_counts=(2,))
    shape = EpisodicAdapterConfig.of(tiny)
    pool = make_pool(tiny, training_clusters(tiny, seed=0, count=4, held_out=False), shape)
    first, again = (fit_adapter(tiny, training, shape, pool, pool)[0] for _ in range(2))
    for name, part in first.state_dict().items():
        assert torch.equal(part, again.state_dict()[name]), name
    questions = [*pool.answered[:8], *pool.unaided[:2]]
    batch = make_batch(pool, questions, random.Random(0), traces=3, hard=0.5, device=tiny.device)
    first.train().zero_grad()
    reading_loss(first, batch).backward()
    assert all(part.grad is not None and part.grad.abs().max() > 0 for part in first.parameters())


def test_a_batch_holds_the_gold_trace_where_it_is_wanted_and_nowhere_else(tiny: LanguageModel):
    shape = EpisodicAdapterConfig.of(tiny)
    pool = make_pool(tiny, training_clusters(tiny, seed=1, count=3, held_out=False), shape)
    questions = [*pool.answered[:20], *pool.unaided[:5]]
    batch = make_batch(pool, questions, random.Random(0), traces=5, hard=0.5, device=tiny.device)
    for row, one in enumerate(questions):
        gold = pool.traces[one.gold].tokens[0].tolist()
        shown = [
            batch.memory.tokens[row][batch.memory.trace[row].eq(place) & batch.memory.mask[row]].tolist()
            for place in range(5)
        ]
        if one.answer is None:
            assert gold not in shown
            assert not batch.answering[row].any()
            assert batch.target[row][batch.refusing[row]].eq(0).all()
        else:
            assert shown.count(gold) == 1
            wanted = batch.said[row].gather(0, batch.target[row])[batch.answering[row]].tolist()
            assert wanted == [*one.answer, -2], "the answer's tokens in their order, then the end"


def test_what_cannot_be_trained_is_named(tiny: LanguageModel):
    wrong = {
        "clusters": 0,
        "steps": "abc",
        "unanswerable": 1.5,
        "hard": "x",
        "trace_counts": (0,),
        "learning_rate": 2.0,
    }
    for name, value in wrong.items():
        with pytest.raises(InvalidInputError, match=name):
            AdapterTrainingConfig(**{name: value})  # pyright: ignore[reportArgumentType]
    narrow = EpisodicAdapterConfig(hidden_size=8, match_block=1, read_block=2, write_block=3)
    with pytest.raises(InvalidInputError, match="width 8"):
        train_adapter(tiny, AdapterTrainingConfig(clusters=1), shape=narrow)
