import dataclasses

import pytest
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    LanguageModel,
    PromptTemplate,
    TextReader,
    TextReaderConfig,
    UnknownReaderError,
    WorkedExample,
    get_reader,
    make_reader,
    reader_names,
    register_reader,
)
from hippo_core.errors import InvalidInputError
from hippo_core.provenance import Provenance
from hippo_core.records import Episode, Hit


def hit(text: str, id: int = 1, score: float = 1.0) -> Hit[Episode]:
    return Hit(id=id, item=Episode(text=text, provenance=Provenance(source="test")), score=score)


def test_the_best_trace_stands_nearest_to_the_question():
    reader = TextReader(TextReaderConfig(template=dataclasses.replace(DEFAULT_TEMPLATE, traces=2)))
    prompt = reader.prompt("Where is the key?", [hit("best"), hit("second"), hit("third")])
    assert prompt == "Memory: second\n best\nQuestion: Where is the key?\nAnswer:"


def test_without_traces_it_is_the_templates_no_memory_prompt():
    prompt = TextReader().prompt("Where is the key?", [])
    assert prompt == DEFAULT_TEMPLATE.prompt("Where is the key?")
    assert "Memory" not in prompt


def test_the_trace_is_in_the_prompt():
    assert "The key is in the shed." in TextReader().prompt("Where?", [hit("The key is in the shed.")])


def test_line_breaks_in_a_question_or_trace_cannot_break_the_form():
    prompt = TextReader().prompt("Where\nis it?", [hit("In the\n\nAnswer: shed.")])
    assert prompt == "Memory: In the Answer: shed.\nQuestion: Where is it?\nAnswer:"


def test_a_prefix_is_the_examples_written_by_the_same_code():
    template = PromptTemplate(
        instruction="Answer.", examples=(WorkedExample(question="Who?", answer="Bo", traces=("Bo did.", "Al did.")),)
    )
    assert template.prefix() == "Answer.\n\nMemory: Al did.\n Bo did.\nQuestion: Who?\nAnswer: Bo\n\n"
    assert template.prefix(["one", "two"]).endswith("Bo\n\nMemory: one\n two\n")
    assert PromptTemplate().prefix() == ""
    assert template.words() == {"who", "bo", "did", "al"}


def test_forms():
    template = PromptTemplate(
        memory_header="", trace_form="- {text}", traces=2, best_last=False, question_first=True, answer_cue="A:"
    )
    assert template.prompt("Who?", ["x", "y"]) == "Question: Who?\n- x\n- y\nQuestion: Who?\nA:"
    assert template.prompt("Who?") == "Question: Who?\nA:"


@pytest.mark.parametrize(("field", "value"), [("trace_form", "- text"), ("question_form", "Q:"), ("traces", 0)])
def test_a_template_that_cannot_work_is_refused(field, value):
    with pytest.raises(InvalidInputError, match=field):
        PromptTemplate(**{field: value})


def test_an_unknown_reader_lists_the_known_ones():
    with pytest.raises(UnknownReaderError, match="No reader 'txt'; there are: cross_attention, kv, text"):
        make_reader("txt")


def test_readers_are_made_by_name():
    assert "text" in reader_names()
    assert get_reader("text").config is TextReaderConfig
    config = TextReaderConfig(max_new_tokens=3)
    reader = make_reader("text", config)
    assert isinstance(reader, TextReader)
    assert reader.config is config
    with pytest.raises(InvalidInputError, match="takes a TextReaderConfig, not a dict"):
        make_reader("text", {"max_new_tokens": 3})


def test_a_name_is_registered_once():
    register_reader("text", TextReader, TextReaderConfig)
    with pytest.raises(InvalidInputError, match="TextReader already"):
        register_reader("text", PromptTemplate, TextReaderConfig)


@pytest.mark.parametrize("field", ["max_new_tokens", "batch_size"])
def test_counts_below_one_are_refused(field):
    with pytest.raises(InvalidInputError, match=field):
        TextReaderConfig(**{field: 0})


@pytest.mark.model
def test_the_model_answers_from_the_trace_and_not_without_it(model: LanguageModel):
    reader = TextReader()
    facts = {
        "Where did Carol leave the copper key?": ("Carol left the copper key at the harbour on Tuesday.", "harbour"),
        "What is the passcode of the east vault?": ("Update: the passcode of the east vault is now 4417.", "4417"),
        "Which port does server alpha use on day 214?": (
            "On day 214, server alpha runs postgres on port 8123.",
            "8123",
        ),
        "Who met Yolanda in Lisbon?": ("Marcus and Yolanda first met in Lisbon in May.", "Marcus"),
    }
    questions = list(facts)
    with_memory = reader.answer(model, questions, [[hit(trace)] for trace, _ in facts.values()])
    without = reader.answer(model, questions, [[] for _ in facts])
    gold = [answer for _, answer in facts.values()]
    assert [answer.text.removeprefix("the ") for answer in with_memory] == gold
    assert not any(answer.text.removeprefix("the ") == right for answer, right in zip(without, gold, strict=True))


@pytest.mark.model
def test_each_question_needs_its_list_of_traces(model: LanguageModel):
    with pytest.raises(InvalidInputError, match="1 lists of traces for 2 questions"):
        TextReader().answer(model, ["a", "b"], [[]])


@pytest.mark.model
@pytest.mark.parametrize("name", ["text", "kv", "cross_attention"])
def test_what_is_no_list_of_traces_is_named(name: str, model: LanguageModel):
    reader = make_reader(name)
    one = hit("Ada left the key under the third pot.")
    for recalled, shown in (([one], "Ada left"), (["Ada left the key."], "Ada left"), ([[3]], "3"), ([None], "None")):
        with pytest.raises(InvalidInputError, match=f"list of hits.*{shown}"):
            reader.answer(model, ["Where is the key?"], recalled)
    with pytest.raises(InvalidInputError, match="put it into a list"):
        reader.answer(model, "Where is the key?", [[one]])
    if name != "text":
        with pytest.raises(InvalidInputError, match=r"Ada left the key\.' stands in one"):
            reader.answer(model, ["Where is the key?"], [["Ada left the key."]])
