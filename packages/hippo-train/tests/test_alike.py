"""Words that the model takes for nearly the same."""

import pytest
from hippo_adapters import LanguageModel, load_model
from hippo_train import AlikeWords, whole_words

DAYS = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_model("smollm2-135m")


@pytest.mark.model
def test_opposites_and_kinds_are_alike(model: LanguageModel):
    alike = AlikeWords(model, whole_words(model.tokenizer.get_vocab()))
    assert alike("north")[0] == "south"
    assert "silver" in alike("copper")
    assert set(alike("Monday")) == DAYS - {"Monday"}


@pytest.mark.model
def test_inflections_of_a_word_are_not_alike_to_it(model: LanguageModel):
    assert AlikeWords(model, ["gardens", "gardening", "forest"])("garden") == ("forest",)


@pytest.mark.model
def test_only_the_words_given_are_returned_and_none_for_what_is_no_token(model: LanguageModel):
    alike = AlikeWords(model, ["copper", "window", "Paris", "xylophonist"])
    assert set(alike("silver")) == {"copper", "window"}
    assert alike("London") == ("Paris",)
    assert alike("xylophonist") == ()
    assert AlikeWords(model, [])("silver") == ()
