"""Votes on one text in columns side by side (``annotator_1``, ``annotator_2``): their majority is its label.

Taken one by one, one annotator would answer and the prompt would hold what the others said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from tasks.base import Row
from tasks.custom.tables import JSON_COLUMN, Add, Rows, Table, written
from tasks.formats import columns
from tasks.formats.joined_columns import is_named_answer
from tasks.formats.profile import Column, profile_columns
from tasks.formats.values import is_missing, text_of

_LOOKED_AT = 1000
_MOST_ROWS = 500_000
LEAST_SHARED = 0.6
"""Share of their labels that two annotators have in common."""
LEAST_AGREEING = 0.5
"""Share of the rows in which two of them say the same: other columns of a form agree by chance."""
_OF_VOTES = columns.PEOPLE | {
    "label",
    "labels",
    "annotation",
    "vote",
    "judge",
    "coder",
    "labeler",
    "labeller",
}
LABEL = "label"


def voted(table: Table) -> Table:
    """The table with ``label`` in the place of its votes; itself where it has none, or a verdict."""
    if not 1 < len(table.rows) <= _MOST_ROWS:
        return table
    head = [table.rows[place] for place in range(min(len(table.rows), _LOOKED_AT))]
    held = profile_columns(head)
    names = _votes(held, head)
    if not names or _has_verdict(held, names):
        return table
    said = [_majority(row, names) for row in table.rows]
    left = said.count("")
    if left == len(said):
        return table

    def fill(add: Add) -> None:
        for row, label in zip(table.rows, said, strict=True):
            if label:
                others = {name: value for name, value in row.items() if name not in names}
                add((orjson.dumps({**others, LABEL: label}, default=text_of).decode(),))

    aside = f", {left:,} rows without a majority left out" if left else ""
    reader = f"{table.reader}, the majority of {', '.join(names)} as {LABEL!r}{aside}"
    return replace(table, rows=Rows([written(fill, [JSON_COLUMN])], json_text=True), reader=reader)


def _votes(held: Mapping[str, Column], head: Sequence[Row]) -> list[str]:
    """Columns of the same labels whose names say so and differ in who votes."""
    found: dict[frozenset[str], list[str]] = {}
    for name, column in held.items():
        words = columns.words(name.rstrip("0123456789"))
        stem = frozenset(words & _OF_VOTES)
        if column.labels and stem and name != LABEL:
            found.setdefault(stem, []).append(name)
    groups = [names for names in found.values() if len(names) > 1 and _agree(names, head)]
    return groups[0] if len(groups) == 1 else []


def _agree(names: Sequence[str], head: Sequence[Row]) -> bool:
    """Whether each has the labels of the first, and mostly says what that says."""
    return all(_agreeing(names[0], other, head) for other in names[1:])


def _agreeing(first: str, other: str, head: Sequence[Row]) -> bool:
    said = [(text_of(row.get(first)).strip(), text_of(row.get(other)).strip()) for row in head]
    both = [pair for pair in said if all(pair)]
    labels = [{pair[place] for pair in both} for place in (0, 1)]
    shared = len(labels[0] & labels[1]) >= LEAST_SHARED * len(labels[0] | labels[1])
    return bool(both) and shared and sum(a == b for a, b in both) >= LEAST_AGREEING * len(both)


def _has_verdict(held: Mapping[str, Column], names: Sequence[str]) -> bool:
    """Whether another column may say what was decided in the end."""
    return any(
        columns.named((name,), (*columns.ANSWER, *columns.LABEL)) or is_named_answer(name)
        for name in held
        if name not in names
    )


def _majority(row: Row, names: Sequence[str]) -> str:
    """The label that more of a row's votes have than any other; "" for none."""
    votes = Counter(text_of(row[name]).strip() for name in names if not is_missing(row.get(name)))
    (label, most), *others = votes.most_common(2) or [("", 0)]
    return label if not others or others[0][1] < most else ""
