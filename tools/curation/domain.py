"""How much a prompt looks like the task's own: hashed character 3-grams against a centroid.

Function words are left out, which every English text has; digits count as one digit, so that numbers do
not matter. Vectors are term frequencies with a square root (so that a long table does not drown the
question), of length one; similarity is the cosine to the mean of the validation prompts. The threshold is
where nearly all validation prompts pass when each is held against the mean of the others.

What nearly every validation prompt shares, an instruction say, is cut out wherever it stands, unless hardly
anything is left: a cooking question under the help desk's instruction is none of its tickets, and a ticket
without the instruction is one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from tasks.repeats.signature import FUNCTION_WORDS, word_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Shared = TypeVar("Shared")
DIMENSIONS = 4096
CHUNK = 4096
"""Prompts whose vectors are in memory together, 64 MiB."""
PASSING_PERCENTILE = 1.0
"""Percentile of the validation prompts' own similarities at which the threshold lies."""
SLACK = 0.85
"""The threshold is this share of that percentile: other wordings of the same task should pass."""

RUN = 5
"""Words in a row that count as shared."""
SHARED = 0.9
"""Share of the validation prompts that have them, of ``FEWEST`` prompts or more."""
FEWEST = 5
REST_LETTERS = 12
"""With fewer left of the middle prompt, what is shared is the question itself, and stays."""

_PRIMES = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)
"""Multipliers of the rolling hash, as in xxHash."""
_DIGITS = re.compile(r"\d")
_NUMBERS = re.compile(r"\d+")
_MARKS = ".,;:?!\"'()[]"


class Domain:
    """The look of a task's prompts.

    Args:
        prompts: validation prompts, at least one.
    """

    def __init__(self, prompts: Sequence[str]) -> None:
        import numpy as np

        self._shared, self._labels = _shared_runs(prompts), frozenset[str]()
        rests = [self._rest(prompt) for prompt in prompts]
        if self._shared:
            self._labels = _shared_words(rests)
            rests = [self._rest(prompt) for prompt in prompts]
        if self._shared and median(map(_letters, rests)) < REST_LETTERS:
            self._shared, self._labels = frozenset(), frozenset()
            rests = [self._rest(prompt) for prompt in prompts]
        looks = vectors(rests)
        total = looks.sum(axis=0)
        self._centre = total / max(float(np.linalg.norm(total)), 1e-9)
        others = total - looks
        norms = np.maximum(np.linalg.norm(others, axis=1), 1e-9)
        own = (looks * others).sum(axis=1) / norms if len(prompts) > 1 else np.ones(1)
        self.threshold = SLACK * float(np.percentile(own, PASSING_PERCENTILE))
        """Cosine from which a prompt counts as on the domain."""

    def similarities(self, prompts: Sequence[str]) -> list[float]:
        """Cosine of each prompt to the centre of the validation prompts, 0.0 to 1.0."""
        rests = [self._rest(prompt) for prompt in prompts]
        parts = (rests[start : start + CHUNK] for start in range(0, len(rests), CHUNK))
        return [float(value) for part in parts for value in vectors(part) @ self._centre]

    def _rest(self, prompt: str) -> str:
        """The content words of the prompt without what all share."""
        words, covered = _words(prompt), 0
        kept = []
        for place, word in enumerate(words):
            if self._shared and tuple(words[place : place + RUN]) in self._shared:
                covered = place + RUN
            if (
                place >= covered
                and word not in self._labels
                and word_hash(word.strip(_MARKS)) not in FUNCTION_WORDS
            ):
                kept.append(word)
        return " ".join(kept)


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _words(text: str) -> list[str]:
    return _NUMBERS.sub("0", text.casefold()).split()


def _shared_runs(prompts: Sequence[str]) -> frozenset[tuple[str, ...]]:
    """The runs of words that nearly all prompts have."""
    seen: Counter[tuple[str, ...]] = Counter()
    for prompt in prompts:
        words = _words(prompt)
        seen.update({tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)})
    return _in_nearly_all(seen, len(prompts))


def _shared_words(rests: Sequence[str]) -> frozenset[str]:
    """What is left of a frame around the instruction, such as ``Note:``."""
    return _in_nearly_all(Counter(word for rest in rests for word in set(rest.split())), len(rests))


def _in_nearly_all(seen: Counter[Shared], texts: int) -> frozenset[Shared]:
    least = max(FEWEST, SHARED * texts)
    return frozenset(some for some, count in seen.items() if count >= least)


def vectors(texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (texts, DIMENSIONS); a text of fewer than 3 characters is the zero vector."""
    import numpy as np

    found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for vector, text in zip(found, texts, strict=True):
        plain = _DIGITS.sub("0", " ".join(text.casefold().split()))
        codes = np.frombuffer(plain.encode("utf-32-le", "replace"), dtype=np.uint32)
        if len(codes) < 3:
            continue
        a, b, c = (np.uint32(prime) for prime in _PRIMES)
        grams = (codes[:-2] * a) ^ (codes[1:-1] * b) ^ (codes[2:] * c)
        grams = (grams ^ (grams >> np.uint32(15))) % np.uint32(DIMENSIONS)
        counts = np.sqrt(np.bincount(grams, minlength=DIMENSIONS))
        vector[:] = counts / np.linalg.norm(counts)
    return found
