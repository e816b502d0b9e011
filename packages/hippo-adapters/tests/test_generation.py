import pytest
import torch
from hippo_adapters import LanguageModel, PromptTooLongError, compute_prefix, generate
from hippo_adapters._cascade import OwnKeys, cascade_attention
from hippo_core.errors import InvalidInputError

pytestmark = pytest.mark.model

PREFIX = "Memory: Ana left the red key at the mill.\nQuestion: Where is the red key?\nAnswer: the mill\n\n"
PROMPTS = [
    "Question: Where is the red key?\nAnswer:",
    "Memory: Carol left the copper key at the harbour on Tuesday.\nQuestion: Who left the copper key?\nAnswer:",
    "Hello",
    "Memory: On day 214, server alpha runs postgres on port 8123.\nQuestion: Which port does alpha use?\nAnswer:",
    "The quick brown fox jumps over the lazy dog, and then",
    "Count: 1, 2, 3,",
]


@pytest.fixture(scope="module")
def single(model: LanguageModel):
    return [generate(model, [prompt], prefix=PREFIX, max_new_tokens=8)[0] for prompt in PROMPTS]


def test_a_batch_says_what_each_prompt_says_alone(model: LanguageModel, single):
    assert [g.tokens for g in generate(model, PROMPTS, prefix=PREFIX, max_new_tokens=8)] == [g.tokens for g in single]


def test_batch_size_changes_nothing_and_order_is_kept(model: LanguageModel, single):
    again = generate(model, PROMPTS[::-1], prefix=PREFIX, max_new_tokens=8, batch_size=4)
    assert [g.tokens for g in again[::-1]] == [g.tokens for g in single]


def test_a_cached_prefix_says_what_the_plain_text_says(model: LanguageModel, single):
    plain = generate(model, [PREFIX + prompt for prompt in PROMPTS], max_new_tokens=8)
    assert [g.tokens for g in plain] == [g.tokens for g in single]
    assert [g.prompt_tokens for g in plain] == [g.prompt_tokens for g in single]


def test_it_says_what_transformers_generate_says(model: LanguageModel):
    for prompt in PROMPTS[:4]:
        ids = torch.tensor([model.encode(PREFIX + prompt)])
        theirs = model.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, pad_token_id=2
        )[0, ids.shape[1] :].tolist()
        ours = generate(model, [prompt], prefix=PREFIX, max_new_tokens=8, stop=())[0].tokens
        assert list(ours) == theirs[: len(ours)]
        assert len(ours) == 8 or ours[-1] == model.tokenizer.eos_token_id


def test_a_prefix_in_several_blocks_gives_the_models_own_logits(model: LanguageModel, monkeypatch):
    import hippo_adapters._cascade as cascade
    import hippo_adapters.generation as generation

    monkeypatch.setattr(generation, "_PREFILL_TOKENS", 7)
    monkeypatch.setattr(cascade, "_SCORE_BYTES", 4 * 40 * 3 * 5)  # several blocks of queries as well
    shared = compute_prefix(model, PREFIX)
    own = OwnKeys(prefix=list(shared.keys_and_values), real=torch.ones(1, 40, dtype=torch.bool))
    prompt = model.encode(PROMPTS[0])
    positions = torch.arange(len(shared.tokens), len(shared.tokens) + len(prompt))[None]
    with torch.inference_mode():
        with cascade_attention(model.model):
            ours = generation._forward(model, torch.tensor([prompt]), positions, own)[0]
        theirs = model.model(torch.tensor([[*shared.tokens, *prompt]])).logits[0, -1]
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0)


def test_the_models_own_attention_is_back_afterwards(model: LanguageModel):
    before = model.model.config._attn_implementation
    generate(model, ["Hello"], max_new_tokens=1)
    with pytest.raises(RuntimeError), cascade_attention(model.model):
        raise RuntimeError
    assert model.model.config._attn_implementation == before != "hippo_cascade"


def test_generating_does_not_copy_the_prefix(model: LanguageModel):
    shared = compute_prefix(model, PREFIX)
    pointers = [keys.data_ptr() for keys, _ in shared.keys_and_values]
    assert shared.size_bytes == len(shared.tokens) * model.kv_bytes_per_token
    generate(model, PROMPTS, prefix=shared, max_new_tokens=2)
    assert [keys.data_ptr() for keys, _ in shared.keys_and_values] == pointers


def test_a_stop_string_ends_the_text_and_stays_in_the_raw_text(model: LanguageModel):
    answer = generate(model, [PROMPTS[1]], prefix=PREFIX, max_new_tokens=16)[0]
    assert answer.text == "Carol"
    assert answer.raw_text.endswith("\n")
    assert answer.stopped
    assert answer.new_tokens == len(answer.tokens) < 16


def test_without_a_stop_the_budget_ends_it(model: LanguageModel):
    answer = generate(model, ["1, 2, 3,"], max_new_tokens=5, stop=())[0]
    assert answer.new_tokens == 5
    assert not answer.stopped


def test_white_space_at_the_start_does_not_stop(model: LanguageModel):
    answers = generate(model, ["Memory: the vase is blue.\nQuestion: colour of the vase?\nAnswer:\n"], max_new_tokens=6)
    assert answers[0].text


def test_progress_reaches_the_end(model: LanguageModel):
    seen = []
    generate(model, PROMPTS[:3], max_new_tokens=1, batch_size=2, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(2, 3), (3, 3)]


def test_no_prompts_no_answers(model: LanguageModel):
    assert generate(model, [], prefix=PREFIX) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"prompts": ["fine", ""]}, "Prompt 1 is empty"),
        ({"prompts": ["fine"], "max_new_tokens": 0}, "max_new_tokens"),
        ({"prompts": ["fine"], "batch_size": 0}, "batch_size"),
        ({"prompts": ["fine"], "stop": "\n"}, "sequence of strings"),
        ({"prompts": ["fine"], "stop": ("",)}, "empty string"),
    ],
)
def test_bad_arguments_are_named(model: LanguageModel, arguments, reason):
    with pytest.raises(InvalidInputError, match=reason):
        generate(model, **arguments)


def test_a_prompt_longer_than_the_window_is_refused_before_anything_runs(model: LanguageModel):
    with pytest.raises(PromptTooLongError, match="window of smollm2-135m holds 8,192"):
        generate(model, ["word " * 9000])
    with pytest.raises(PromptTooLongError, match="prefix"):
        compute_prefix(model, "word " * 9000)
    with pytest.raises(InvalidInputError, match="empty"):
        compute_prefix(model, "")


def test_another_models_prefix_is_refused(model: LanguageModel):
    import dataclasses

    stranger = dataclasses.replace(compute_prefix(model, "Hello\n"), digest="0" * 64)
    with pytest.raises(InvalidInputError, match="another model"):
        generate(model, ["Hi"], prefix=stranger)


def test_a_single_prompt_that_is_no_list_is_named(model: LanguageModel):
    with pytest.raises(InvalidInputError, match="`prompts` must be a list of strings"):
        generate(model, "Where is the key?")
