"""An adapter on a model for a while, and merged into one of its own."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hippo_adapters import LanguageModel, load_model
from hippo_core.errors import InvalidInputError
from hippo_train import ConsolidationConfig, adapted, export_adapter
from hippo_train.consolidation.learning import learning_layers, save_layers

pytestmark = pytest.mark.model


@pytest.fixture
def shallow() -> LanguageModel:
    model = load_model("smollm2-135m", dtype="float32")
    decoder = model.model.get_decoder()
    decoder.layers = decoder.layers[:4]
    model.model.config.num_hidden_layers = 4
    return model


@pytest.fixture(params=["lora", "layers:2-3"])
def adapter(shallow: LanguageModel, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    lora = {"first_block": 1, "last_block": 4} if request.param == "lora" else {}
    with learning_layers(shallow, ConsolidationConfig(target=request.param, **lora), None) as layers:
        generator = torch.Generator().manual_seed(0)
        for weight in layers.parameters():
            if weight.requires_grad:
                weight.data += 0.1 * torch.randn(weight.shape, generator=generator)
        save_layers(layers, tmp_path / "adapter", base=shallow.name)
    (tmp_path / "adapter" / "run.json").write_text(f'{{"model": "{shallow.digest}"}}')
    return tmp_path / "adapter"


def logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([[11, 22, 33, 44]])).logits


def test_merged_says_what_it_said_beside_the_weights(shallow: LanguageModel, adapter: Path, tmp_path: Path):
    plain = logits(shallow)
    with adapted(shallow, adapter) as model:
        beside = logits(model)
        assert model.digest != shallow.digest
    assert (beside - plain).abs().max() > 0.1
    assert torch.equal(logits(shallow), plain), "afterwards it is the model it was"
    export_adapter(shallow, adapter, tmp_path / "merged")
    assert torch.equal(logits(shallow), plain), "exporting changes no bit of the base"
    merged = load_model(tmp_path / "merged", dtype="float32")
    torch.testing.assert_close(logits(merged), beside, atol=1e-3, rtol=1e-3)
    assert merged.encode("a whole sentence") == shallow.encode("a whole sentence")


def test_what_cannot_be_exported_is_named(shallow: LanguageModel, adapter: Path, tmp_path: Path):
    with pytest.raises(InvalidInputError, match="has other weights; load that model"):
        export_adapter(replace(shallow, name="other", digest="f" * 64), adapter, tmp_path / "merged")
    with pytest.raises(InvalidInputError, match=r"adapter_config\.json is missing"):
        export_adapter(shallow, tmp_path, tmp_path / "merged")
    with pytest.raises(InvalidInputError, match="not empty"):
        export_adapter(shallow, adapter, adapter)
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InvalidInputError, match="damaged"), adapted(shallow, adapter):
        pass
    assert not (tmp_path / "merged").exists()
