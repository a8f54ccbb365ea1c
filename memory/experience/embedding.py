"""Embedding of text as vectors, deterministic and offline.

It hashes words, word pairs and character n-grams into a fixed number of
signed buckets (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
Learning", arXiv:0902.2206). It needs no download and no model, and gives the same
vector on every machine. It knows words, not meanings: two lessons are near when they
share words or word stems.

Chroma is not imported before it is needed.
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
from typing import Any, Protocol

_WORD = re.compile(r"\w+")
_NGRAM_SIZES = (3, 4)
_NGRAM_WEIGHT = 0.5
"""Character n-grams outnumber words about five to one: each counts for less."""
_CACHED_WORDS, _CACHED_FEATURES, _CACHED_CHARACTERS = 1 << 13, 1 << 16, 40
"""Lessons say much the same in the same words: hashing each anew took two thirds of the time."""


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
            digest = _hash(feature)
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
        yield from _word_features(word) if len(word) <= _CACHED_CHARACTERS else _spelled(word)
    for first, second in itertools.pairwise(words):
        yield f"b {first} {second}", 1.0


@functools.lru_cache(maxsize=_CACHED_WORDS)
def _word_features(word: str) -> tuple[tuple[str, float], ...]:
    return tuple(_spelled(word))


def _spelled(word: str) -> Iterator[tuple[str, float]]:
    """The word itself and its character n-grams."""
    yield f"w {word}", 1.0
    padded = f"<{word}>"
    for size in _NGRAM_SIZES:
        for start in range(len(padded) - size + 1):
            yield f"c {padded[start : start + size]}", _NGRAM_WEIGHT


@functools.lru_cache(maxsize=_CACHED_FEATURES)
def _hash(feature: str) -> int:
    return int.from_bytes(blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")


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
            return {"dimensions": getattr(self.embedding, "dimensions", 0)}

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Any:
            return FtDojoEmbedding(HashedEmbedding(config["dimensions"]))

    return FtDojoEmbedding


def chroma_function(embedding: Embedding) -> Any:
    """``embedding`` as a registered Chroma ``EmbeddingFunction``; imports Chroma."""
    return _chroma_class()(embedding)
