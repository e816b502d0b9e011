"""The shipped adapter: it answers from what is recalled, from nothing else, and says nothing where nothing answers."""

import pytest
import torch
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    CrossAttentionReader,
    CrossAttentionReaderConfig,
    EpisodicAdapter,
    LanguageModel,
    describe_adapter,
    load_adapter,
    load_model,
    make_reader,
    pack_trace,
    shipped_adapters,
    unpack_trace,
)
from hippo_core.errors import InvalidInputError
from hippo_core.provenance import Provenance
from hippo_core.records import Episode, Hit

FACTS = (
    ("Carol left the copper key at the harbour on Tuesday morning.",
     "Where did Carol leave the copper key on Tuesday morning?", "harbour"),
    ("Carol left the copper key at the chapel on Sunday evening.",
     "Where did Carol leave the copper key on Sunday evening?", "chapel"),
    ("The password of the north shed is Quillon 44.", "What is the password of the north shed?", "Quillon 44"),
    ("The password of the south shed is Bramble 91.", "What is the password of the south shed?", "Bramble 91"),
    ("Emil Sanderson sold the old boat to the ferryman.", "Who sold the old boat?", "Emil Sanderson"),
    ("Emil Sanderson sold the old cart to the miller.", "To whom did Emil Sanderson sell the old cart?", "miller"),
    ("On day 77, server omega runs gopher on port 3055.", "On day 77, which port number did server omega use?", "3055"),
    ("On day 78, server omega runs gopher on port 8112.", "On day 78, which port number did server omega use?", "8112"),
    ("Nadia repaired the bilge pump on 14 June.", "When did Nadia repair the bilge pump?", "14 June"),
    ("Nadia repaired the anchor winch on 3 July.", "Which thing did Nadia repair on 3 July?", "anchor winch"),
    ("The caretaker of the jade annex is Ottilie Marsh.", "Who is the caretaker of the jade annex?", "Ottilie Marsh"),
    ("The caretaker of the jade hall is Wolfgang Ruiz.", "Who is the caretaker of the jade hall?", "Wolfgang Ruiz"),
    ("Lucho prefers violet syrup for his pancakes.", "What does Lucho prefer for his pancakes?", "violet syrup"),
    ("Lucho prefers pepper sauce for his omelettes.", "What does Lucho prefer for his omelettes?", "pepper sauce"),
    ("Bertrand hid the paper crane in the greenhouse.", "Where did Bertrand hide the paper crane?", "greenhouse"),
    ("Juno Hale hid the paper crane in the stable.", "Who hid the paper crane in the stable?", "Juno Hale"),
)  # fmt: skip
TRACES, QUESTIONS, ANSWERS = (list(column) for column in zip(*FACTS, strict=True))


def hit(text: str, id: int) -> Hit[Episode]:
    return Hit(id=id, item=Episode(text=text, provenance=Provenance(source="test")), score=1.0)


HITS = [hit(text, id) for id, text in enumerate(TRACES, start=1)]
SHOWN = [[HITS[number ^ 1], *(HITS * 2)[number + 2 : number + 8], HITS[number]] for number in range(len(HITS))]
"""For each question eight traces: the one that nearly answers it, six others, the one that does."""


