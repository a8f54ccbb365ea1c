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
HANDLES = 0.9
"""Share of single words from which a column of people holds their handles."""
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
        [name for name in asked if _handles(name, rows) or is_handle(name, held, rows)],
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


def is_handle(name: str, held: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether a column such as ``user``, which may ask by its name, holds one-word handles beside a text."""
    if not columns.is_person(name) or not columns.named((name,), columns.PROMPT):
        return False
    texts = [said for row in rows if (said := text_of(row.get(name)).strip())]
    lone = sum(len(said.split()) == 1 for said in texts)
    others = (other for other in held if other != name and not columns.named((other,), columns.ANSWER))
    return lone >= HANDLES * len(texts) > 0 and any(_words(other, rows) >= LEAST_WORDS for other in others)


def _counts(name: str, answer: str, held: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether a column counts votes beside labels, which are given to the text and not to its readers."""
    labelled = held[answer].labels or are_label_lists(answer, rows)
    return labelled and columns.words(name) <= {*COUNTS}


def _words(name: str, rows: Sequence[Row]) -> float:
    return median([len(text_of(row.get(name)).split()) for row in rows] or [0])
