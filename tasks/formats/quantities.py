"""Quantities among columns: numbers that may be what is asked for, and amounts, which say what they count."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.answers.gold import number_format, read_gold
from tasks.base import Row
from tasks.formats import columns
from tasks.formats.profile import Column
from tasks.formats.values import is_missing, text_of

NEARLY_ALL = 0.95
LEAST_VALUES = 3
"""Different numbers; two are labels."""
_MOMENT = re.compile(r"1\d{9}(?:\d{3}|\d{6})?(?:\.\d+)?")
"""Seconds since 1970, or thousandths or millionths of them, between 2001 and 2033: when a row was written."""
_COUNTED = columns.DESCRIBING | columns.META | columns.IDS
_OF_READERS = frozenset({"votes", "upvotes", "downvotes", "likes", "views", "helpful", "words", "characters",
                         "chars", "row", "line", "page", "order", "perplexity"})  # fmt: skip
"""Words in the name of a column that counts something about a row."""


def are_quantities(column: Column, rows: Sequence[Row]) -> bool:
    """Whether a column holds numbers, with or without a unit, that count something else than the row."""
    if column.identity or column.constant or column.stamp or columns.words(column.name) & _COUNTED:
        return False
    if columns.words(column.name) & _OF_READERS:
        return False
    texts = _texts(column.name, rows)
    if sum(map(bool, map(_MOMENT.fullmatch, texts))) >= NEARLY_ALL * len(texts):
        return False
    form = number_format(texts)
    read = sum(read_gold(text, form) is not None for text in texts)
    return len({*texts}) >= LEAST_VALUES and read >= NEARLY_ALL * len(texts)


def are_amounts(name: str, rows: Sequence[Row]) -> bool:
    """Whether most cells of such a column name a unit or a currency, or stand in brackets as debts do."""
    texts = _texts(name, rows)
    form = number_format(texts)
    named = [found for text in texts if (found := read_gold(text, form)) and _is_named(text, found.unit)]
    return 2 * len(named) > len(texts)


def _is_named(text: str, unit: str) -> bool:
    return bool(unit and unit != "time") or text.strip().startswith("(")


def _texts(name: str, rows: Sequence[Row]) -> list[str]:
    values = [row[name] for row in rows if not is_missing(row.get(name))]
    return [text_of(value).strip() for value in values if not isinstance(value, bool)]
