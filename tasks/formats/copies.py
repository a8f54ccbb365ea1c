"""Copies among columns: what says the answer, or another column, again, and so must not be asked beside it.

Exports keep a text in several spellings (``original_string``, ``code``), the votes of annotators beside the
verdict, and what a model predicted beside what was measured. A prompt with one of these teaches to copy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.profile import ENOUGH_ROWS, Column
from tasks.formats.values import is_missing, is_number, opened, text_of

NEARLY_ALL = 0.9
LEAST_AGREEING = 0.75
"""Share of the rows from which a column of the answer's own labels is a vote on it, and no other property."""
LEAST_LABELS = 3
"""Labels from which that can be told: two columns of yes and no are two questions."""
_SPACE = re.compile(r"\s+")


def copies(
    names: Sequence[str], answer: str, held: Mapping[str, Column], rows: Sequence[Row]
) -> tuple[str, ...]:
    """Those of ``names`` that say again what the answer, or an earlier one of them, says."""
    spelt = {name: _spelt(name, rows) for name in (*names, answer)}
    found: list[str] = []
    for name in names:
        kept = [other for other in names[: names.index(name)] if other not in found]
        again = any(_same(spelt[name], spelt[other]) for other in kept if not held[other].labels)
        # Of few labels two columns may hold the same by chance: there votes are told by their number.
        answers = not held[answer].labels and _same(spelt[name], spelt[answer])
        if again or answers or _votes(name, answer, held, rows) or _predicts(name, answer, rows):
            found.append(name)
    return tuple(found) if len(found) < len(names) else ()


def _spelt(name: str, rows: Sequence[Row]) -> list[str]:
    """What a column says in each row, without blanks and letter case; the entries of a list in a row."""
    return [_bare(row.get(name)) for row in rows]


def _bare(value: object) -> str:
    inside = opened(value)
    parts = inside if isinstance(inside, list) else [inside]
    return _SPACE.sub("", "".join(map(text_of, parts))).casefold()


def _same(one: Sequence[str], other: Sequence[str]) -> bool:
    both = [(a, b) for a, b in zip(one, other, strict=True) if a and b]
    return len(both) >= min(ENOUGH_ROWS, len(one)) > 0 and sum(a == b for a, b in both) >= NEARLY_ALL * len(
        both
    )


def _predicts(name: str, answer: str, rows: Sequence[Row]) -> bool:
    """Whether a column, named so, predicts the number that is asked for; a text may be there to be judged."""
    if not columns.words(name) & columns.PREDICTED:
        return False
    values = [
        text_of(row[column]) for row in rows for column in (name, answer) if not is_missing(row.get(column))
    ]
    return bool(values) and sum(map(is_number, values)) >= NEARLY_ALL * len(values)


def _votes(name: str, answer: str, held: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether a column holds the labels of the answer, mostly the same one: an annotator's, a model's."""
    if not held[name].labels or not held[answer].labels:
        return False
    both = [
        (text_of(row[name]), text_of(row[answer]))
        for row in rows
        if not is_missing(row.get(name)) and not is_missing(row.get(answer))
    ]
    labels = {said for _, said in both}
    least = 2 if columns.words(name) & columns.PREDICTED else LEAST_LABELS
    if len(labels) < least or not {vote for vote, _ in both} <= labels:
        return False
    return sum(vote == said for vote, said in both) >= LEAST_AGREEING * len(both)
