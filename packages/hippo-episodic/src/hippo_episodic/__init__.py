"""An embeddable episodic memory: durable, recalled from part of a cue, with a write gate that explains itself.

`EpisodicStore` is the store, `WriteGate` decides what is worth writing. No language model is needed, and no torch.
"""

from hippo_episodic.errors import EncoderMismatchError, UnknownIndexError
from hippo_episodic.gate import WriteGate
from hippo_episodic.index import VectorIndex, register_index
from hippo_episodic.seed_traces import export_episodic_v1, import_episodic_v1
from hippo_episodic.store import EpisodicStore
from hippo_episodic.vectors import VectorTable

__all__ = [
    "EncoderMismatchError",
    "EpisodicStore",
    "UnknownIndexError",
    "VectorIndex",
    "VectorTable",
    "WriteGate",
    "export_episodic_v1",
    "import_episodic_v1",
    "register_index",
]
