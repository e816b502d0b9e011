"""Training of what a frozen language model reads its memories with. Loads torch.

`train_adapter` makes an `EpisodicAdapter` on synthetic episodes; the command `hippo-train` does it from a shell.
"""

from hippo_train.adapters import AdapterTrainingConfig, LogEntry, train_adapter, training_clusters
from hippo_train.alike import AlikeWords
from hippo_train.episodes import Cluster, TrainingQuestion, make_cluster
from hippo_train.words import Words, reserved_words, whole_words

__all__ = [
    "AdapterTrainingConfig",
    "AlikeWords",
    "Cluster",
    "LogEntry",
    "TrainingQuestion",
    "Words",
    "make_cluster",
    "reserved_words",
    "train_adapter",
    "training_clusters",
    "whole_words",
]
