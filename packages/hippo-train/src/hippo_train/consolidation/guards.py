"""What a night must not cost: measured on the base model before it, and on what came of it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from hippo_adapters import DEFAULT_TEMPLATE, LanguageModel, generate
from torch.nn import functional

from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.lessons import Row, SoftTarget, questions_row

_SURE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReport:
    """What a night cost; see `ConsolidationConfig` for the limits."""

    perplexity_ratio: float
    """Perplexity after to that of the base model; 1 is unchanged."""
    divergence: float
    """Mean KL(base ‖ after) a token, in nats."""
    locality: float
    """Share of the tokens of the base model's answers to everyday questions that are still the likeliest, of those that
    it was sure of (probability at least 1/2), in [0, 1]."""
    agreement: float
    """The same of all tokens, those included between which the base model had no preference."""
    unchanged: float
    """Share of those answers in which every token is: what the model would say, word for word, in [0, 1]."""
    retention: float | None
    """Share of the facts that earlier nights knew which are still known, in [0, 1]; None where there were none."""

    def held(self, config: ConsolidationConfig) -> dict[str, bool]:
        """Return for each field that has a limit whether it holds; NaN never does."""
        return {
            "perplexity_ratio": self.perplexity_ratio <= config.perplexity_limit,
            "divergence": self.divergence <= config.divergence_limit,
            "locality": self.locality >= config.locality_limit,
            "retention": self.retention is None or self.retention >= config.retention_limit,
        }

    def broken(self, config: ConsolidationConfig) -> tuple[str, ...]:
        """Return the limits that do not hold, a sentence each."""
        said = {
            "perplexity_ratio": f"perplexity is {self.perplexity_ratio:.3f} of the base model's; the limit is "
            f"{config.perplexity_limit}",
            "divergence": f"KL from the base model is {self.divergence:.3f} nats; the limit is "
            f"{config.divergence_limit}",
            "locality": f"{self.locality:.1%} of the tokens of everyday answers that it was sure of are the same; the "
            f"limit is {config.locality_limit:.0%}",
            "retention": f"{self.retention or 0:.1%} of earlier nights' facts are known; the limit is "
            f"{config.retention_limit:.0%}",
        }
        return tuple(said[name] for name, held in self.held(config).items() if not held)


class Guard:
    """What the base model says and expects, to compare with.

    Args:
        model: the base model, nothing attached.
        rows: tokens of a text that is not practised, in rows that fit the window.
        questions: everyday ones that are not practised.

    Cost:
        A pass over `rows` and the answers, now and at each `measure`; 0.8 kB a token kept.
    """

    def __init__(self, model: LanguageModel, rows: Sequence[Sequence[int]], questions: Sequence[str]) -> None:
        self._model = model
        self._rows = [torch.tensor([row], device=model.device) for row in rows if len(row) > 1]
        asked = [questions_row(model, [pair]) for pair in zip(questions, answers_to(model, questions), strict=True)]
        self._answers = [(row, *self._likeliest(row)) for row in asked]
        self._expected: list[SoftTarget] = []
        self._loss = 0.0
        for row in self._rows:
            logits = self._logits(row)
            self._expected.append(SoftTarget.of(logits))
            self._loss += _summed_loss(logits, row)

    @property
    def tokens(self) -> int:
        """Tokens whose perplexity is measured."""
        return sum(row.shape[1] - 1 for row in self._rows)

    def measure(self, *, retention: float | None) -> GuardReport:
        """Return what the model that now is costs beside the one that was."""
        loss = divergence = 0.0
        for row, expected in zip(self._rows, self._expected, strict=True):
            logits = self._logits(row)
            loss += _summed_loss(logits, row)
            divergence += float(expected.divergence(logits).sum())
        tokens = max(1, self.tokens)
        same = [self._likeliest(row)[0] == was for row, was, _ in self._answers]
        kept = torch.cat(
            [each[sure] for each, (_, _, sure) in zip(same, self._answers, strict=True)] or [torch.ones(1)]
        )
        return GuardReport(
            perplexity_ratio=math.exp(min(50.0, (loss - self._loss) / tokens)),
            divergence=divergence / tokens,
            locality=float(kept.float().mean()) if len(kept) else 1.0,
            agreement=float(torch.cat(same).float().mean()) if same else 1.0,
            unchanged=sum(bool(each.all()) for each in same) / len(same) if same else 1.0,
            retention=retention,
        )

    def _likeliest(self, row: Row) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the likeliest token at each place, and whether the model is sure of it."""
        ids = torch.tensor([row.tokens], device=self._model.device)
        best = self._logits(ids)[torch.tensor(row.learnt) - 1].softmax(-1).max(-1)
        return best.indices.cpu(), best.values.cpu() >= _SURE

    @torch.no_grad()
    def _logits(self, row: torch.Tensor) -> torch.Tensor:
        return self._model.model(input_ids=row, use_cache=False).logits[0, :-1].float()


def _summed_loss(logits: torch.Tensor, row: torch.Tensor) -> float:
    return float(functional.cross_entropy(logits, row[0, 1:], reduction="sum"))


def answers_to(model: LanguageModel, questions: Sequence[str]) -> list[str]:
    """Return what the model answers with nothing but the question in its prompt."""
    prompts = [DEFAULT_TEMPLATE.prompt(question, []) for question in questions]
    return [said.text for said in generate(model, prompts, batch_size=64)] if prompts else []


def normalised(text: str) -> str:
    """Return a text as EM compares it: without case, punctuation and articles."""
    words = re.sub(r"[^\w\s]", "", text.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))
