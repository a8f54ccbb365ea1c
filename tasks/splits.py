"""Identity of a text: fingerprints, content ids, seeded randomness, disjoint draws; the two splits."""

from __future__ import annotations

import hashlib
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tasks.base import Sample

T = TypeVar("T")

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_PROSE = re.compile(r"(?:[^\w+*/=#<>%@&|~-]|_|\*{2,})+")
_AROUND_OPERATOR = re.compile(r" *([+*/=#<>%@&|~-]) *")
_BULLET = re.compile(r"^\s*(?:[-*>]\s+(?=\D))+")
_SYMBOLS = frozenset({"Sm", "So", "Sc"})
"""Unicode categories of mathematical signs, pictures and currencies: no editor drops these unseen."""
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_CJK = r"\u3400-\u4dbf\u4e00-\u9fff"
_CJK_SPACE = re.compile(rf"(?<=[{_CJK}]) +| +(?=[{_CJK}])")
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_NUMBER_WORD = re.compile(r"\b(?:" + "|".join(_WORDS) + r")\b")


def fingerprint(text: str) -> str:
    """A text without what an editor changes and a reader does not notice.

    Unicode NFKC, case, white space, prose punctuation, bullets, hyphens between words,
    thousands separators, digits of other scripts and English number words up to
    ten are unified. Operators (``+ - * / = # < > % & | ~``), a leading sign and symbols such as
    ``≤`` or an emoji stay, since ``5+3`` and ``5-3``, ``C=C`` and ``C#C``, or ``-5 dB`` and ``5 dB``, are
    different. Equal fingerprints mean the same text for splitting, de-duplicating and decontaminating.
    """
    text = _BULLET.sub("", unicodedata.normalize("NFKC", text)).casefold()
    if text.isascii():
        text = _PROSE.sub(" ", _THOUSANDS.sub("", text))
    else:
        text = _OTHER_DIGIT.sub(lambda m: str(unicodedata.digit(m.group(0))), text.replace("−", "-"))
        text = _PROSE.sub(_kept_symbols, _THOUSANDS.sub("", text))
    text = _AROUND_OPERATOR.sub(r"\1", text)
    text = _HYPHEN.sub(" ", text)
    text = _NUMBER_WORD.sub(lambda m: str(_WORDS.index(m.group(0))), text)
    return _CJK_SPACE.sub("", text).strip().rstrip(" -*/=@<>").lstrip("*/@ ")


def _kept_symbols(found: re.Match[str]) -> str:
    """A run of punctuation as one space, its symbols kept; a dollar sign may be TeX's."""
    kept = "".join(char for char in found.group() if char != "$" and unicodedata.category(char) in _SYMBOLS)
    return f" {kept} " if kept else " "


def item_id(text: str) -> str:
    """Sixteen hex digits that tell one item from another: composed Unicode and white space apart, every
    character counts (``content_id`` takes lightly edited copies for the same)."""
    exact = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.sha256(exact.encode("utf-8", "replace")).hexdigest()[:16]


def content_id(text: str) -> str:
    """Sixteen hex digits that depend on the content alone, not on position or seed."""
    return hashlib.sha256(fingerprint(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def seeded(*parts: str | int) -> random.Random:
    """A generator whose stream depends on ``parts`` alone, in every process and version."""
    digest = hashlib.sha256(
        "\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")
    ).digest()
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


PUBLISHED_ROWS = 100
"""Most rows of a subset in either published split."""
OWN_ROWS = 500
"""Rows of a task in either split of ours, shared by its subsets; a subset may always have 100."""


def published_split(items: Sequence[T], shuffled: bool) -> tuple[list[T], list[T]]:
    """Validation and test of one subset by the released rule: its first and its last min(100, N // 2) items.

    Where the released loader shuffles, its seed is 42. Which shuffle that is, is not on record; taken
    here is the permutation of ``datasets.Dataset.shuffle(seed=42)``, since those loaders build such data
    sets. AIME (part I, then part II) and FinanceIQ keep the order of their files.
    """
    order = list(items)
    if shuffled:
        import numpy as np

        order = [items[place] for place in np.random.default_rng(42).permutation(len(items))]
    rows = min(PUBLISHED_ROWS, len(order) // 2)
    return order[:rows], order[len(order) - rows :]


def question_of(sample: Sample) -> str:
    """What is asked: ``meta["question"]`` where the prompt holds more (worked examples), else the prompt."""
    return str(sample.meta.get("question") or sample.prompt)


def answer_of(sample: Sample) -> str:
    """The right answer as text; the first of several."""
    gold = sample.gold
    while isinstance(gold, list | tuple) and gold:
        gold = gold[0]
    return str(gold)


def question_id(sample: Sample) -> str:
    """The identity of what is asked."""
    return content_id(question_of(sample))


def own_split(samples: Iterable[Sample], subsets: Sequence[str]) -> tuple[list[Sample], list[Sample]]:
    """Validation and test of all subsets by our rule: every question once, its side by its content alone.

    A question in several subsets stays in the first of ``subsets``. Its side is a bit of a hash of the
    question, so that neither the order of a file nor an added row moves another row between the splits.
    Two rules look at more than one row: a subset of four or more rows whose hashes all fall on one side
    (chance 2^(1-n)) gives a quarter of them to the other; of a large subset only the rows with the
    smallest hashes are read, max(100, 500 / number of subsets) on either side.
    """
    most = max(PUBLISHED_ROWS, OWN_ROWS // max(1, len(subsets)))
    sides: tuple[list[Sample], list[Sample]] = ([], [])
    distinct = _one_per_question(samples, subsets)
    for subset in subsets:
        marks = sorted(mark for mark, sample in distinct.items() if sample.subset == subset)
        chosen = [[mark for mark in marks if int(mark[-1], 16) % 2 == side] for side in (0, 1)]
        if len(marks) >= 4 and not all(chosen):
            quarter = len(marks) // 4
            chosen = (
                [marks[:quarter], marks[quarter:]] if not chosen[0] else [marks[quarter:], marks[:quarter]]
            )
        for side in (0, 1):
            sides[side].extend(distinct[mark] for mark in chosen[side][:most])
    return sides


def _one_per_question(samples: Iterable[Sample], subsets: Sequence[str]) -> dict[str, Sample]:
    """Hash of the question -> its item; which of several is kept depends on their content alone."""
    kept: dict[str, tuple[int, str, Sample]] = {}
    for sample in samples:
        mark = hashlib.sha256(f"own split\x1f{question_id(sample)}".encode()).hexdigest()
        text = json.dumps([sample.prompt, sample.gold, dict(sample.meta)], sort_keys=True, default=str)
        rank = (subsets.index(sample.subset), hashlib.sha256(text.encode()).hexdigest(), sample)
        if mark not in kept or rank[:2] < kept[mark][:2]:
            kept[mark] = rank
    return {mark: sample for mark, (_, _, sample) in kept.items()}
