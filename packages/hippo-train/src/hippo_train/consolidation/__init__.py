"""Sleep: traces become statements and questions, and weights learn them without forgetting the rest."""

from hippo_train.consolidation.clauses import Clause, is_name, read_clause, split_sentences
from hippo_train.consolidation.config import ConsolidationConfig
from hippo_train.consolidation.guards import GuardReport
from hippo_train.consolidation.learning import StepLosses
from hippo_train.consolidation.model_rewriter import LanguageModelRewriter
from hippo_train.consolidation.night import CheckedQuestion, NightProgress, NightReport, consolidate
from hippo_train.consolidation.nights import Nights
from hippo_train.consolidation.rewrites import (
    ReplayQuestion,
    Rewrite,
    Rewriter,
    rewrite_traces,
    unanswered_questions,
)

__all__ = [
    "CheckedQuestion",
    "Clause",
    "ConsolidationConfig",
    "GuardReport",
    "LanguageModelRewriter",
    "NightProgress",
    "NightReport",
    "Nights",
    "ReplayQuestion",
    "Rewrite",
    "Rewriter",
    "StepLosses",
    "consolidate",
    "is_name",
    "read_clause",
    "rewrite_traces",
    "split_sentences",
    "unanswered_questions",
]
