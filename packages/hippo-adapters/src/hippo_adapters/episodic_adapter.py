"""The adapter by which a frozen model reads traces: which trace the cue means, then which of its tokens is next."""

from __future__ import annotations

import math
from typing import Any

import torch
from hippo_core.errors import InvalidInputError
from torch import Tensor, nn
from torch.nn import functional

from hippo_adapters.adapter_config import EpisodicAdapterConfig
from hippo_adapters.models import LanguageModel
from hippo_adapters.trace_states import CueMatch, CueState, PreparedTraces, TraceStates

NULL, END = 0, 1
"""The two slots before the memory's tokens: no trace answers; the answer has ended."""
SLOTS = 2
LEAST, TINY = -1e4, 1e-30
"""For traces that a row does not have: less than any score, more than nothing."""
NOTHING = -1
"""Token id of no token."""
FOLLOWED = 3
"""So many tokens just said are looked for in the traces, to go on or to end where they stand."""
FOLLOW = 3.0
"""What each of them brings when training starts; from 1 it stayed too small to outweigh what looks alike."""
READ_ON_ABOVE = 0.5
"""Attention that null must leave over for reading to go on, once begun; from development worlds (docs/LOG.md)."""
CONTEXT = (1.0, 0.5, 0.25)
"""Shares of a token and of those before it in what is compared, the nearest first, when training starts."""
FOLLOWING = 0.25
"""Share of the token after it where that goes on with its word: 17 is not the 17 of 1765."""
SHARPNESS = 12.0
"""How abruptly a similarity below `found` starts to count: 1 / SHARPNESS around it is neither found nor missed."""
STRENGTH = 1.0
"""Size of what is written, in sizes of the residual stream: enough that every token of a trace is said, wherever it is
written (a test says so)."""


