"""Identity of a text: fingerprints, content ids, seeded randomness, disjoint draws."""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_PROSE = re.compile(r"(?:[^\w+*/=#<>%@-]|_|\*{2,})+")
_AROUND_OPERATOR = re.compile(r" *([+*/=#<>%@-]) *")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_CJK = r"\u3400-\u4dbf\u4e00-\u9fff"
_CJK_SPACE = re.compile(rf"(?<=[{_CJK}]) +| +(?=[{_CJK}])")
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_NUMBER_WORD = re.compile(r"\b(?:" + "|".join(_WORDS) + r")\b")


def fingerprint(text: str) -> str:
    """A text without what an editor changes and a reader does not notice.

    Unicode NFKC, case, white space, prose punctuation, hyphens between words,
    thousands separators, digits of other scripts and English number words up to
    ten are unified. Operators (``+ - * / = # < > %``) stay, since ``5+3`` and
    ``5-3``, or ``C=C`` and ``C#C``, are different questions. Equal fingerprints
    mean the same text for splitting, de-duplicating and decontaminating.
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    if not text.isascii():
        text = _OTHER_DIGIT.sub(lambda m: str(unicodedata.digit(m.group(0))), text.replace("−", "-"))
    text = _THOUSANDS.sub("", text)
    text = _AROUND_OPERATOR.sub(r"\1", _PROSE.sub(" ", text))
    text = _HYPHEN.sub(" ", text)
    text = _NUMBER_WORD.sub(lambda m: str(_WORDS.index(m.group(0))), text)
    return _CJK_SPACE.sub("", text).strip(" -*/=@<>")


def content_id(text: str) -> str:
    """Sixteen hex digits that depend on the content alone, not on position or seed."""
    return hashlib.sha256(fingerprint(text).encode()).hexdigest()[:16]


def seeded(*parts: str | int) -> random.Random:
    """A generator whose stream depends on ``parts`` alone, in every process and version."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def draw_unique(
    draw: Callable[[random.Random, int], T],
    text_of: Callable[[T], str],
    rng: random.Random,
    count: int,
    taken: set[str],
    attempts: int = 200,
) -> list[T]:
    """``count`` items whose fingerprints are new; adds them to ``taken``.

    ``draw(rng, index)`` cycles through its kinds by ``index``, so that the kinds stay
    balanced. Raises ValueError when ``attempts`` draws of one kind bring nothing new:
    the generator is then too small for what is asked of it.
    """
    items: list[T] = []
    for index in range(count):
        for _ in range(attempts):
            item = draw(rng, index)
            mark = fingerprint(text_of(item))
            if mark not in taken:
                taken.add(mark)
                items.append(item)
                break
        else:
            raise ValueError(f"no new item of kind {index} in {attempts} draws: the generator is too small")
    return items
