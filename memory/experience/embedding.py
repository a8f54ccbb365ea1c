"""Text as vectors: a deterministic offline embedding, and a sentence model as an option.

The default hashes words, word pairs and character n-grams into a fixed number of
signed buckets (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
Learning", arXiv:0902.2206). It needs no download and no model, and gives the same
vector on every machine. It knows words, not meanings: two lessons are near when they
share words or word stems.

Neither Chroma nor transformers is imported before it is needed.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from tasks.errors import InputError

_WORD = re.compile(r"\w+")
_NGRAM_SIZES = (3, 4)
_NGRAM_WEIGHT = 0.5
"""Character n-grams outnumber words about five to one: each counts for less."""


class Embedding(Protocol):
    """What the experience store needs of an embedding."""

    @property
    def name(self) -> str:
        """Changes whenever the vectors would: an index of another name is rebuilt."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 a text."""


class HashedEmbedding:
    """Hashed character n-grams, words and word pairs; sub-linear counts; length 1.

    Args:
        dimensions: length of a vector.
    """

    def __init__(self, dimensions: int = 512) -> None:
        self.dimensions = dimensions

    @property
    def name(self) -> str:
        """Scheme, version and dimensions."""
        return f"hashed-1-{self.dimensions}"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, shape (texts, dimensions); a text without words is the first axis."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.dimensions
        for (feature, weight), count in Counter(_features(text)).items():
            digest = int.from_bytes(
                blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big"
            )
            sign = 1.0 if digest & 1 else -1.0
            vector[(digest >> 1) % self.dimensions] += sign * weight * (1.0 + math.log(count))
        norm = math.sqrt(sum(value * value for value in vector))
        if norm == 0.0:
            vector[0] = norm = 1.0
        return [value / norm for value in vector]


def _features(text: str) -> Iterator[tuple[str, float]]:
    """Features with their weights. The prefix keeps a word apart from an n-gram spelled the same."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    for word in words:
        yield f"w {word}", 1.0
        padded = f"<{word}>"
        for size in _NGRAM_SIZES:
            for start in range(len(padded) - size + 1):
                yield f"c {padded[start : start + size]}", _NGRAM_WEIGHT
    for first, second in itertools.pairwise(words):
        yield f"b {first} {second}", 1.0


class SentenceEmbedding:
    """A sentence-embedding model: mean of the last hidden states, length 1.

    Args:
        model: a local model directory, or a Hub id such as
            ``sentence-transformers/all-MiniLM-L6-v2``.
        max_length: tokens read of each text.
    """

    def __init__(self, model: str, max_length: int = 256) -> None:
        self.model = model
        self.max_length = max_length
        self._loaded: tuple[Any, Any] | None = None

    @property
    def name(self) -> str:
        """Names the model."""
        return f"sentence-1-{self.model}"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, shape (texts, the model's hidden size).

        Raises:
            InputError: transformers is not installed, or the model cannot be loaded.
        """
        tokenizer, model = self._load()
        import torch

        batch = tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_length, return_tensors="pt"
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        vectors: list[list[float]] = torch.nn.functional.normalize(means, dim=1).tolist()
        return vectors

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                from transformers import AutoModel, AutoTokenizer
            except ImportError as error:
                raise InputError(
                    self.model,
                    "sentence embeddings need transformers and torch",
                    "pip install 'ft-dojo[train]', or use the default embedding",
                ) from error
            try:
                local = Path(self.model).is_dir()
                tokenizer = AutoTokenizer.from_pretrained(self.model, local_files_only=local)
                model = AutoModel.from_pretrained(self.model, local_files_only=local)
            except Exception as error:  # transformers raises many kinds for a model it cannot load
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise InputError(
                    self.model,
                    f"this embedding model cannot be loaded ({reason})",
                    "give a model directory or a Hub id, or use the default embedding",
                ) from error
            self._loaded = (tokenizer, model.eval())
        return self._loaded


@functools.cache
def _chroma_class() -> Any:
    """Chroma's view of an embedding; built on first use, for it imports Chroma."""
    import numpy
    from chromadb.api.types import EmbeddingFunction
    from chromadb.utils.embedding_functions import register_embedding_function

    @register_embedding_function
    class FtDojoEmbedding(EmbeddingFunction[Any]):
        def __init__(self, embedding: Embedding) -> None:
            self.embedding = embedding

        def __call__(self, input: Any) -> Any:
            return [numpy.array(vector, dtype=numpy.float32) for vector in self.embedding.embed(input)]

        @staticmethod
        def name() -> str:
            return "ftdojo"

        def default_space(self) -> Any:
            return "cosine"

        def get_config(self) -> dict[str, Any]:
            if isinstance(self.embedding, SentenceEmbedding):
                return {"model": self.embedding.model, "max_length": self.embedding.max_length}
            return {"dimensions": getattr(self.embedding, "dimensions", 0)}

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Any:
            return FtDojoEmbedding(
                SentenceEmbedding(config["model"], config["max_length"])
                if "model" in config
                else HashedEmbedding(config["dimensions"])
            )

    return FtDojoEmbedding


def chroma_function(embedding: Embedding) -> Any:
    """``embedding`` as a registered Chroma ``EmbeddingFunction``; imports Chroma."""
    return _chroma_class()(embedding)
