import numpy as np
import pytest
import torch
from hippo_adapters import HiddenStateEncoder, LanguageModel, PromptTooLongError, read, span_surprise
from hippo_core.encoders import Encoder
from hippo_core.errors import InvalidInputError

pytestmark = pytest.mark.model

TEXTS = [
    "Carol left the copper key at the harbour on Tuesday.",
    "The sun rises in the east.",
    "On day 214, server alpha runs postgres on port 8123.",
    "Hi",
    "Xq zv 9931 wobble the the the of.",
]


@pytest.fixture(scope="module")
def encoder(model: LanguageModel) -> HiddenStateEncoder:
    return HiddenStateEncoder(model)


def test_surprise_is_the_models_own_loss(model: LanguageModel):
    ids = torch.tensor([model.encode("\n") + model.encode(TEXTS[0])])
    with torch.inference_mode():
        output = model.model(ids, labels=ids)
    (signals,) = read(model, TEXTS[:1])
    assert signals.nll == pytest.approx(float(output.loss), abs=1e-4)
    p = output.logits[0, :-1].softmax(-1).double()
    np.testing.assert_allclose(signals.token_entropy, -(p * p.log()).sum(-1).numpy(), atol=1e-3)


def test_a_batch_reads_as_each_text_alone(model: LanguageModel, encoder):
    contexts = [None, "It was a long night.\n", "Servers were moved.", None, "nonsense follows"]
    together = read(model, TEXTS, contexts=contexts, encoder=encoder)
    for text, context, batched in zip(TEXTS, contexts, together, strict=True):
        (alone,) = read(model, [text], contexts=[context], encoder=encoder)
        assert batched.text == text
        assert batched.tokens == alone.tokens
        np.testing.assert_allclose(batched.token_nll, alone.token_nll, atol=1e-4)
        np.testing.assert_allclose(batched.token_entropy, alone.token_entropy, atol=1e-4)
        np.testing.assert_allclose(batched.vector, alone.vector, atol=1e-4)


def test_every_token_has_a_value_the_first_too(model: LanguageModel):
    for signals in read(model, TEXTS):
        assert len(signals.tokens) == len(signals.token_nll) == len(signals.token_entropy) == len(signals.offsets)
        assert np.isfinite(signals.token_nll).all()
        assert (signals.token_nll >= 0).all()
        assert (signals.token_entropy >= -1e-5).all()
        assert signals.vector is None


def test_nonsense_surprises_more_than_sense_and_a_repeated_text_less(model: LanguageModel):
    plain, nonsense = read(model, [TEXTS[1], TEXTS[4]])
    assert nonsense.nll > plain.nll + 1
    new, old = read(model, [TEXTS[0]] * 2, contexts=[None, TEXTS[0]])
    assert old.nll < new.nll - 1


def test_span_surprise_is_the_mean_over_the_tokens_that_touch_it(model: LanguageModel):
    (signals,) = read(model, [TEXTS[2]])
    start = TEXTS[2].index("8123")
    touched = [i for i, (a, b) in enumerate(signals.offsets) if a < start + 4 and b > start]
    assert [TEXTS[2][slice(*signals.offsets[i])] for i in touched] == ["8", "1", "2", "3"]
    assert span_surprise(signals, start, start + 4) == pytest.approx(float(signals.token_nll[touched].mean()))
    assert span_surprise(signals, 0, len(TEXTS[2])) == pytest.approx(signals.nll)
    for bad in ((3, 3), (-1, 2), (0, 1000)):
        with pytest.raises(InvalidInputError, match="Span"):
            span_surprise(signals, *bad)


def test_the_encoder_is_a_hippo_core_encoder(model: LanguageModel, encoder):
    assert isinstance(encoder, Encoder)
    rows = encoder.encode(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS), encoder.dim) == (len(TEXTS), 576)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode([TEXTS[3]])[0], rows[3], atol=1e-4)
    assert encoder.encode([]).shape == (0, 576)
    assert model.digest[:16] in encoder.name


def test_the_encoders_vector_comes_out_of_the_reading_too(model: LanguageModel, encoder):
    read_vectors = np.stack([signals.vector for signals in read(model, TEXTS, encoder=encoder)])
    np.testing.assert_allclose(read_vectors, encoder.encode(TEXTS), atol=1e-4)


def test_a_partial_cue_finds_its_sentence(encoder):
    people, things = ["Carol", "Marcus", "Priya", "Hector"], ["copper key", "silver drum", "old map", "green lamp"]
    places = ["harbour", "library", "bakery", "zoo"]
    texts = [f"{p} left the {t} at the {w}." for p, t, w in zip(people, things, places, strict=True)]
    cues = [f"Where did {p} leave the {t}?" for p, t in zip(people, things, strict=True)]
    assert (encoder.encode(cues) @ encoder.encode(texts).T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_bad_input_is_named(model: LanguageModel, encoder):
    with pytest.raises(InvalidInputError, match="Text 1 is empty"):
        read(model, ["fine", ""])
    with pytest.raises(InvalidInputError, match="1 contexts for 2 texts"):
        read(model, ["a", "b"], contexts=["c"])
    with pytest.raises(PromptTooLongError, match="Text 0 needs"):
        read(model, ["word " * 9000])
    with pytest.raises(InvalidInputError, match="batch_size"):
        read(model, ["a"], batch_size=0)
    with pytest.raises(InvalidInputError, match="Text 0 is empty"):
        encoder.encode([""])
    with pytest.raises(PromptTooLongError, match="Text 0 has"):
        encoder.encode(["word " * 9000])
    with pytest.raises(InvalidInputError, match="from 1 to 30"):
        HiddenStateEncoder(model, layer=31)
