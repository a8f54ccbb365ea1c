"""Deciding columns: what a prompt must say besides its text, since the same text has another answer with it.

A language to translate into, an aspect to judge. Known by name (``target_lang``), or by the rows: where one
text comes with different answers, and a column tells them apart every time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.joined_columns import is_named_answer
from tasks.formats.profile import Column
from tasks.formats.values import is_missing, is_scalar, text_of

LEAST_TEXTS = 3
"""Texts with different answers that a column must tell apart."""
LEAST_AGAIN = 2.0
"""Rows per value on average: what is different in every row tells any two apart."""
_LANGUAGE = frozenset({"lang", "language", "locale"})
_TOWARDS = frozenset({"target", "tgt", "to", "dest", "trg", "output"})
_OF_PEOPLE = frozenset(
    {"annotator", "annotators", "worker", "rater", "coder", "user", "author", "model", "generator", "split",
     "fold", "source", "date", "time", "version", "score", "confidence", "turn", "rank", "hash"}
)  # fmt: skip
"""Words in the name of a column that tells who or what made a row, which nobody can ask."""
_OF_ANSWERS = columns.SCORES | columns.RANKS | columns.MARKING | {"views", "downvotes", "comments", "replies"}
"""Words in the name of a column that judges an answer, and is not there before it."""


def deciding_columns(
    held: Mapping[str, Column], rows: Sequence[Row], asked: Sequence[str], answer: str
) -> tuple[str, ...]:
    """The columns beside ``asked`` that a prompt must name, those known by their name first."""
    others = [name for name in held if name not in asked and name != answer and _may_decide(held[name])]
    named = [name for name in others if _is_language(name) and _values(name, rows) > 1]
    conflicts = _conflicts(rows, asked, answer)
    if len(conflicts) < LEAST_TEXTS:
        return tuple(named)
    found = [
        name
        for name in others
        if name not in named
        and _values(name, rows) * LEAST_AGAIN <= len(rows)
        and _tells_apart(name, answer, conflicts)
        and not _gives_answer(name, answer, rows)
    ]
    return (*named, *found[:1])


def _may_decide(column: Column) -> bool:
    words = columns.words(column.name)
    by_name = columns.named((column.name,), (*columns.ANSWER, *columns.LABEL, *columns.REASONING))
    if _is_language(column.name):
        return column.filled > 0
    return not (
        by_name
        or is_named_answer(column.name)
        or column.identity
        or column.constant
        or words & (_OF_PEOPLE | _OF_ANSWERS | columns.IDS)
        or column.filled == 0
    )


def _is_language(name: str) -> bool:
    words = columns.words(name)
    return bool(words & _LANGUAGE and words & _TOWARDS)


def _values(name: str, rows: Sequence[Row]) -> int:
    return len({text_of(row[name]) for row in rows if not is_missing(row.get(name))})


def _conflicts(rows: Sequence[Row], asked: Sequence[str], answer: str) -> list[list[Row]]:
    """The rows of each text that has more than one answer."""
    by_text: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if not is_missing(row.get(answer)):
            by_text[tuple(text_of(row.get(name)) for name in asked)].append(row)
    return [held for held in by_text.values() if len({text_of(row[answer]) for row in held}) > 1]


def _tells_apart(name: str, answer: str, conflicts: Sequence[Sequence[Row]]) -> bool:
    for held in conflicts:
        answers: dict[str, set[str]] = defaultdict(set)
        for row in held:
            if not is_scalar(row.get(name)) or is_missing(row[name]):
                return False
            answers[text_of(row[name])].add(text_of(row[answer]))
        if any(len(said) > 1 for said in answers.values()):
            return False
    return True


def _gives_answer(name: str, answer: str, rows: Sequence[Row]) -> bool:
    """Whether the column alone says the answer in every row: another spelling of it, and no question."""
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if not is_missing(row.get(name)) and not is_missing(row.get(answer)):
            answers[text_of(row[name])].add(text_of(row[answer]))
    return all(len(said) == 1 for said in answers.values())
