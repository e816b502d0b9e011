"""How a recalled trace reaches the model: readers behind one interface, chosen by name.

`text` puts traces into the prompt; `kv` places what the model computed when it read them before the question;
`cross_attention` lets the model attend to them through a trained adapter. A new reader is a file here and one
`register_reader` line in it.
"""

from hippo_adapters.memory.cross_attention import CrossAttentionReader, CrossAttentionReaderConfig
from hippo_adapters.memory.kv import KvReader, KvReaderConfig
from hippo_adapters.memory.registry import (
    Reader,
    ReaderEntry,
    get_reader,
    make_reader,
    reader_names,
    register_reader,
)
from hippo_adapters.memory.template import PromptTemplate, WorkedExample
from hippo_adapters.memory.text import DEFAULT_TEMPLATE, TextReader, TextReaderConfig

__all__ = [
    "DEFAULT_TEMPLATE",
    "CrossAttentionReader",
    "CrossAttentionReaderConfig",
    "KvReader",
    "KvReaderConfig",
    "PromptTemplate",
    "Reader",
    "ReaderEntry",
    "TextReader",
    "TextReaderConfig",
    "WorkedExample",
    "get_reader",
    "make_reader",
    "reader_names",
    "register_reader",
]
