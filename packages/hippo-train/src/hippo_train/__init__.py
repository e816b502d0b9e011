"""Training of small language models, and of what they read their memories with. Loads torch.

`train_adapter` makes an `EpisodicAdapter` on synthetic episodes, `train_lora` LoRA or QLoRA on texts; the command
`hippo-train` does all of it from a shell. `consolidate` is a night: what a store remembers moves into LoRA weights.
"""

from hippo_train.adapters import AdapterTrainingConfig, LogEntry, train_adapter, training_clusters
from hippo_train.alike import AlikeWords
from hippo_train.consolidation import (
    CheckedQuestion,
    ConsolidationConfig,
    GuardReport,
    LanguageModelRewriter,
    NightProgress,
    NightReport,
    Nights,
    ReplayQuestion,
    Rewrite,
    Rewriter,
    StepLosses,
    consolidate,
    rewrite_traces,
    unanswered_questions,
)
from hippo_train.data import TokenRow, prompted, read_rows
from hippo_train.episodes import Cluster, TrainingQuestion, make_cluster
from hippo_train.export import adapted, export_adapter
from hippo_train.lora import LoraConfig, LoraLogEntry, LoraTrainingConfig, train_lora
from hippo_train.out_of_memory import OutOfMemoryError
from hippo_train.shapes import KNOWN_SHAPES, MemoryAccount, ModelShape, account
from hippo_train.words import Words, reserved_words, whole_words

__all__ = [
    "KNOWN_SHAPES",
    "AdapterTrainingConfig",
    "AlikeWords",
    "CheckedQuestion",
    "Cluster",
    "ConsolidationConfig",
    "GuardReport",
    "LanguageModelRewriter",
    "LogEntry",
    "LoraConfig",
    "LoraLogEntry",
    "LoraTrainingConfig",
    "MemoryAccount",
    "ModelShape",
    "NightProgress",
    "NightReport",
    "Nights",
    "OutOfMemoryError",
    "ReplayQuestion",
    "Rewrite",
    "Rewriter",
    "StepLosses",
    "TokenRow",
    "TrainingQuestion",
    "Words",
    "account",
    "adapted",
    "consolidate",
    "export_adapter",
    "make_cluster",
    "prompted",
    "read_rows",
    "reserved_words",
    "rewrite_traces",
    "train_adapter",
    "train_lora",
    "training_clusters",
    "unanswered_questions",
    "whole_words",
]
