"""Training of small language models, and of what they read their memories with. Loads torch.

`train_adapter` makes an `EpisodicAdapter` on synthetic episodes, `train_lora` LoRA or QLoRA on texts; the command
`hippo-train` does both from a shell. `rewrite_traces` says what traces say in other words, and asks about it.
"""

from hippo_train.adapters import AdapterTrainingConfig, LogEntry, train_adapter, training_clusters
from hippo_train.alike import AlikeWords
from hippo_train.consolidation import ReplayQuestion, Rewrite, rewrite_traces
from hippo_train.data import TokenRow, prompted, read_rows
from hippo_train.episodes import Cluster, TrainingQuestion, make_cluster
from hippo_train.lora import LoraConfig, LoraLogEntry, LoraTrainingConfig, train_lora
from hippo_train.shapes import KNOWN_SHAPES, MemoryAccount, ModelShape, account
from hippo_train.words import Words, reserved_words, whole_words

__all__ = [
    "KNOWN_SHAPES",
    "AdapterTrainingConfig",
    "AlikeWords",
    "Cluster",
    "LogEntry",
    "LoraConfig",
    "LoraLogEntry",
    "LoraTrainingConfig",
    "MemoryAccount",
    "ModelShape",
    "ReplayQuestion",
    "Rewrite",
    "TokenRow",
    "TrainingQuestion",
    "Words",
    "account",
    "make_cluster",
    "prompted",
    "read_rows",
    "reserved_words",
    "rewrite_traces",
    "train_adapter",
    "train_lora",
    "training_clusters",
    "whole_words",
]
