"""The adapter's steps by themselves, on made-up states: no model."""

from dataclasses import replace

import pytest
import torch
from hippo_adapters import EpisodicAdapter, EpisodicAdapterConfig, TraceStates, batched_traces
from hippo_adapters.episodic_adapter import END, NULL
from hippo_core.errors import InvalidInputError

SHAPE = EpisodicAdapterConfig(hidden_size=16, match_block=1, read_block=2, write_block=3, key_dim=8, match_dim=8)
STATES = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
"""Of each of fifty tokens."""


def trace(*tokens: int) -> TraceStates:
    states, n = STATES[list(tokens)][None], len(tokens)
    where = torch.zeros(1, n, dtype=torch.long)
    return TraceStates(torch.tensor([tokens]), states, states, where, torch.ones(1, n, dtype=torch.bool))


def read(adapter: EpisodicAdapter, question: list[int], *traces: TraceStates):
    """Return what `match` and what `attend` find for one question."""
    memory = adapter.prepare(batched_traces([traces], hidden_size=16, device=torch.device("cpu")))
    low = STATES[question][None]
    found, _ = adapter.match(torch.tensor([question]), low, torch.ones(1, len(question), dtype=torch.bool), memory)
    return found, adapter.attend(low, low, found, memory)


def made() -> EpisodicAdapter:
    adapter = EpisodicAdapter(SHAPE, rng=torch.Generator().manual_seed(1)).eval()
    adapter.continuing = torch.zeros(len(STATES), dtype=torch.bool)
    return adapter


@torch.no_grad()
def test_attention_sums_to_one():
    _, attention = read(made(), [1, 2, 3], trace(1, 2, 3, 4), trace(5, 6))
    assert torch.allclose(attention.exp().sum(dim=2), torch.ones(1, 3), atol=1e-5)


@torch.no_grad()
def test_a_row_is_read_as_it_is_alone_and_one_without_traces_not_at_all():
    adapter, question = made(), torch.tensor([[1, 2, 3]])
    rows = [[trace(1, 2, 3, 4), trace(5, 6)], [trace(1, 2, 9)], []]
    memory = adapter.prepare(batched_traces(rows, hidden_size=16, device=torch.device("cpu")))
    low, real = STATES[question].expand(3, -1, -1), torch.ones(3, 3, dtype=torch.bool)
    found, _ = adapter.match(question.expand(3, -1), low, real, memory)
    attention = adapter.attend(low, low, found, memory)
    assert torch.allclose(attention[1, :, :5], read(adapter, [1, 2, 3], *rows[1])[1][0], atol=1e-5)
    assert attention[2, :, NULL].tolist() == [0.0] * 3
    assert attention[2, :, NULL + 1 :].max() == float("-inf")


@torch.no_grad()
def test_one_word_that_is_not_there_outweighs_all_that_agree():
    adapter = made()
    adapter.importance.bias.fill_(10.0)
    found, _ = read(adapter, [1, 2, 3, 4, 5], trace(1, 2, 3, 4, 5), trace(1, 2, 30, 4, 5))
    same, other = found.ranks[0, -1].tolist()
    assert same > found.null_rank[0, -1].item() > other


@torch.no_grad()
def test_the_rest_of_a_word_tells_17_from_1765():
    adapter = made()
    adapter.continuing[4] = True
    ranks = read(adapter, [1, 2, 3], trace(7, 1, 2, 30), trace(7, 1, 2, 4))[0].ranks[0]
    assert ranks[1].tolist()[0] == pytest.approx(ranks[1].tolist()[1], abs=1e-5), "2 does not count yet"
    assert ranks[2, 0] > ranks[2, 1], "2 stands in both, but in the second the word goes on"
    other = read(adapter, [1, 2, 3], trace(7, 1, 2, 30), trace(7, 1, 2, 3))[0].ranks[0]
    assert ranks[2, 0] == other[2, 1], "which word comes next says nothing about the one before"


