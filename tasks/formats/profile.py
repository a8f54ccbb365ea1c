"""Profile of a table's columns: how full, how varied and of what kind each is, with an example."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.values import is_missing, opened, text_of

FEW = 50
"""Different values up to which a column may be one of labels."""
LONGEST_LABEL = 40
ENOUGH_ROWS = 8
"""Filled rows from which the values of a column say what it is."""
SHOWN = 40
NEARLY_ALL = 0.9
_LONG_NUMBER = 8
"""Digits from which different numbers of one length are no quantities."""
_CODE = re.compile(r"([A-Za-z]{1,5})[-_#]?\d+(?:[-_/]\d+)*")
"""``T-104233``: letters that all rows share, and a number."""
_STAMP = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4},?\s\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?"
    r"|(?:[A-Z][a-z]{2},?\s)?(?:[A-Z][a-z]{2}\s\d{1,2}|\d{1,2}\s[A-Z][a-z]{2}\s\d{4})\s"
    r"\d{1,2}:\d{2}(?::\d{2})?(?:\s[A-Z+\-0-9:]{1,6})?(?:\s\d{4})?"
    r"|(?:\d{1,3}\.){3}\d{1,3}"
)
_RANDOM = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F-]{4,}|[0-9a-fA-F]{16,}")


@dataclass(frozen=True)
class Column:
    """One column over the rows that were looked at."""

    name: str
    filled: float
    """Share of the rows in which it holds something."""
    labels: bool
    """Few short values that come again and again."""
    identity: bool
    """It numbers or names the rows."""
    constant: bool
    """The same short value in every row; a long one may be an instruction."""
    example: str
    stamp: bool = False
    """Moments to the minute, addresses, codes: when and whence a row came, and not what it asks."""

    @property
    def shown(self) -> str:
        """The column with an example, for its owner: ``is_correct (false)``."""
        return f"{self.name} ({self.example or 'empty'})"


def profile_columns(rows: Sequence[Row]) -> dict[str, Column]:
    """Name -> profile, in the order in which columns first come."""
    names = dict.fromkeys(name for row in rows for name in row if isinstance(name, str))
    return {name: _column(name, rows) for name in names}


def _column(name: str, rows: Sequence[Row]) -> Column:
    values = [row[name] for row in rows if name in row and not is_missing(row[name])]
    texts = [text_of(value) for value in values]
    counts = Counter(texts)
    example = " ".join(texts[0][:200].split()) if texts else ""
    return Column(
        name=name,
        filled=len(values) / max(1, len(rows)),
        labels=_are_labels(values, counts),
        identity=bool(columns.words(name) & columns.IDS) or _are_identities(values, texts, counts),
        constant=len(counts) == 1 and len(values) >= ENOUGH_ROWS and len(texts[0]) <= LONGEST_LABEL,
        example=example if len(example) <= SHOWN else example[: SHOWN - 1] + "…",
        stamp=_are_stamps(texts, counts),
    )


def _are_labels(values: Sequence[object], counts: Mapping[str, int]) -> bool:
    if len(values) < ENOUGH_ROWS or not 2 <= len(counts) <= min(FEW, max(2, len(values) // 4)):
        return False
    plain = all(
        isinstance(value, str | int) and not isinstance(opened(value), list | dict) for value in values
    )
    return plain and max(map(len, counts)) <= LONGEST_LABEL


def _are_identities(values: Sequence[object], texts: Sequence[str], counts: Mapping[str, int]) -> bool:
    """Random names, or whole numbers that go up from row to row."""
    if len(values) < ENOUGH_ROWS or len(counts) < len(values):
        return False
    if all(_RANDOM.fullmatch(text) for text in texts):
        return True
    if not all(text.isdecimal() and len(text) < 16 for text in texts):
        return False
    numbers = [int(text) for text in texts]
    return numbers == sorted(numbers)


def _are_stamps(texts: Sequence[str], counts: Mapping[str, int]) -> bool:
    """Moments with a time of day or network addresses, most of them different (dates alone may be asked);
    different codes of one kind, or different long numbers of one length."""
    if len(texts) < ENOUGH_ROWS or 2 * len(counts) < len(texts):
        return False
    if len(counts) == len(texts):
        codes = [_CODE.fullmatch(text) for text in texts]
        if all(codes) and len({code[1] for code in codes if code}) == 1:
            return True
        if all(map(str.isdecimal, texts)) and len({*map(len, texts)}) == 1 and len(texts[0]) >= _LONG_NUMBER:
            return True
    return sum(map(is_stamp, texts)) >= NEARLY_ALL * len(texts)


def is_stamp(text: str) -> bool:
    """Whether a text is a moment with a time of day, or a network address."""
    return bool(_STAMP.fullmatch(text.strip()))
