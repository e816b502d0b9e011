"""The kv reader: kept states say what the text itself would say, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    KvReader,
    KvReaderConfig,
    LanguageModel,
    PromptTemplate,
    TextReader,
    TextReaderConfig,
    UnsupportedModelError,
    compute_prefix,
    generate,
)
from hippo_adapters._rotary import placed, rotated
from hippo_adapters.memory.kv import LEAD
from hippo_adapters.memory.states import compute_states, joined, last_slots, pack_states, unpack_states
from hippo_core.errors import InvalidInputError
from hippo_core.provenance import Provenance
from hippo_core.records import Episode, Hit

TRACES = (
    "On 3 May, Carol left the copper key at the harbour.",
    "The password of the north shed is Quillon 44.",
    "Emil sold the old boat to the ferryman on Tuesday.",
)
QUESTIONS = (
    "Where did Carol leave the copper key?",
    "What is the password of the north shed?",
    "Who sold the old boat on Tuesday?",
)
BARE = PromptTemplate()


def hit(text: str, id: int = 1) -> Hit[Episode]:
    return Hit(id=id, item=Episode(text=text, provenance=Provenance(source="test")), score=1.0)


HITS = [hit(text, id) for id, text in enumerate(TRACES, start=1)]


def kv(**settings) -> KvReader:
    return KvReader(KvReaderConfig(**({"precision": "float32"} | settings)))


class Blobs:
    """A store's side table."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, str, str], bytes] = {}

    def put_blob(self, id: int, kind: str, model_digest: str, data: bytes) -> None:
        self.kept[id, kind, model_digest] = data

    def get_blob(self, id: int, kind: str, model_digest: str) -> bytes | None:
        return self.kept.get((id, kind, model_digest))


@pytest.mark.model
@pytest.mark.parametrize("template", [DEFAULT_TEMPLATE, BARE], ids=["worked examples", "bare"])
def test_one_trace_says_what_the_text_says(model: LanguageModel, template):
    recalled = [[one] for one in HITS]
    said = kv(template=template).answer(model, QUESTIONS, recalled)
    told = TextReader(TextReaderConfig(template=template)).answer(model, QUESTIONS, recalled)
    assert [answer.tokens for answer in said] == [answer.tokens for answer in told]
    assert all(answer.memory_slots > 5 for answer in said)
    assert all(one.prompt_tokens < other.prompt_tokens for one, other in zip(said, told, strict=True))


@pytest.mark.model
def test_the_memory_is_what_it_answers_from(model: LanguageModel):
    reader = kv()
    right = reader.answer(model, QUESTIONS, [[one] for one in HITS])
    wrong = reader.answer(model, QUESTIONS, [[HITS[(place + 1) % 3]] for place in range(3)])
    assert "harbour" in right[0].text
    assert "44" in right[1].text
    assert [answer.text for answer in right] != [answer.text for answer in wrong]


@pytest.mark.model
def test_without_traces_it_is_the_text_reader_without_memory(model: LanguageModel):
    said = kv().answer(model, QUESTIONS, [[], [HITS[1]], []])
    told = TextReader().answer(model, QUESTIONS, [[], [], []])
    assert [said[0].tokens, said[2].tokens] == [told[0].tokens, told[2].tokens]
    assert (said[0].memory_slots, said[2].memory_slots) == (0, 0)
    assert said[1].tokens != told[1].tokens


@pytest.mark.model
def test_a_batch_of_different_memories_says_what_each_says_alone(model: LanguageModel):
    template = replace(DEFAULT_TEMPLATE, traces=3)
    recalled = [HITS[:1], HITS[1:], HITS, []]
    questions = [*QUESTIONS, QUESTIONS[0]]
    reader = kv(template=template)
    together = reader.answer(model, questions, recalled)
    alone = [reader.answer(model, [q], [hits])[0] for q, hits in zip(questions, recalled, strict=True)]
    assert [answer.tokens for answer in together] == [answer.tokens for answer in alone]
    small = kv(template=template, batch_size=1, cached_traces=1).answer(model, questions, recalled)
    assert [answer.tokens for answer in small] == [answer.tokens for answer in alone]


@pytest.mark.model
def test_states_lie_beside_their_episode_and_are_not_computed_again(model: LanguageModel, monkeypatch):
    blobs = Blobs()
    first = KvReader(KvReaderConfig(precision="int8"), blobs=blobs).answer(model, QUESTIONS, [[one] for one in HITS])
    assert [key[0] for key in blobs.kept] == [1, 2, 3]
    monkeypatch.setattr("hippo_adapters.memory.kv.compute_states", lambda model, texts, **_: [] if not texts else 1 / 0)
    again = KvReader(KvReaderConfig(precision="int8"), blobs=blobs).answer(model, QUESTIONS, [[one] for one in HITS])
    assert [answer.tokens for answer in again] == [answer.tokens for answer in first]
    with pytest.raises(ZeroDivisionError):  # another form of states is another blob
        KvReader(KvReaderConfig(precision="int8", slots=3), blobs=blobs).answer(
            model, QUESTIONS, [[one] for one in HITS]
        )


