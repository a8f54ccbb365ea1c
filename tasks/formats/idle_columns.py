"""Idle columns: what stands in a row and asks nothing, such as when it came, who dealt with it, its votes.

Each kind is left out only where something else is left to ask: a table of moments alone asks moments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.answer_lists import are_label_lists
from tasks.formats.profile import Column
from tasks.formats.values import text_of

COUNTS = ("score", "votes", "upvotes", "downvotes", "likes", "views", "retweets", "favorites", "helpful")
"""Columns that count what readers thought of a row."""
LEAST_WORDS = 3.0
"""Words, in the median, from which a column without a name is a text."""
UNNAMED = re.compile(r"column_\d+")
"""What a column of a table without a header is called."""


def without_idle(
    asked: Sequence[str], answer: str, held: Mapping[str, Column], rows: Sequence[Row]
) -> list[str]:
    """The columns that ask something."""
    idle = (
        [name for name in asked if _is_word(name, rows)],
        [name for name in asked if held[name].stamp],
        [name for name in asked if columns.words(name) & columns.IN_TOKENS],
        [name for name in asked if _handles(name, rows)],
        [name for name in asked if _counts(name, answer, held, rows)],
    )
    kept = list(asked)
    for names in idle:
        kept = [name for name in kept if name not in names] or kept
    return kept


def _is_word(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column without a name holds words: one under ``column_3`` tells nothing beside a text."""
    return bool(UNNAMED.fullmatch(name)) and _words(name, rows) < LEAST_WORDS


def _handles(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column names who dealt with a row, who may do so with any: no text of theirs."""
    handles = columns.is_person(name) and columns.words(name) <= columns.HANDLING
    return handles and not columns.named((name,), columns.PROMPT) and _words(name, rows) < LEAST_WORDS


def _counts(name: str, answer: str, held: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether a column counts votes beside labels, which are given to the text and not to its readers."""
    labelled = held[answer].labels or are_label_lists(answer, rows)
    return labelled and bool(columns.named((name,), COUNTS))


def _words(name: str, rows: Sequence[Row]) -> float:
    return median([len(text_of(row.get(name)).split()) for row in rows] or [0])
