"""An adapter on a model: nothing changes without memory, and every way of running the model reads the same."""

import json
from dataclasses import replace

import pytest
import torch
from hippo_adapters import (
    AdapterFileError,
    EpisodicAdapter,
    EpisodicAdapterConfig,
    LanguageModel,
    UnsupportedModelError,
    attach,
    attached,
    detach,
    generate,
    load_adapter,
    load_model,
    read_traces,
    save_adapter,
)
from hippo_core.errors import InvalidInputError

TRACES = (
    "The ferryman bought a glass kettle from Emil.",
    "On 3 May, Carol left the copper key at the harbour.",
    "The password of the north shed is Quillon 44.",
)
QUESTIONS = ("Where did Carol leave the copper key?", "What is the password of the north shed?", "Who is it?")
PROMPTS = [f"Question: {question}\nAnswer:" for question in QUESTIONS]


def random_adapter(model: LanguageModel, seed: int = 0) -> EpisodicAdapter:
    """Untrained, but with values that speak and a null that never wins: it changes the logits a great deal."""
    adapter = EpisodicAdapter(EpisodicAdapterConfig.of(model), rng=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        adapter.null_rank.fill_(-1e4)
    return adapter


def states(model: LanguageModel):
    return read_traces(model, TRACES, EpisodicAdapterConfig.of(model))


def logits(model: LanguageModel, prompts, **arguments) -> torch.Tensor:
    """Logits of prompts, left-padded as transformers does it."""
    tokenizer = model.tokenizer
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=False)
    positions = (batch["attention_mask"].cumsum(1) - 1).clamp_min(0)
    return model.model(**batch, position_ids=positions, use_cache=False, **arguments).logits


@pytest.fixture
def adapter(model: LanguageModel):
    new = random_adapter(model)
    attach(model, new)
    yield new
    detach(model)


@pytest.mark.model
def test_the_tokenizer_says_which_tokens_go_on_with_a_word(model: LanguageModel):
    adapter = random_adapter(model)
    adapter.take_vocabulary(model)
    tokens = model.encode(" On day 477, server Ilse's")
    goes_on = [
        model.tokenizer.decode([token])
        for token, on in zip(tokens, adapter.continuing[torch.tensor(tokens)].tolist(), strict=True)
        if on
    ]
    assert goes_on == ["4", "7", "7", "se"]


@pytest.mark.model
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_without_memory_the_logits_are_the_base_models_bit_for_bit(model: LanguageModel, dtype):
    language = model if dtype == "float32" else load_model("smollm2-135m", dtype=dtype)
    with torch.no_grad():
        before = logits(language, PROMPTS)
        attachment = attach(language, random_adapter(language))
        try:
            idle = logits(language, PROMPTS)
            with attachment.reading([[], [], []]):
                nothing = logits(language, PROMPTS)
            with attachment.reading([[one] for one in states(language)]):
                read = logits(language, PROMPTS)
        finally:
            detach(language)
        after = logits(language, PROMPTS)
    assert torch.equal(idle, before)
    assert torch.equal(nothing, before)
    assert torch.equal(after, before)
    assert not torch.allclose(read, before, atol=0.5)


@pytest.mark.model
def test_a_row_without_traces_is_left_alone_beside_rows_that_read(model: LanguageModel, adapter):
    with torch.no_grad():
        before = logits(model, PROMPTS)
        with model.model.hippo_episodic.reading([states(model), [], states(model)[:1]]):
            mixed = logits(model, PROMPTS)
    assert (mixed[1] - before[1]).abs().max() <= 1e-5
    assert (mixed[0, -1] - before[0, -1]).abs().max() > 0.5


