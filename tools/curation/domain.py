"""How much a prompt looks like the task's own: hashed character 3-grams against a centroid.

Digits count as one digit, so that numbers do not matter. Vectors are term frequencies
with a square root (so that a long table does not drown the question), of length one;
similarity is the cosine to the mean of the validation prompts. The threshold is where
nearly all validation prompts pass when each is held against the mean of the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

DIMENSIONS = 4096
PASSING_PERCENTILE = 1.0
"""Percentile of the validation prompts' own similarities at which the threshold lies."""
SLACK = 0.85
"""The threshold is this share of that percentile: other wordings of the same task should pass."""

_PRIMES = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)
"""Multipliers of the rolling hash, as in xxHash."""
_DIGITS = re.compile(r"\d")


class Domain:
    """The look of a task's prompts.

    Args:
        prompts: validation prompts, at least one.
    """

    def __init__(self, prompts: Sequence[str]) -> None:
        import numpy as np

        vectors = _vectors(prompts)
        total = vectors.sum(axis=0)
        self._centre = total / max(float(np.linalg.norm(total)), 1e-9)
        others = total - vectors
        norms = np.maximum(np.linalg.norm(others, axis=1), 1e-9)
        own = (vectors * others).sum(axis=1) / norms if len(prompts) > 1 else np.ones(1)
        self.threshold = SLACK * float(np.percentile(own, PASSING_PERCENTILE))
        """Cosine from which a prompt counts as on the domain."""

    def similarities(self, prompts: Sequence[str]) -> list[float]:
        """Cosine of each prompt to the centre of the validation prompts, 0.0 to 1.0."""
        return [float(value) for value in _vectors(prompts) @ self._centre] if prompts else []


def _vectors(texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (texts, DIMENSIONS); a text of fewer than 3 characters is the zero vector."""
    import numpy as np

    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        plain = _DIGITS.sub("0", " ".join(text.casefold().split()))
        codes = np.frombuffer(plain.encode("utf-32-le", "replace"), dtype=np.uint32)
        if len(codes) < 3:
            continue
        a, b, c = (np.uint32(prime) for prime in _PRIMES)
        grams = (codes[:-2] * a) ^ (codes[1:-1] * b) ^ (codes[2:] * c)
        grams = (grams ^ (grams >> np.uint32(15))) % np.uint32(DIMENSIONS)
        counts = np.sqrt(np.bincount(grams, minlength=DIMENSIONS))
        vector[:] = counts / np.linalg.norm(counts)
    return vectors
