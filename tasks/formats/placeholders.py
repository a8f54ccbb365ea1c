"""Placeholders in a column of answers: what stands there where nobody has answered yet (``n/a``, ``TBD``).

Among labels such a word may be a label of its own; among sentences or numbers it is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tasks.answers.gold import number_format, read_gold
from tasks.base import Row
from tasks.formats.values import is_missing, text_of, word_count

LEAST_WORDS = 3.0
NEARLY_ALL = 0.95
_NONE = frozenset({"n/a", "#n/a", "na", "n.a.", "n.a", "tbd", "tba", "tbc", "todo", "to do", "null", "nan",
                   "-", "--", "---", "\u2013", "\u2014", "?", "??", "???", ".", "..", "...",
                   "\u2026", "k.a.", "s/o", "unanswered", "no answer"})  # fmt: skip


def is_placeholder(text: str) -> bool:
    """Whether a text may stand for no answer; whether it does is for its column to tell."""
    return text.strip().casefold() in _NONE


def stand_for_none(name: str, rows: Sequence[Row]) -> bool:
    """Whether placeholders in a column stand for none: its other cells are texts of words, or numbers."""
    texts = [text_of(row[name]) for row in rows if not is_missing(row.get(name))]
    others = [text for text in texts if not is_placeholder(text)]
    if len(others) == len(texts) or 2 * len(others) < len(texts):
        return False
    form = number_format(others)
    numbers = sum(read_gold(text, form) is not None for text in others)
    words = median(map(word_count, others))
    return words >= LEAST_WORDS or (numbers >= NEARLY_ALL * len(others) and len({*others}) > 2)