@pytest.mark.model
def test_positions_come_off_and_go_on_again(model: LanguageModel):
    sink = compute_prefix(model, "Memory:")
    (memory,) = compute_states(model, [" " + TRACES[0] + "\n"], sink=sink)
    plain = compute_prefix(model, "Memory: " + TRACES[0] + "\n")
    keys, values = placed(model, [memory], first_position=len(sink.tokens))
    for layer, (their_keys, their_values) in enumerate(plain.keys_and_values):
        torch.testing.assert_close(keys[layer, 0], their_keys[:, len(sink.tokens) :], atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(values[layer, 0], their_values[:, len(sink.tokens) :], atol=1e-3, rtol=1e-4)


@pytest.mark.model
def test_keys_of_the_first_layer_do_not_know_their_place(model: LanguageModel):
    """They come from the embeddings alone: the same text after sinks of different length has the same ones."""
    texts = [" " + TRACES[0]]
    (near,) = compute_states(model, texts, sink=compute_prefix(model, "Memory:"))
    (far,) = compute_states(model, texts, sink=compute_prefix(model, "Of all that was said on that day, Memory:"))
    np.testing.assert_allclose(near.keys[0], far.keys[0], atol=1e-4)
    assert np.abs(near.keys[9] - far.keys[9]).max() > 0.01


def test_a_scaled_rotation_is_undone_too(monkeypatch):
    angles = torch.arange(6.0)[None, :, None] * torch.tensor([1.0, 0.1])
    both = torch.cat((angles, angles), dim=-1)
    monkeypatch.setattr("hippo_adapters._rotary.rotary_of", lambda _: lambda x, p: (1.4 * both.cos(), 1.4 * both.sin()))
    keys = torch.randn(2, 1, 6, 3, 5)  # one dimension more than is rotated
    positions = torch.arange(6)[None]
    turned = rotated(None, keys, positions)
    torch.testing.assert_close(rotated(None, turned, positions, back=True), keys)
    assert not torch.allclose(turned[..., :4], keys[..., :4])
    assert torch.equal(turned[..., 4], keys[..., 4])


@pytest.mark.model
def test_a_model_without_rotary_positions_says_so(model: LanguageModel):
    from torch import nn

    with pytest.raises(UnsupportedModelError, match=r"no module `rotary_emb`.*reader 'text'"):
        compute_states(replace(model, model=nn.Linear(2, 2)), ["text"], sink=compute_prefix(model, "Memory:"))


@pytest.mark.model
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_states_survive_their_bytes(model: LanguageModel, precision):
    (memory,) = compute_states(model, [TRACES[0]], sink=compute_prefix(model, "Memory:"))
    data = pack_states(memory, precision)
    again = unpack_states(data)
    numbers = memory.keys.size + memory.values.size
    width = {"float32": 4, "float16": 2, "int8": 1 + 4 / 64}[precision]
    assert numbers * width <= len(data) <= numbers * width + 2_000
    worst = {"float32": 0.0, "float16": 1e-3, "int8": 1 / 253}[precision]
    for ours, theirs in ((again.keys, memory.keys), (again.values, memory.values)):
        assert (np.abs(ours - theirs) <= worst * np.abs(theirs).max(axis=-1, keepdims=True) + 1e-6).all()
    assert pack_states(again, precision) == data


@pytest.mark.parametrize("data", [b"", b"states", b"PK\x03\x04"])
def test_other_bytes_are_no_states(data):
    with pytest.raises(InvalidInputError, match="not packed states"):
        unpack_states(data)


@pytest.mark.model
def test_where_several_are_shown_each_was_read_after_another_line_that_is_not_kept(model: LanguageModel):
    (one,) = KvReader(KvReaderConfig(template=BARE, precision="float32")).states(model, HITS[:1])
    (two,) = KvReader(KvReaderConfig(template=replace(BARE, traces=2), precision="float32")).states(model, HITS[:1])
    expected = compute_states(model, [f" {TRACES[0]}\n"], sink=compute_prefix(model, f"Memory: {LEAD}\n"))[0]
    assert one.keys.shape == two.keys.shape
    assert not np.allclose(one.values, two.values, atol=0.05)
    assert np.allclose(two.values, expected.values, atol=1e-4)


@pytest.mark.model
def test_fewer_slots_are_the_last_ones(model: LanguageModel):
    states = compute_states(model, TRACES[:2], sink=compute_prefix(model, "Memory:"))
    short = last_slots(states[0], 2)
    assert np.array_equal(short.keys, states[0].keys[:, -2:])
    assert last_slots(states[0], None) is states[0]
    both = joined([short, states[1]], [7, 9])
    assert both.trace_ids.tolist() == [7, 7] + [9] * len(states[1].mask)
    assert joined([], []) is None
    answers = kv(slots=2).answer(model, QUESTIONS[:1], [HITS[:1]])
    assert answers[0].memory_slots == 2


@pytest.mark.parametrize(
    "bad", [{"slots": 0}, {"precision": "int4"}, {"batch_size": 0}, {"template": replace(BARE, question_first=True)}]
)
def test_settings_that_cannot_work_are_refused(bad):
    with pytest.raises(InvalidInputError):
        KvReaderConfig(**bad)


@pytest.mark.model
def test_memories_and_prompts_go_together(model: LanguageModel):
    with pytest.raises(InvalidInputError, match="1 memories for 2 prompts"):
        generate(model, ["a", "b"], memories=[None])