class EpisodicAdapter(nn.Module):
    """Reads traces in two steps, both learned, both from the frozen model's own states.

    *Which trace.* After `match_block` each token of the question, with the two before it and with the one after it if
    that goes on with its word, is compared with every token of a trace (late interaction, source: ColBERT,
    arXiv:2004.12832). What its best similarity lacks to `found` counts against the trace, weighted by the token's
    importance; the sums over the question so far rank the traces, from 0 downwards. The null trace has a fixed rank:
    one important word that is not there is enough to fall behind it, however much else agrees. (A sum of similarities
    lets many words that agree outvote the one that does not.) The query may raise null, where no answer is due yet, and
    never lower it: free to do both it makes up, question by question, for words that should not count (docs/LOG.md).

    *Which token.* After `read_block` a query attends to the tokens of each trace. A token's key is made of its own
    state and of its predecessor's, so that a query finds "what comes next here"; it gains where the one, two, three
    tokens before it are those just said (so that 3850 is not continued as 384 was). After each token the answer may
    end, which competes with going on: its key is made of the state of the token that would be next, since that tells
    whether "subway" is all or "entrance" follows. The attention to a token is that of its trace, in which the null
    trace has its part, times its own within the trace: a token that fits well cannot speak for a trace that does not.

    *What is written.* For each attended token what brings the model to say it, computed from the model's own output
    embedding (`take_vocabulary`), is added after `write_block`. Where null wins nothing is.

    Args:
        config: shape and place.
        rng: draws the starting weights; None for torch's own generator.
    """

    def __init__(self, config: EpisodicAdapterConfig, *, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.model_digest: str | None = None
        """Of the model that it was trained or loaded for; None before."""
        hidden, keys = config.hidden_size, config.key_dim
        # Low and high states side by side: identity of words is plainer below, their role above
        self.query = nn.Linear(2 * hidden, keys, bias=False)
        self.key = nn.Linear(2 * hidden, keys, bias=False)
        self.previous_key = nn.Linear(2 * hidden, keys, bias=False)
        self.end_key = nn.Linear(2 * hidden, keys, bias=False)
        self.slot_keys = nn.Parameter(torch.empty(SLOTS, keys))
        shares = (*CONTEXT, FOLLOWING)
        self.cue = nn.Linear(len(shares) * hidden, config.match_dim, bias=False)
        self.word = nn.Linear(len(shares) * hidden, config.match_dim, bias=False)
        self.importance = nn.Linear(hidden, 1)
        self.found = nn.Parameter(torch.tensor(0.7))
        self.null_rank = nn.Parameter(torch.tensor(-1.0))
        self.follow = nn.Parameter(torch.full((FOLLOWED,), FOLLOW))
        # Not trained: see `take_vocabulary`
        self.register_buffer("value_map", None, persistent=False)
        self.register_buffer("value_mean", None, persistent=False)
        self.register_buffer("end_value", None, persistent=False)
        self.register_buffer("continuing", None, persistent=False)
        for part in (self.query, self.key, self.previous_key, self.end_key):
            nn.init.normal_(part.weight, std=hidden**-0.5, generator=rng)
        nn.init.normal_(self.slot_keys, std=0.02, generator=rng)
        with torch.no_grad():
            # Equal words start as similar: both maps are the same one
            for share, part in zip(shares, self.cue.weight.split(hidden, dim=1), strict=True):
                nn.init.orthogonal_(part, generator=rng)
                part.mul_(share)
            self.word.weight.copy_(self.cue.weight)
            self.importance.weight.zero_()
            self.importance.bias.fill_(0.5)

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(part.numel() for part in self.parameters())

    def check_model(self, model: LanguageModel) -> None:
        """Refuse a model whose states mean something else to this adapter than those it was made for.

        Raises:
            InvalidInputError: it was loaded or trained for another model.
        """
        if self.model_digest is not None and self.model_digest != model.adapter_digest:
            raise InvalidInputError(
                f"This adapter is for the model with digest {self.model_digest[:12]}…, not for {model.name} "
                f"({model.adapter_digest[:12]}…), whose states mean something else. Train one: "
                f"hippo-train train=adapter model={model.name}."
            )

    @property
    def has_vocabulary(self) -> bool:
        """Whether `take_vocabulary` was called."""
        return self._buffers["end_value"] is not None

    def flops(self, *, columns: int, slots: int) -> int:
        """Return the operations for reading (a multiply-add counts as two), the projection of the traces included.

        Args:
            columns: tokens of question and answer.
            slots: tokens of the traces.
        """
        hidden, keys, match = self.config.hidden_size, self.config.key_dim, self.config.match_dim
        words = (len(CONTEXT) + 1) * hidden * match
        each_slot = 6 * hidden * keys + words + hidden * hidden
        each_column = 2 * hidden * keys + words + slots * (2 * keys + match + hidden)
        return 2 * (slots * each_slot + columns * each_column)

    def memory_bytes(self, *, slots: int) -> int:
        """Return the bytes that `slots` tokens of traces take while an answer is generated."""
        each = 2 * self.config.key_dim + self.config.match_dim + self.config.hidden_size
        return slots * (4 * each + 8 * (1 + FOLLOWED))

    @torch.no_grad()
    def take_vocabulary(self, model: LanguageModel) -> None:
        """Take over from a model what is computed, not trained; `attach` and training call this.

        The value of each token becomes what brings the model to say that token. Its own output embedding is not that:
        all embeddings share a large part, and similar ones win instead. It is centred and whitened by the covariance of
        all of them (docs/LOG.md). From the tokenizer comes which tokens go on with the word before them.

        Args:
            model: what the adapter is for.

        Cost:
            O(vocabulary · hidden²): a third of a second for SmolLM2-135M.
        """
        self.check_model(model)
        self.model_digest = model.adapter_digest
        head: Any = model.model.get_output_embeddings()
        rows = head.weight.float()
        mean = rows.mean(dim=0)
        covariance = (rows - mean).T @ (rows - mean) / len(rows)
        # The ridge leaves alone what hardly varies
        covariance += 0.1 * covariance.diagonal().mean() * torch.eye(len(covariance), device=rows.device)
        self.value_map, self.value_mean = torch.linalg.inv(covariance), mean
        self.end_value = self.values(torch.tensor(model.encode("\n")[0], device=rows.device), head.weight)
        written: Any = model.tokenizer.convert_ids_to_tokens(list(range(len(rows))))
        # A letter or digit without the mark of a space before it; what stands for no token is None. Byte-level
        # tokenizers write a line break as a letter too: only the prompt has one, always after the question
        goes_on = [bool(token) and token[0] not in "\u0120\u2581" and token[0].isalnum() for token in written]
        self.continuing = torch.tensor(goes_on, device=rows.device)

    def values(self, tokens: Tensor, embeddings: Tensor) -> Tensor:
        """Return the values (…, hidden), of mean square 1, of token ids (…)."""
        return _scaled((embeddings[tokens].float() - self.value_mean) @ self.value_map)

    def prepare(self, memory: TraceStates) -> PreparedTraces:
        """Project a batch's traces, with at least one token in the row that has most."""
        states, low = _joined(memory.low, memory.high), [_scaled(memory.low)]
        starts = functional.pad(memory.trace[:, 1:] != memory.trace[:, :-1], (1, 0), value=True)
        ends = functional.pad(starts[:, 1:] | ~memory.mask[:, 1:], (0, 1), value=True)
        run = [memory.tokens]
        for _ in range(FOLLOWED):
            run.append(functional.pad(run[-1][:, :-1], (1, 0)).masked_fill(starts, NOTHING))
        previous = functional.pad(states[:, :-1], (0, 0, 1, 0)).masked_fill(starts[..., None], 0.0)
        for _ in CONTEXT[1:]:
            low.append(functional.pad(low[-1][:, :-1], (0, 0, 1, 0)).masked_fill(starts[..., None], 0.0))
        following, rest_of_word = (
            functional.pad(part[:, 1:], (0, 0, 0, 1)).masked_fill(ends[..., None], 0.0)
            for part in (states, self._within_word(low[0], memory.tokens))
        )
        return PreparedTraces(
            keys=self.key(states) + self.previous_key(previous),
            end_keys=self.end_key(following),
            words=functional.normalize(self.word(torch.cat([*low, rest_of_word], dim=-1)), dim=-1),
            run=torch.stack(run, dim=2),
            trace=memory.trace,
            mask=memory.mask,
            traces=int(memory.trace.max()) + 1,
        )

    def match(
        self, tokens: Tensor, low: Tensor, real: Tensor, memory: PreparedTraces, before: CueState | None = None
    ) -> tuple[CueMatch, CueState]:
        """Rank the traces by the cue, at each of its tokens, and find where in them the cue's last tokens stand.

        A token of the cue counts from the next column on, when it is known whether its word goes on.

        Args:
            tokens: (rows, columns) token ids of the question.
            low: (rows, columns, hidden) states of the question after `match_block`.
            real: (rows, columns) bool, False for padding.
            memory: the rows' traces.
            before: what earlier columns matched.

        Returns:
            What was found, and the state after the last column. No column depends on a later one.
        """
        scaled = _scaled(low) * real[..., None]
        width, columns = len(CONTEXT), low.shape[1]
        unread = scaled.new_zeros(len(scaled), width, scaled.shape[2]) if before is None else before.last
        seen = torch.cat([unread, scaled], dim=1)
        before_it = [seen[:, width - back : width - back + columns] for back in range(1, width + 1)]
        cue = functional.normalize(self.cue(torch.cat([*before_it, self._within_word(scaled, tokens)], dim=-1)), dim=-1)
        judged = before_it[0]
        # Below -1, so that padding is never the best match
        similar = (cue @ memory.words.transpose(1, 2)).masked_fill(~memory.mask[:, None], -2.0)
        place = memory.trace[:, None].expand_as(similar)
        best = similar.new_full((*similar.shape[:2], memory.traces), -2.0).scatter_reduce(2, place, similar, "amax")
        weight = functional.softplus(self.importance(judged)) * judged.any(dim=-1, keepdim=True)
        missed = (weight * functional.softplus(self.found - best, beta=SHARPNESS)).cumsum(1)
        if before is not None:
            missed = missed + before.missed[:, None]
        said = tokens.masked_fill(~real, NOTHING)
        unsaid = said.new_full((len(said), FOLLOWED), NOTHING) if before is None else before.tokens
        said = torch.cat([unsaid, said], dim=1)
        stands, goes_on = (self._agreement(said, columns, memory, ahead) for ahead in (0, 1))
        ranks = (-missed).masked_fill(best < -1.5, float("-inf"))  # a row that has fewer traces
        found = CueMatch(ranks, self.null_rank.expand(*missed.shape[:2], 1), goes_on, stands)
        return found, CueState(missed[:, -1], seen[:, -width:], said[:, -FOLLOWED:])

    def _within_word(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return the states (…, hidden) of the tokens that go on with a word, zero for the others."""
        return states * self.continuing[tokens][..., None]

    def _agreement(self, said: Tensor, columns: int, memory: PreparedTraces, ahead: int) -> Tensor:
        """Return what each memory token gains as the last of the tokens just said, or as the one `ahead` of them."""
        gained, agrees = self.follow.new_zeros(()), memory.mask[:, None]
        for back in range(FOLLOWED):
            token = said[:, FOLLOWED - back : FOLLOWED - back + columns, None]
            agrees = agrees & (token == memory.run[:, None, :, back + ahead]) & (token != NOTHING)
            gained = gained + self.follow[back] * agrees
        return gained

    def attend(self, low: Tensor, high: Tensor, found: CueMatch, memory: PreparedTraces) -> Tensor:
        """Return the log of the attention to null, end and each memory token, (rows, columns, 2 + M), which sums to 1.

        Args:
            low: (rows, columns, hidden) states of the question after `match_block`.
            high: the same after `read_block`.
            found: from `match`.
            memory: the rows' traces.
        """
        query = self.query(_joined(low, high)) / math.sqrt(self.config.key_dim)
        place = memory.trace[:, None].expand_as(found.goes_on)
        # √key_dim undone: one slot competes with all tokens of a trace, or with all traces, and starts no weaker
        null, end = (query @ self.slot_keys.T * math.sqrt(self.config.key_dim)).split(1, dim=2)
        tokens = query @ memory.keys.transpose(1, 2) + found.goes_on
        ends = query @ memory.end_keys.transpose(1, 2) + end + found.stands
        tokens, ends = (part.masked_fill(~memory.mask[:, None], float("-inf")) for part in (tokens, ends))
        null = found.null_rank + functional.softplus(null)
        traces = torch.cat([null, found.ranks], dim=2).log_softmax(dim=2)
        most = torch.full_like(found.ranks, LEAST).scatter_reduce(2, place, torch.maximum(tokens, ends), "amax")
        most = most.detach()
        rest = (tokens - most.gather(2, place)).exp() + (ends - most.gather(2, place)).exp()
        inside = most + torch.zeros_like(found.ranks).scatter_add(2, place, rest).clamp_min(TINY).log()
        shift = (traces[..., 1:] - inside).gather(2, place)
        ended = (ends + shift).logsumexp(dim=2, keepdim=True)
        return torch.cat([traces[..., :1], ended, tokens + shift], dim=2)

    def read(
        self, attention: Tensor, values: Tensor, real: Tensor, reading: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return what attention reads, (rows, columns, hidden).

        Reading begins where null leaves more than `config.read_above` of the attention, and goes on, column by column,
        while it leaves more than `READ_ON_ABOVE`: to start on the wrong trace costs more than to stay on one. Where
        nothing is read the model says what it would have said; elsewhere the values are weighted by the rest of the
        attention.

        Args:
            attention: log attention, from `attend`.
            values: (rows, M, hidden), from `values`.
            real: (rows, columns) bool, False for padding, where nothing is read.
            reading: (rows) bool: whether the column before the first was read; none was if None.

        Returns:
            What was read, and whether the last column was, (rows).
        """
        above, weights = self.config.read_above, attention.exp()
        rest = (weights[..., SLOTS:].sum(dim=2) + weights[..., END]) * real
        column = torch.arange(1, rest.shape[1] + 1, device=rest.device).expand_as(rest)
        stopped, begun = (
            torch.where(where, column, 0).cummax(dim=1).values
            for where in (rest <= min(READ_ON_ABOVE, above), rest > above)
        )
        reads = begun > stopped
        if reading is not None:
            reads = reads | (reading[:, None] & (stopped == 0))
        read = weights[..., SLOTS:] @ values + weights[..., END, None] * self.end_value
        return torch.where(reads[..., None], read / rest[..., None].clamp_min(1e-9), 0.0), reads[:, -1]

    def write(self, hidden: Tensor, read: Tensor) -> Tensor:
        """Return the residual stream (rows, columns, hidden) with what was read added, in its own number type."""
        size = hidden.float().pow(2).mean(dim=-1, keepdim=True).sqrt()
        return hidden + (STRENGTH * size * read).to(hidden.dtype)


def _scaled(states: Tensor) -> Tensor:
    states = states.float()
    return states * torch.rsqrt(states.pow(2).mean(dim=-1, keepdim=True) + 1e-6)


def _joined(low: Tensor, high: Tensor) -> Tensor:
    return torch.cat([_scaled(low), _scaled(high)], dim=-1)
