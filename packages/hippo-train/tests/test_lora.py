"""LoRA on texts: it learns, packs without leaking, resumes to the last bit and leaves the base alone."""

import filecmp
import json
import shutil
from pathlib import Path

import pytest
import torch
from hippo_adapters import LanguageModel, load_model
from hippo_core.errors import InvalidInputError
from hippo_train.data import TokenRow, pack, prompted
from hippo_train.lora import LoraConfig, LoraTrainingConfig, _collated, train_lora
from hippo_train.out_of_memory import OutOfMemoryError
from hippo_train.shapes import KNOWN_SHAPES, ModelShape, account
from peft import PeftModel

pytestmark = pytest.mark.model
TINY = LoraTrainingConfig(micro_batch=2, grad_accum=2, seq_len=64, epochs=3, save_every=3, learning_rate=2e-3)


@pytest.fixture
def model() -> LanguageModel:
    return load_model("smollm2-135m", dtype="float32")


@pytest.fixture
def shallow(model: LanguageModel) -> LanguageModel:
    """The real weights, but six blocks of the thirty: what is tested with it does not depend on how well it reads."""
    decoder = model.model.get_decoder()
    decoder.layers = decoder.layers[:6]
    model.model.config.num_hidden_layers = 6
    return model


def codes(model: LanguageModel, count: int = 24) -> list[TokenRow]:
    return [
        prompted(f"Question: What is the code of box {n}?\nAnswer:", f" {n * 37 % 100}\n", model, seq_len=64)
        for n in range(count)
    ]


def test_packed_texts_do_not_see_each_other(model: LanguageModel):
    first, second = codes(model, 2)
    (packed,) = pack([first, second], seq_len=64)
    batch = _collated([packed, first], 0)
    del batch["labels"]
    with torch.no_grad():
        together = model.model(**batch, use_cache=False).logits[0]
        alone = [model.model(input_ids=torch.tensor([row.ids])).logits[0] for row in (first, second)]
    texts = sorted(alone, key=len, reverse=True)
    torch.testing.assert_close(together[: len(packed.ids)], torch.cat(texts), atol=2e-3, rtol=1e-3)


def test_too_little_memory_says_what_to_lower(shallow: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hippo_train.lora.pack", lambda *_, **__: torch.empty(2**60))
    with pytest.raises(OutOfMemoryError, match="a smaller `micro_batch`"):
        train_lora(shallow, codes(shallow, 2), tmp_path / "out", TINY)


def test_the_loss_falls_and_the_base_is_left_as_it_was(model: LanguageModel, tmp_path: Path):
    before = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    log = train_lora(model, codes(model, 12), tmp_path / "out", TINY)
    losses = [entry.loss for entry in log if entry.loss is not None]
    held = [entry.eval_loss for entry in log if entry.eval_loss is not None]
    assert losses[-1] < 0.75 * losses[0]
    assert held
    after = model.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    note = json.loads((tmp_path / "out" / "run.json").read_text())
    assert note["model"] == model.digest
    assert PeftModel.from_pretrained(model.model, tmp_path / "out").peft_config["default"].r == 16


def test_a_run_that_was_stopped_ends_with_the_same_bits(shallow: LanguageModel, tmp_path: Path):
    rows, whole, part = codes(shallow), tmp_path / "whole", tmp_path / "part"
    log = train_lora(shallow, rows, whole, TINY)
    shutil.copytree(whole, part)
    newest = max(part.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    shutil.rmtree(newest)
    (part / "adapter_model.safetensors").unlink()
    assert train_lora(shallow, rows, part, TINY) == log
    assert filecmp.cmp(whole / "adapter_model.safetensors", part / "adapter_model.safetensors", shallow=False)


def test_a_torn_checkpoint_is_passed_over(shallow: LanguageModel, tmp_path: Path):
    rows, out = codes(shallow), tmp_path / "out"
    log = train_lora(shallow, rows, out, TINY)
    newest = max(out.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    weights = newest / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="damaged and passed over"):
        assert train_lora(shallow, rows, out, TINY) == log


def test_another_runs_checkpoints_are_refused(shallow: LanguageModel, tmp_path: Path):
    train_lora(shallow, codes(shallow, 8), tmp_path, TINY)
    with pytest.raises(InvalidInputError, match="another run: rows differ"):
        train_lora(shallow, codes(shallow, 9), tmp_path, TINY)


def test_a_layer_that_is_none_is_named(shallow: LanguageModel, tmp_path: Path):
    with pytest.raises(InvalidInputError, match="q_prj"):
        train_lora(shallow, codes(shallow, 4), tmp_path, TINY, LoraConfig(targets=("q_prj",)))


def test_four_bits_train_too(model: LanguageModel, tmp_path: Path):
    pytest.importorskip("bitsandbytes")
    training = LoraTrainingConfig(
        load_in_4bit=True, micro_batch=4, grad_accum=1, seq_len=64, epochs=2, learning_rate=2e-3, eval_share=0
    )
    log = train_lora(model, codes(model), tmp_path, training)
    losses = [entry.loss for entry in log if entry.loss is not None]
    assert losses[-1] < 0.7 * losses[0]


def test_the_published_shapes_are_those_of_the_weights(model: LanguageModel):
    shape = ModelShape.of(model)
    assert shape == KNOWN_SHAPES["smollm2-135m"]
    assert shape.parameters == sum(weight.numel() for weight in model.model.parameters())
    assert round(KNOWN_SHAPES["llama32-3b"].parameters / 1e9, 2) == 3.21  # as its model card says
    assert round(KNOWN_SHAPES["phi3-mini"].parameters / 1e9, 1) == 3.8
    assert round(KNOWN_SHAPES["qwen2-1_5b"].parameters / 1e9, 2) == 1.54


@pytest.mark.parametrize("name", ["llama32-3b", "phi3-mini", "qwen2-1_5b"])
def test_the_seeds_models_fit_twelve_gigabytes_by_account(name: str):
    from hippo_adapters import KNOWN_MODELS

    needs = account(
        KNOWN_SHAPES[name],
        rank=16,
        targets=KNOWN_MODELS[name].lora_targets,
        micro_batch=1,
        seq_len=1024,
        bytes_per_weight=2,
        four_bit=True,
        checkpointing=True,
    )
    assert needs.total < 11.5e9