@torch.no_grad()
def test_the_question_may_raise_null_but_not_lower_it():
    adapter = made()
    state = torch.cat([STATES[3], STATES[3]])
    asked = adapter.query(state / state.pow(2).mean().sqrt())
    for sign, least, most in ((1.0, 0.99, 1.01), (-1.0, 0.0, 0.8)):
        adapter.slot_keys[NULL] = 1e4 * sign * asked
        found, attention = read(adapter, [1, 2, 3], trace(1, 2, 3, 4), trace(5, 6))
        alone = torch.cat([found.null_rank, found.ranks], dim=2).softmax(dim=2)[0, -1, 0]
        null = attention[0, -1, NULL].exp()
        assert least < null < most
        assert null >= alone - 1e-6, "as much as its rank alone brings"


@torch.no_grad()
def test_a_token_that_fits_cannot_speak_for_a_trace_that_does_not():
    adapter = made()
    adapter.importance.bias.fill_(10.0)
    adapter.query.weight.mul_(1000.0)  # one token fits far better than anything else
    _, attention = read(adapter, [1, 2, 3, 4], trace(1, 2, 3, 4), trace(31, 32, 33, 34))
    assert attention[0, -1, -4:].exp().sum() < 0.01


@torch.no_grad()
def test_a_token_gains_for_each_of_the_tokens_before_it_that_was_just_said():
    adapter = made()
    adapter.follow.copy_(torch.tensor([1.0, 10.0, 100.0]))
    found, _ = read(adapter, [7, 3, 8], trace(4, 8, 4, 7, 3, 8, 5), trace(3, 8, 5))
    assert found.goes_on[0, -1].tolist() == [0, 0, 1, 0, 0, 0, 111, 0, 0, 11]
    assert found.goes_on[0, 0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0], "no column knows what comes after it"
    assert found.stands[0, -1].tolist() == [0, 1, 0, 0, 0, 111, 0, 0, 11, 0], "where the answer ends if it ends now"


@torch.no_grad()
def test_what_would_come_next_tells_whether_the_answer_ends():
    """The query is made to be what the key of an end before token 9 is: of two traces only one goes on so."""
    adapter = made()
    for part in (adapter.key, adapter.previous_key):
        part.weight.zero_()
    adapter.slot_keys.zero_()
    state = torch.cat([STATES[9], STATES[9]])
    wanted = adapter.end_key(state / state.pow(2).mean().sqrt())
    said = torch.cat([STATES[8], STATES[8]])
    adapter.query.weight.copy_(torch.outer(10 * wanted, said / said.norm() ** 2))
    ends = [read(adapter, [8], trace(8, token))[1][0, -1, END].item() for token in (9, 10)]
    assert ends[0] > ends[1] + 1.0


@torch.no_grad()
def test_reading_begins_where_null_has_almost_nothing_and_stops_where_it_has_half():
    adapter = made()
    adapter.end_value = torch.zeros(16)
    read_share = torch.tensor([[0.8, 0.9, 0.6, 0.4, 0.8, 0.99], [0.99, 0.99, 0.1, 0.9, 0.51, 0.5]])
    attention = torch.stack([1 - read_share, torch.zeros_like(read_share), read_share], dim=2).log()
    real = torch.ones(2, 6, dtype=torch.bool)
    real[1, 0] = False  # padding is never read, nor gone on from
    values = torch.ones(2, 1, 16)
    expected = [[False, True, True, False, False, True], [False, True, False, True, True, False]]
    whole, reading = adapter.read(attention, values, real)
    assert (whole[..., 0] > 0).tolist() == expected
    assert reading.tolist() == [True, False]
    for split in range(1, 6):
        first, reading = adapter.read(attention[:, :split], values, real[:, :split])
        rest, reading = adapter.read(attention[:, split:], values, real[:, split:], reading)
        assert torch.equal(torch.cat([first, rest], dim=1), whole), "in two calls as in one"
        assert reading.tolist() == [True, False]
    adapter.config = replace(adapter.config, read_above=0.45)
    eager = adapter.read(attention, values, real)[0][..., 0] > 0
    assert eager.tolist() == [[True, True, True, False, True, True], [False, True, False, True, True, True]]
    with pytest.raises(InvalidInputError, match="`read_above` is a share"):
        replace(adapter.config, read_above=1.0)
