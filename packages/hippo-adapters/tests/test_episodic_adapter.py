"""The adapter's steps by themselves, on made-up states: no model."""

import torch
from hippo_adapters import EpisodicAdapter, EpisodicAdapterConfig, TraceStates, batched_traces

SHAPE = EpisodicAdapterConfig(hidden_size=16, match_block=1, read_block=2, write_block=3, key_dim=8, match_dim=8)
STATES = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
"""Of each of fifty tokens."""


def trace(*tokens: int) -> TraceStates:
    states, n = STATES[list(tokens)][None], len(tokens)
    where = torch.zeros(1, n, dtype=torch.long)
    return TraceStates(torch.tensor([tokens]), states, states, where, torch.ones(1, n, dtype=torch.bool))


def read(adapter: EpisodicAdapter, question: list[int], *traces: TraceStates):
    """Return the memory, what `match` and what `attend` return for one question."""
    memory = adapter.prepare(batched_traces([traces], hidden_size=16, device=torch.device("cpu")))
    low = STATES[question][None]
    matched = adapter.match(torch.tensor([question]), low, torch.ones(1, len(question), dtype=torch.bool), memory)
    ranks, null_rank, gained, _ = matched
    return memory, matched, adapter.attend(low, low, ranks, null_rank, gained, memory)


def made() -> EpisodicAdapter:
    return EpisodicAdapter(SHAPE, rng=torch.Generator().manual_seed(1)).eval()


@torch.no_grad()
def test_attention_sums_to_one():
    *_, attention = read(made(), [1, 2, 3], trace(1, 2, 3, 4), trace(5, 6))
    assert torch.allclose(attention.exp().sum(dim=2), torch.ones(1, 3), atol=1e-5)


@torch.no_grad()
def test_one_word_that_is_not_there_outweighs_all_that_agree():
    adapter = made()
    adapter.importance.bias.fill_(10.0)
    _, (ranks, null_rank, _, _), _ = read(adapter, [1, 2, 3, 4, 5], trace(1, 2, 3, 4, 5), trace(1, 2, 30, 4, 5))
    same, other = ranks[0, -1].tolist()
    assert same > null_rank[0, -1].item() > other


@torch.no_grad()
def test_a_token_that_fits_cannot_speak_for_a_trace_that_does_not():
    adapter = made()
    adapter.importance.bias.fill_(10.0)
    adapter.query.weight.mul_(1000.0)  # one token fits far better than anything else
    _, _, attention = read(adapter, [1, 2, 3, 4], trace(1, 2, 3, 4), trace(31, 32, 33, 34))
    assert attention[0, -1, -4:].exp().sum() < 0.01


@torch.no_grad()
def test_a_token_gains_for_each_of_the_tokens_before_it_that_was_just_said():
    adapter = made()
    adapter.follow.copy_(torch.tensor([1.0, 10.0, 100.0]))
    _, (_, _, gained, _), _ = read(adapter, [7, 3, 8], trace(4, 8, 4, 7, 3, 8, 5), trace(3, 8, 5))
    assert gained[0, -1].tolist() == [0, 0, 1, 0, 0, 0, 111, 0, 0, 11]
    assert gained[0, 0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0], "no column knows what comes after it"
