"""Memory and small language models: load a model, read its signals, let it answer from recalled traces.

Loads torch. Memories come in as `hippo_core` records only; this package knows no store.
"""

from hippo_adapters.adapter_config import EpisodicAdapterConfig
from hippo_adapters.attach import Attachment, attach, attached, attachment_of, detach
from hippo_adapters.episodic_adapter import EpisodicAdapter
from hippo_adapters.errors import (
    AdapterFileError,
    ModelFileError,
    PromptTooLongError,
    UnknownModelError,
    UnknownReaderError,
    UnsupportedModelError,
)
from hippo_adapters.generation import Generation, PrefixCache, compute_prefix, generate
from hippo_adapters.hidden_states import HiddenStateEncoder
from hippo_adapters.io import describe_adapter, load_adapter, save_adapter, shipped_adapters
from hippo_adapters.memory import (
    DEFAULT_TEMPLATE,
    CrossAttentionReader,
    CrossAttentionReaderConfig,
    KvReader,
    KvReaderConfig,
    PromptTemplate,
    Reader,
    ReaderEntry,
    TextReader,
    TextReaderConfig,
    WorkedExample,
    get_reader,
    make_reader,
    reader_names,
    register_reader,
)
from hippo_adapters.models import KNOWN_MODELS, KnownModel, LanguageModel, fastest_dtype, load_model
from hippo_adapters.signals import Signals, read, span_surprise
from hippo_adapters.trace_states import TraceStates, batched_traces
from hippo_adapters.traces import pack_trace, read_traces, token_states, unpack_trace

__all__ = [
    "DEFAULT_TEMPLATE",
    "KNOWN_MODELS",
    "AdapterFileError",
    "Attachment",
    "CrossAttentionReader",
    "CrossAttentionReaderConfig",
    "EpisodicAdapter",
    "EpisodicAdapterConfig",
    "Generation",
    "HiddenStateEncoder",
    "KnownModel",
    "KvReader",
    "KvReaderConfig",
    "LanguageModel",
    "ModelFileError",
    "PrefixCache",
    "PromptTemplate",
    "PromptTooLongError",
    "Reader",
    "ReaderEntry",
    "Signals",
    "TextReader",
    "TextReaderConfig",
    "TraceStates",
    "UnknownModelError",
    "UnknownReaderError",
    "UnsupportedModelError",
    "WorkedExample",
    "attach",
    "attached",
    "attachment_of",
    "batched_traces",
    "compute_prefix",
    "describe_adapter",
    "detach",
    "fastest_dtype",
    "generate",
    "get_reader",
    "load_adapter",
    "load_model",
    "make_reader",
    "pack_trace",
    "read",
    "read_traces",
    "reader_names",
    "register_reader",
    "save_adapter",
    "shipped_adapters",
    "span_surprise",
    "token_states",
    "unpack_trace",
]