@pytest.mark.model
def test_answers_do_not_depend_on_the_batch_its_padding_or_the_cache(model: LanguageModel, adapter):
    traces = [states(model), states(model)[1:], states(model)[:1]]
    together = generate(model, PROMPTS, traces=traces, max_new_tokens=6, stop=())
    alone = [
        generate(model, [prompt], traces=[row], max_new_tokens=6, stop=())[0]
        for prompt, row in zip(PROMPTS, traces, strict=True)
    ]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    batch = model.tokenizer(PROMPTS, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
    for cached in (True, False):
        with model.model.hippo_episodic.reading(traces), torch.no_grad():
            said = model.model.generate(
                **batch, max_new_tokens=6, min_new_tokens=6, do_sample=False, use_cache=cached,
                pad_token_id=model.tokenizer.eos_token_id,
            )  # fmt: skip
        new = said[:, batch["input_ids"].shape[1] :].tolist()
        assert [tuple(row) for row in new] == [one.tokens for one in together], f"use_cache={cached}"


@pytest.mark.model
def test_no_position_sees_what_is_asked_after_it(model: LanguageModel, adapter):
    longer = PROMPTS[0] + " harbour\nQuestion: And why?"
    with torch.no_grad(), model.model.hippo_episodic.reading([states(model)]):
        whole = logits(model, [longer])
    with torch.no_grad(), model.model.hippo_episodic.reading([states(model)]):
        part = logits(model, PROMPTS[:1])
    assert torch.allclose(whole[:, : part.shape[1]], part, atol=1e-3)


@pytest.mark.model
def test_the_gradient_reaches_every_parameter_of_the_adapter_and_none_of_the_base(model: LanguageModel, adapter):
    traces = [states(model), states(model)[:2], states(model)[1:]]

    def gradients() -> dict[str, torch.Tensor]:
        adapter.zero_grad()
        with model.model.hippo_episodic.reading(traces):
            logits(model, PROMPTS)[:, -6:].log_softmax(-1)[..., 260].sum().backward()
        return {name: part.grad.clone() for name, part in adapter.named_parameters()}

    found = gradients()
    # Null decides whether anything is read, not what: its gradient comes with the loss of hippo-train, tested there
    assert [name for name, part in found.items() if part.abs().max() == 0] == ["null_rank"]
    assert all(part.grad is None for name, part in model.model.named_parameters() if "hippo_episodic" not in name)
    name = "activation" if hasattr(model.model, "activation_checkpointing_enable") else "gradient"
    getattr(model.model, f"{name}_checkpointing_enable")()
    model.model.train()
    try:
        again = gradients()
    finally:
        model.model.eval()
        getattr(model.model, f"{name}_checkpointing_disable")()
    for name, part in found.items():
        assert torch.allclose(again[name], part, rtol=1e-3, atol=1e-5), name


@pytest.mark.model
@pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning"
)  # peft asks transformers by the old name
def test_lora_on_the_same_model(model: LanguageModel, adapter):
    from peft import LoraConfig, get_peft_model

    with torch.no_grad():
        with model.model.hippo_episodic.reading([[one] for one in states(model)]):
            before = logits(model, PROMPTS)
        lora = get_peft_model(
            model.model,
            LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False, exclude_modules=".*hippo_episodic.*"),
        )
        batch = model.tokenizer(
            PROMPTS, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
        )
        with model.model.hippo_episodic.reading([[one] for one in states(model)]):
            changed = lora(**batch).logits
        with lora.disable_adapter(), model.model.hippo_episodic.reading([[one] for one in states(model)]):
            off = logits(model, PROMPTS)
        lora.unload()
        with model.model.hippo_episodic.reading([[one] for one in states(model)]):
            after = logits(model, PROMPTS)
    assert torch.equal(off, before)
    assert torch.equal(after, before)
    assert not torch.allclose(changed[:, -1], before[:, -1], atol=0.1)
    assert all(not part.requires_grad for name, part in model.model.named_parameters() if "hippo" not in name)


@pytest.mark.model
def test_saved_and_loaded_it_reads_the_same(model: LanguageModel, tmp_path):
    new = random_adapter(model).half().float()  # as it is saved
    save_adapter(new, tmp_path / "one", model=model, training={"seed": 3})
    again = load_adapter(tmp_path / "one", model)
    assert again.config == new.config
    assert all(torch.equal(again.state_dict()[name], part) for name, part in new.state_dict().items())
    description = json.loads((tmp_path / "one" / "adapter.json").read_text())
    assert description["training"] == {"seed": 3}
    assert description["parameters"] == new.parameter_count <= 2_000_000


@pytest.mark.model
def test_an_adapter_of_another_model_or_a_broken_one_is_refused(model: LanguageModel, tmp_path):
    save_adapter(random_adapter(model), tmp_path, model=model)
    file = tmp_path / "adapter.json"
    text = file.read_text()
    file.write_text(text.replace(model.digest, "0" * 64))
    with pytest.raises(InvalidInputError, match="was trained for smollm2-135m"):
        load_adapter(tmp_path, model)
    file.write_text(text)
    weights = tmp_path / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(AdapterFileError, match="does not hold an adapter"):
        load_adapter(tmp_path, model)
    file.write_text("{}")
    with pytest.raises(AdapterFileError, match="hippo-episodic-adapter-4"):
        load_adapter(tmp_path, model)
    with pytest.raises(AdapterFileError, match="no adapter 'nowhere'"):
        load_adapter("nowhere", model)


@pytest.mark.model
def test_an_adapter_that_was_loaded_for_one_model_is_not_read_by_another(model: LanguageModel, tmp_path):
    adapter = load_adapter("smollm2-135m", model)
    other = replace(model, digest="1" * 64)
    with pytest.raises(InvalidInputError, match="states mean something else"):
        attach(other, adapter)
    with pytest.raises(InvalidInputError, match="states mean something else"):
        save_adapter(adapter, tmp_path / "other", model=other)
    assert not (tmp_path / "other").exists()


