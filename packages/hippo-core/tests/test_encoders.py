import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hippo_core import Encoder, HashingEncoder, InvalidInputError, MissingExtraError, SentenceEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = ["Carol left the copper key at the harbour.", "", "   ", "!?", "日本の雨", "a", "e\u0301", "x" * 5000, "\ud800"]


@given(texts=st.lists(st.text(), max_size=5), dim=st.sampled_from([8, 64, 384]))
@settings(deadline=None)
def test_rows_have_length_one(texts, dim):
    rows = HashingEncoder(dim).encode(texts)
    assert rows.shape == (len(texts), dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_text_is_encoded_alike_alone_and_in_company():
    together = HashingEncoder().encode(TEXTS)
    alone = np.concatenate([HashingEncoder().encode([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


def test_another_process_encodes_alike():
    code = (
        "import hashlib, sys; from hippo_core import HashingEncoder; "
        f"print(hashlib.sha256(HashingEncoder().encode({TEXTS!a}).tobytes()).hexdigest())"
    )
    mine = hashlib.sha256(HashingEncoder().encode(TEXTS).tobytes()).hexdigest()
    for seed in ("0", "1"):  # Python's own hash differs between these two
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == mine


def test_spelling_decides_what_is_near():
    a, b, c, d = HashingEncoder().encode(["the copper key", "The COPPER keys!", "the silver key", "rain tomorrow"])
    assert a @ b > a @ c > a @ d


def test_a_width_too_small_is_refused():
    with pytest.raises(InvalidInputError, match="7"):
        HashingEncoder(7)


def test_encoders_keep_the_protocol_and_name_their_vectors():
    assert isinstance(HashingEncoder(), Encoder)
    assert HashingEncoder(64).name != HashingEncoder(128).name
    assert HashingEncoder(64).dim == 64


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"hippo-core\[sentence\]"):
        SentenceEncoder()


@pytest.mark.slow
def test_the_sentence_encoder_knows_what_words_mean():
    pytest.importorskip("sentence_transformers", reason="the extra `sentence` is not installed")
    try:
        encoder = SentenceEncoder()
    except MissingExtraError as error:
        pytest.skip(str(error))
    rows = encoder.encode(["The cat sleeps on the sofa.", "A kitten is napping on the couch.", "Shares fell sharply."])
    assert rows.shape == (3, encoder.dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2
    assert encoder.encode([]).shape == (0, encoder.dim)
    assert isinstance(encoder, Encoder)
