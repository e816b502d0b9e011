"""An embeddable episodic memory: durable, recalled from part of a cue, with a write gate that explains itself.

`EpisodicStore` is the store, `WriteGate` decides what is worth writing, `EvictionPolicy` what goes when there is too
much, `ReplayScheduler` what is worth training on. No language model is needed, and no torch.
"""

from hippo_episodic.calibration import Calibration, KeepCurve, calibrate, keep_curve
from hippo_episodic.completion import Completer, HopfieldCompletion
from hippo_episodic.contrastive import ContrastiveTraining
from hippo_episodic.errors import CalibrationError, EncoderMismatchError, TaintedAdapterError, UnknownIndexError
from hippo_episodic.eviction import Eviction, EvictionPlan, EvictionPolicy
from hippo_episodic.gate import WriteGate
from hippo_episodic.index import VectorIndex, register_index
from hippo_episodic.keyer import SparseKeyer
from hippo_episodic.ledger import Replay, ReplayLedger, Tally
from hippo_episodic.opening import open_to_replay
from hippo_episodic.priority import ReplayConfig
from hippo_episodic.redaction import Redaction
from hippo_episodic.replay import ReplayItem, ReplayScheduler
from hippo_episodic.seed_traces import export_episodic_v1, import_episodic_v1
from hippo_episodic.sparse_keys import SparseKey, SparseKeys
from hippo_episodic.store import EpisodicStore
from hippo_episodic.vectors import VectorTable

__all__ = [
    "Calibration",
    "CalibrationError",
    "Completer",
    "ContrastiveTraining",
    "EncoderMismatchError",
    "EpisodicStore",
    "Eviction",
    "EvictionPlan",
    "EvictionPolicy",
    "HopfieldCompletion",
    "KeepCurve",
    "Redaction",
    "Replay",
    "ReplayConfig",
    "ReplayItem",
    "ReplayLedger",
    "ReplayScheduler",
    "SparseKey",
    "SparseKeyer",
    "SparseKeys",
    "TaintedAdapterError",
    "Tally",
    "UnknownIndexError",
    "VectorIndex",
    "VectorTable",
    "WriteGate",
    "calibrate",
    "export_episodic_v1",
    "import_episodic_v1",
    "keep_curve",
    "open_to_replay",
    "register_index",
]