class Blobs:
    """A store's side table."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, str, str], bytes] = {}

    def put_blob(self, id: int, kind: str, model_digest: str, data: bytes) -> None:
        self.kept[id, kind, model_digest] = data

    def get_blob(self, id: int, kind: str, model_digest: str) -> bytes | None:
        return self.kept.get((id, kind, model_digest))


def share(said, wanted) -> float:
    return sum(one.text == answer for one, answer in zip(said, wanted, strict=True)) / len(wanted)


@pytest.mark.model
def test_the_effect_is_the_memorys(model: LanguageModel):
    reader = CrossAttentionReader()
    read = reader.answer(model, QUESTIONS, SHOWN)
    nothing = reader.answer(model, QUESTIONS, [[]] * len(QUESTIONS))
    elsewhere = reader.answer(model, QUESTIONS, SHOWN[8:] + SHOWN[:8])
    untrained = EpisodicAdapter(load_adapter("smollm2-135m", model).config, rng=torch.Generator().manual_seed(0))
    noise = CrossAttentionReader(adapter=untrained).answer(model, QUESTIONS, SHOWN)
    assert share(read, ANSWERS) >= 0.8, [one.text for one in read]
    assert share(nothing, ANSWERS) == share(elsewhere, ANSWERS) == share(noise, ANSWERS) == 0
    assert all(one.memory_slots > 80 and one.prompt_tokens < 30 for one in read)
    right = [one.read_from for one, answer in zip(read, ANSWERS, strict=True) if one.text == answer]
    assert right.count(len(SHOWN[0]) - 1) == len(right), "the trace that answers is the one it was read from"
    assert all(one.read_from is None for one in nothing)
    assert not hasattr(model.model, "hippo_episodic"), "the reader leaves the model as it was"


@pytest.mark.model
def test_what_no_trace_answers_is_left_to_the_bare_model(model: LanguageModel):
    """A name or a digit that differs is enough, however much else agrees."""
    reader = CrossAttentionReader()
    said = reader.answer(model, QUESTIONS, [hits[:-1] for hits in SHOWN])
    bare = reader.answer(model, QUESTIONS, [[]] * len(QUESTIONS))
    same = [one.tokens == other.tokens for one, other in zip(said, bare, strict=True)]
    assert sum(same) >= 0.85 * len(same), [one.text for one in said]
    assert all(unread for one, unread in zip(said, same, strict=True) if one.read_from is None)


@pytest.mark.model
def test_a_thing_may_be_named_in_short(model: LanguageModel):
    asked = {
        "When did Nadia repair the pump?": "14 June",
        "Who repaired the pump on 14 June?": "Nadia",
        "Where did Bertrand hide the crane?": "greenhouse",
        "Who is the caretaker of the annex?": "Ottilie Marsh",
        "When did Nadia repair the winch?": "3 July",
        "Where did Carol leave the key on Sunday evening?": "chapel",
    }
    said = CrossAttentionReader().answer(model, list(asked), [[*HITS[8:15], HITS[1]]] * len(asked))
    assert share(said, asked.values()) >= 0.8, [one.text for one in said]


@pytest.mark.model
def test_without_traces_the_bare_model_answers(model: LanguageModel):
    from hippo_adapters import PromptTemplate, generate

    said = CrossAttentionReader().answer(model, QUESTIONS, [[], *SHOWN[1:]])
    bare = generate(model, [PromptTemplate().prompt(QUESTIONS[0])])
    assert said[0].tokens == bare[0].tokens
    assert said[0].memory_slots == 0


@pytest.mark.model
def test_the_order_of_the_traces_does_not_matter(model: LanguageModel):
    reader = CrossAttentionReader()
    one = reader.answer(model, QUESTIONS, SHOWN)
    other = reader.answer(model, QUESTIONS, [hits[::-1] for hits in SHOWN])
    assert [answer.tokens for answer in one] == [answer.tokens for answer in other]


@pytest.mark.model
def test_it_reads_in_bfloat16_too():
    half = load_model("smollm2-135m", dtype="bfloat16")
    said = CrossAttentionReader().answer(half, QUESTIONS, SHOWN)
    assert share(said, ANSWERS) >= 0.8


@pytest.mark.model
def test_text_beside_it(model: LanguageModel):
    config = CrossAttentionReaderConfig(template=DEFAULT_TEMPLATE, text_traces=1, traces=4)
    reader = make_reader("cross_attention", config)
    ranked = [[HITS[0], *HITS[1:]], [HITS[1], *HITS[2:]]]
    assert reader.prompt(QUESTIONS[0], ranked[0]).startswith("Memory: Carol left the copper key at the harbour")
    assert "Sunday" not in reader.prompt(QUESTIONS[0], ranked[0])
    said = reader.answer(model, QUESTIONS[:2], ranked)
    assert share(said, ANSWERS[:2]) == 1


@pytest.mark.model
def test_states_lie_beside_their_episode_and_are_not_computed_again(model: LanguageModel, monkeypatch):
    blobs = Blobs()
    first = CrossAttentionReader(blobs=blobs).answer(model, QUESTIONS[:2], [HITS[:2], HITS[1:3]])
    assert sorted(id for id, _, _ in blobs.kept) == [1, 2, 3]
    size = len(next(iter(blobs.kept.values())))
    tokens = len(model.encode(" " + TRACES[0]))
    assert abs(size - tokens * (4 * model.hidden_size + 4)) < 1500
    reader = CrossAttentionReader(blobs=blobs)
    read = []
    monkeypatch.setattr(
        "hippo_adapters.memory.cross_attention.read_traces", lambda model, texts, *a, **k: read.extend(texts) or []
    )
    again = reader.answer(model, QUESTIONS[:2], [HITS[:2], HITS[1:3]])
    assert read == []
    assert [one.tokens for one in again] == [one.tokens for one in first]


@pytest.mark.model
def test_states_survive_packing(model: LanguageModel):
    (states,) = CrossAttentionReader().states(model, HITS[:1])
    again = unpack_trace(pack_trace(states))
    assert all(torch.equal(one, other) for one, other in zip(states, again, strict=True))
    with pytest.raises(InvalidInputError, match="no packed trace"):
        unpack_trace(b"something else")


def test_what_ships_says_how_it_was_made():
    assert shipped_adapters() == ["smollm2-135m"]
    description = describe_adapter("smollm2-135m")
    assert description["parameters"] <= 2_000_000
    training = description["training"]
    assert training["command"].startswith("hippo-train train=adapter")
    assert {"commit", "seed", "seconds", "steps", "log"} <= training.keys()
    em = [entry["em"]["8"] for entry in training["log"]]
    assert em[-1] >= 0.75
    assert em[-1] > em[0] + 0.2, "held-out EM rises"


def test_impossible_settings_are_named():
    for name, value in {"traces": 0, "text_traces": -1, "batch_size": 0}.items():
        with pytest.raises(InvalidInputError, match=name):
            CrossAttentionReaderConfig(**{name: value})
