"""Files of texts become rows of tokens."""

import json
from pathlib import Path

import pytest
from hippo_adapters import LanguageModel, load_model
from hippo_core.errors import InvalidInputError
from hippo_train.data import IGNORED, TokenRow, pack, read_rows
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_model("smollm2-135m", dtype="float32")


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def learnt(row: TokenRow, model: LanguageModel) -> str:
    return str(model.tokenizer.decode([label for label in row.labels if label != IGNORED]))


def test_of_a_prompt_only_the_completion_is_learnt_and_of_a_chat_only_the_assistants_turns(
    tmp_path: Path, model: LanguageModel
):
    chat = [
        {"role": "user", "content": "Where is the key?"},
        {"role": "assistant", "content": "In the shed."},
        {"role": "user", "content": "And the lamp?"},
        {"role": "assistant", "content": "On the roof."},
    ]
    file = written(
        tmp_path / "data.jsonl",
        {"text": "The harbour sleeps."},
        {"prompt": "Question: Who?\nAnswer:", "completion": " Nadia"},
        {"messages": chat},
    )
    (text, prompt, talk), cut = read_rows(file, model, seq_len=256)
    end = model.tokenizer.eos_token
    assert cut == 0
    assert learnt(text, model) == f"The harbour sleeps.{end}"
    assert learnt(prompt, model) == f" Nadia{end}"
    assert "In the shed." in learnt(talk, model)
    assert "On the roof." in learnt(talk, model)
    assert "key" not in learnt(talk, model)
    assert model.tokenizer.decode(talk.ids).count("Where is the key?") == 1


def test_a_long_text_is_cut_and_counted(tmp_path: Path, model: LanguageModel):
    (row,), cut = read_rows(written(tmp_path / "d.jsonl", {"text": "word " * 50}), model, seq_len=16)
    assert (len(row.ids), cut) == (16, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"txt": "no"}, "txt"),
        (["text"], "list"),
        ({"prompt": "only"}, "prompt"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "assistant"),
        ({"messages": ["hi"]}, "role and a content"),
    ],
)
def test_another_line_is_refused_with_its_number(tmp_path: Path, model: LanguageModel, line: object, said: str):
    with pytest.raises(InvalidInputError, match=said) as refused:
        read_rows(written(tmp_path / "d.jsonl", {"text": "fine"}, line), model, seq_len=64)
    assert "2" in str(refused.value)


def test_an_empty_file_is_refused(tmp_path: Path, model: LanguageModel):
    with pytest.raises(InvalidInputError, match="nothing to learn"):
        read_rows(written(tmp_path / "d.jsonl"), model, seq_len=64)


@given(st.lists(st.integers(1, 20), max_size=30), st.integers(20, 40))
def test_packing_keeps_every_text_whole_and_apart(lengths: list[int], seq_len: int):
    rows = [
        TokenRow(ids=(number,) * size, labels=(number,) * size, positions=tuple(range(size)))
        for number, size in enumerate(lengths)
    ]
    packed = pack(rows, seq_len=seq_len)
    assert all(len(row.ids) <= seq_len for row in packed)
    texts = sorted(
        (row.ids[start], sum(id == row.ids[start] for id in row.ids))
        for row in packed
        for start, position in enumerate(row.positions)
        if position == 0
    )
    assert texts == sorted(enumerate(lengths))
    for row in packed:
        for place, position in enumerate(row.positions):
            assert row.labels[place] == (IGNORED if position == 0 else row.ids[place]), "nothing predicts a first token"