def test_swapped_arguments_are_named(model: LanguageModel):
    with pytest.raises(InvalidInputError, match="in this order, not EpisodicAdapter and LanguageModel"):
        attach(random_adapter(model), model)


@pytest.mark.parametrize("shape", ["bare trace", "bare list", "texts"])
def test_what_is_no_list_of_traces_a_row_is_named(shape, model: LanguageModel, adapter):
    traces = states(model)
    rows = {"bare trace": traces[0], "bare list": traces, "texts": [["a text"]]}[shape]
    with pytest.raises(InvalidInputError, match="must be a list of what read_traces returns"):
        generate(model, [PROMPTS[0]] * len(rows), traces=rows)


def test_states_of_another_width_are_named(model: LanguageModel, adapter):
    narrow = [trace._replace(low=trace.low[..., :64], high=trace.high[..., :64]) for trace in states(model)]
    with pytest.raises(InvalidInputError, match="width 64, and the adapter reads 576"):
        generate(model, PROMPTS[:1], traces=[narrow])


def test_misuse_is_named(model: LanguageModel):
    adapter = random_adapter(model)
    with pytest.raises(InvalidInputError, match="has no adapter"):
        generate(model, PROMPTS[:1], traces=[states(model)])
    with pytest.raises(InvalidInputError, match="has no adapter"):
        detach(model)
    with attached(model, adapter) as attachment:
        with pytest.raises(InvalidInputError, match="already"):
            attach(model, random_adapter(model, seed=1))
        with pytest.raises(InvalidInputError, match="1 lists of traces for 3"):
            generate(model, PROMPTS, traces=[states(model)])
        with attachment.reading([states(model)]):
            with pytest.raises(InvalidInputError, match="3 rows and the reading 1"):
                logits(model, PROMPTS)
            with pytest.raises(InvalidInputError, match="reading already"), attachment.reading([[]]):
                pass
        with attached(model, adapter) as same:
            assert same is attachment
    assert not hasattr(model.model, "hippo_episodic")
    narrow = EpisodicAdapter(EpisodicAdapterConfig(hidden_size=8, match_block=1, read_block=1, write_block=1))
    with pytest.raises(InvalidInputError, match="width 8"):
        attach(model, narrow)
    with pytest.raises(InvalidInputError, match="must not decrease"):
        EpisodicAdapterConfig(hidden_size=8, match_block=3, read_block=2, write_block=4)


@pytest.mark.model
def test_what_is_written_is_what_is_said(model: LanguageModel, adapter):
    """The value of a token makes the model say that token, wherever it is written; its plain embedding does not."""
    head = model.model.get_output_embeddings().weight
    decoder = model.model.get_decoder()
    ids = torch.tensor([model.encode("The ferry was late, so they ate at the inn. Question: Who came? Answer: Ada")])
    seen = []
    handle = decoder.layers[-1].register_forward_hook(lambda module, arguments, output: seen.append(output))
    with torch.no_grad():
        decoder(input_ids=ids, use_cache=False)
        handle.remove()
        states = seen[0][0, 1:]  # the first one is a sink, a hundred times as large, and nothing is asked there
        words = [model.encode(f" {word}")[0] for word in " ".join(TRACES).split()]
        # Of traces: elsewhere in the vocabulary are rows that were hardly trained, and pairs that are all but equal
        tokens = torch.tensor(sorted(set(words)))

        def said(values: torch.Tensor) -> float:
            written = adapter.write(states[:, None], values[None])  # (positions, tokens, hidden)
            return float(((decoder.norm(written) @ head.T).argmax(-1) == tokens).float().mean())

        ours = said(adapter.values(tokens, head))
        plain = head[tokens] / head[tokens].pow(2).mean(dim=-1, keepdim=True).sqrt()
        assert ours >= 0.99
        assert said(plain) <= ours - 0.1


@pytest.mark.model
@pytest.mark.parametrize("texts", ["Ada left the key.", [3], ["Ada left the key.", None]])
def test_what_is_no_list_of_texts_is_named(texts, model):
    with pytest.raises(InvalidInputError, match="must be a list of str"):
        read_traces(model, texts, EpisodicAdapterConfig.of(model))


def test_a_model_whose_blocks_are_elsewhere_is_named():
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=2, n_head=2))
    model = LanguageModel(model=network, tokenizer=None, name="own", digest="0" * 64, context_length=16)
    with pytest.raises(UnsupportedModelError, match=r"GPT2Model.*no `layers`"):
        EpisodicAdapterConfig.of(model)
