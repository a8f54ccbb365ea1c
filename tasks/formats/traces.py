"""Traces of the answer: columns that are known only once the answer is, or that alone tell it.

Exports keep beside a label its number, how sure a model was of it, who closed the case and after how long.
Asked, such a column gives the answer away, and nobody has it where the model is to answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.profile import Column
from tasks.formats.values import is_missing, is_number, text_of, word_count

LEAST_WORDS = 3.0
"""Words, in the median, from which a column is a text."""
LEAST_ROWS = 20
MOST_OF_ONE = 0.9
"""Share of the commonest label from which nothing can be told by chance."""
LEAST_AGAIN = 10
"""Rows whose text and answer come again, from which a number beside them is held against them."""
CHANGING = 0.9
_CLOSING = frozenset({"close", "closed", "closure", "resolve", "resolved", "resolution"})
_OF_CLOSING = frozenset({"at", "by", "on", "code", "reason", "time", "hours", "days", "minutes", "seconds",
                         "date", "note", "notes", "duration", "status"})  # fmt: skip
"""Beside a word of ``_CLOSING``, such a word names what is known at the end: ``closed_by``."""
_OF_ANSWER = columns.DESCRIBING | {"probability", "prob", "certainty", "logit", "code", "no", "num", "key"}


def traces(
    asked: Sequence[str], answer: str, held: Mapping[str, Column], rows: Sequence[Row]
) -> tuple[str, ...]:
    """Those of ``asked`` that are traces of the answer, where a text is left to ask."""
    texts = [name for name in asked if is_text(name, rows)]
    found = [
        name
        for name in asked
        if _is_about_answer(name, answer)
        or _comes_after(name)
        or _tells(name, answer, held, rows)
        or _is_of_the_moment(name, answer, [text for text in texts if text != name], rows)
    ]
    return tuple(found) if any(name not in found for name in texts) else ()


def is_text(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column holds texts of some words."""
    texts = [text_of(row[name]) for row in rows if not is_missing(row.get(name))]
    return bool(texts) and median(map(word_count, texts)) >= LEAST_WORDS


def _is_about_answer(name: str, answer: str) -> bool:
    """``category_confidence`` beside ``category``."""
    words, own = columns.words(name), columns.words(answer)
    return own < words and bool((words - own) & _OF_ANSWER)


def _comes_after(name: str) -> bool:
    words = columns.words(name)
    return bool(words & _CLOSING) and bool(words & _OF_CLOSING) and words <= _CLOSING | _OF_CLOSING


def _tells(name: str, answer: str, held: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether each value of a column stands beside one label alone, and the labels are not one for most."""
    if not held[name].labels or not held[answer].labels or is_text(name, rows):
        return False
    beside: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if not is_missing(row.get(name)) and not is_missing(row.get(answer)):
            beside[text_of(row[name])].add(text_of(row[answer]))
            counts[text_of(row[answer])] += 1
    total = sum(counts.values())
    if total < LEAST_ROWS or max(counts.values()) > MOST_OF_ONE * total:
        return False
    return len(beside) > 1 and all(len(labels) == 1 for labels in beside.values())


def _is_of_the_moment(name: str, answer: str, texts: Sequence[str], rows: Sequence[Row]) -> bool:
    """Whether a number changes where the texts and their answer stay the same: the seconds that it took.

    Only where nearly every text comes as often as the others, as where several people had one text each.
    """
    if not texts or not all(is_number(said) for row in rows if (said := text_of(row.get(name)))):
        return False
    turns = Counter(tuple(text_of(row.get(text)) for text in texts) for row in rows)
    times, share = Counter(turns.values()).most_common(1)[0]
    if times < 2 or share < CHANGING * len(turns):
        return False
    again: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        again[tuple(text_of(row.get(text)) for text in (*texts, answer))].append(text_of(row.get(name)))
    several = [values for values in again.values() if len(values) > 1]
    changing = sum(len({*values}) > 1 for values in several)
    return sum(map(len, several)) >= LEAST_AGAIN and changing >= CHANGING * len(several)
