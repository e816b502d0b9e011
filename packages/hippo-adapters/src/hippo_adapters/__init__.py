"""Memory and small language models: load a model, read its signals, let it answer from recalled traces.

Loads torch. Memories come in as `hippo_core` records only; this package knows no store.
"""

from hippo_adapters.errors import (
    ModelFileError,
    PromptTooLongError,
    UnknownModelError,
    UnknownReaderError,
    UnsupportedModelError,
)
from hippo_adapters.generation import Generation, PrefixCache, compute_prefix, generate
from hippo_adapters.hidden_states import HiddenStateEncoder
from hippo_adapters.memory import (
    DEFAULT_TEMPLATE,
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

__all__ = [
    "DEFAULT_TEMPLATE",
    "KNOWN_MODELS",
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
    "UnknownModelError",
    "UnknownReaderError",
    "UnsupportedModelError",
    "WorkedExample",
    "compute_prefix",
    "fastest_dtype",
    "generate",
    "get_reader",
    "load_model",
    "make_reader",
    "read",
    "reader_names",
    "register_reader",
    "span_surprise",
]
