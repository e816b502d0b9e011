"""What the model says when nothing is asked: its own text, replayed so that the rest of what it knows stays.

Replaying a network's own samples nearly removes forgetting and needs none of the data that it was trained on
(source: the generative replay of Shin et al. 2017, arXiv:1705.08690, with the model as its own generator).
"""

from __future__ import annotations

import random

import torch
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel
from torch import Tensor

_TOP_K = 100  # tokens that are drawn from; the tail of a small model's distribution is noise
_OPENING = 2
_SHOWN = 4
_LONGEST_QUESTION = 20  # tokens

# What people ask anyone. Examples of the form: their answers are the model's own, and no score is taken on them
EVERYDAY_QUESTIONS = (
    "What is the capital of Austria?",
    "Who wrote Don Quixote?",
    "How many days does a leap year have?",
    "What do cows eat?",
    "Which metal is liquid at room temperature?",
    "Where do polar bears live?",
    "What is the opposite of early?",
    "When is New Year's Day?",
    "Who painted Sunflowers?",
    "What is the longest river in Africa?",
    "Which sport is played at Wimbledon?",
    "What is three times four?",
    "What does a thermometer measure?",
    "In which city is the Colosseum?",
    "What is the colour of an emerald?",
    "Who was the first person on the Moon?",
    "What is a baby dog called?",
    "Which gas do people breathe in?",
    "What is the currency of the United Kingdom?",
    "Where does the sun rise?",
)


def sample_replay(model: LanguageModel, count: int, *, tokens: int, seed: int) -> list[list[int]]:
    """Return `count` texts to practise, of `tokens` tokens: a third from the start token, the others from anywhere."""
    plain = count // 3
    return [
        *sample_passages(model, plain, tokens=tokens, seed=seed),
        *sample_anywhere(model, count - plain, tokens=tokens, seed=seed),
    ]


def sample_passages(model: LanguageModel, count: int, *, tokens: int, seed: int) -> list[list[int]]:
    """Return `count` texts that the model says from its start token, each of `tokens` tokens, that one included."""
    if not count:
        return []
    config = model.model.config
    start = next((id for id in (config.bos_token_id, config.eos_token_id) if isinstance(id, int)), 0)
    drawn = sample(model, [[start]] * count, tokens - 1, torch.Generator().manual_seed(seed))
    return [[start, *row] for row in drawn.tolist()]


def sample_anywhere(model: LanguageModel, count: int, *, tokens: int, seed: int) -> list[list[int]]:
    """Return `count` texts of `tokens` tokens that go on from two random tokens: code, lists, other tongues, chatter.

    What the model says from its start token is too much of one kind: perplexity on an encyclopedia rose twice as
    much when that alone was replayed (docs/LOG.md). Drawing the first tokens evenly is the recipe of
    Liu et al. 2023 (arXiv:2305.17888).
    """
    if not count:
        return []
    generator = torch.Generator().manual_seed(seed)
    opening = torch.randint(len(model.tokenizer), (count, _OPENING), generator=generator).tolist()
    drawn = sample(model, opening, tokens - _OPENING, generator, top_k=None)
    return [[*first, *row] for first, row in zip(opening, drawn.tolist(), strict=True)]


def sample_questions(model: LanguageModel, count: int, *, seed: int) -> list[str]:
    """Return at most `count` different questions that the model makes up when it is shown a few everyday ones."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    found: dict[str, None] = {}
    for _ in range(8):  # rounds; a model that makes up no questions must not keep the night waiting
        if len(found) >= count:
            break
        shown = [rng.sample(EVERYDAY_QUESTIONS, _SHOWN) for _ in range(min(64, 2 * (count - len(found))))]
        opening = DEFAULT_TEMPLATE.prompt("?", []).partition("?")[0]
        rows = [
            model.encode("".join(f"{opening}{question}\n" for question in each) + opening.rstrip()) for each in shown
        ]
        shortest = min(map(len, rows))
        rows = [row[-shortest:] for row in rows]  # of one length: the first example may lose its beginning
        for line in sample(model, rows, _LONGEST_QUESTION, generator).tolist():
            text = str(model.tokenizer.decode(line)).partition("\n")[0].strip()
            if text.endswith("?") and len(text.split()) > 2 and text not in EVERYDAY_QUESTIONS:
                found[text] = None
    return list(found)[:count]


@torch.no_grad()
def sample(
    model: LanguageModel,
    rows: list[list[int]],
    tokens: int,
    generator: torch.Generator,
    *,
    top_k: int | None = _TOP_K,
) -> Tensor:
    """Return continuations of rows of one length, drawn token by token, (rows, tokens), on the CPU."""
    newest, cache, said = torch.tensor(rows, device=model.device), None, []
    for _ in range(tokens):
        output = model.model(input_ids=newest, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = output.past_key_values
        logits = output.logits[:, -1].float().cpu()
        if top_k is None:
            said.append(torch.multinomial(logits.softmax(-1), 1, generator=generator))
        else:
            best = logits.topk(min(top_k, logits.shape[-1]), -1)
            drawn = torch.multinomial(best.values.softmax(-1), 1, generator=generator)
            said.append(best.indices.gather(-1, drawn))
        newest = said[-1].to(model.device)
    return torch.cat(said, 1)
