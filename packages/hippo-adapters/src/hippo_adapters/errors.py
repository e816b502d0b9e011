"""What can go wrong between a memory and a language model, beside `hippo_core`'s own errors."""

from hippo_core.errors import HippoError, InvalidInputError


class UnknownModelError(HippoError, ValueError):
    """A model name that is no alias, no folder, no GGUF file and no reachable Hugging Face id."""


class ModelFileError(HippoError, OSError):
    """A model's files exist but cannot be read as a model."""


class PromptTooLongError(InvalidInputError):
    """A prompt and the tokens asked for do not fit the model's window. Nothing was generated."""


class UnknownReaderError(HippoError, ValueError):
    """A reader name that nobody registered."""


class UnsupportedModelError(HippoError, ValueError):
    """A model without a part that a reader needs; the message names the part."""


class AdapterFileError(HippoError, OSError):
    """An adapter's files are missing or cannot be read as an adapter."""
