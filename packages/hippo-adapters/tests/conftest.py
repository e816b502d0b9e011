"""The embedded model, loaded once for the whole run."""

import pytest
import torch
from hippo_adapters import LanguageModel, load_model


@pytest.fixture(scope="session")
def model() -> LanguageModel:
    """SmolLM2-135M in float32, where tokens must not depend on the batch."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return load_model("smollm2-135m", dtype="float32")
