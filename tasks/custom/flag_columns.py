"""Flag columns of a table: one of 1 and 0 for each label that a text may have, together its labels.

Taken one by one, each would be a task of its own; together they say which of several things hold of a text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import orjson

from tasks.base import Row
from tasks.custom.tables import JSON_COLUMN, Add, Rows, Table, written
from tasks.formats import columns
from tasks.formats.joined_columns import is_named_answer
from tasks.formats.profile import Column, profile_columns
from tasks.formats.values import is_missing, text_of

LEAST_FLAGS = 3
LEAST_WORDS = 3
"""Words of a text, in the median: flags beside numbers alone are measurements."""
_LOOKED_AT = 1000
_MOST_ROWS = 500_000
_SHOWN = 6
YES = frozenset({"1", "1.0", "true", "yes", "y", "x"})
NO = frozenset({"0", "0.0", "false", "no", "n"})
LABELS = "labels"
NONE = "none"
"""What answers where no flag is set."""


def flagged(table: Table) -> Table:
    """The table with ``labels`` in the place of its flags; the table itself where it has no such columns.

    Another column that may answer, by its name or as it holds labels, leaves the flags what they are.
    """
    head = [table.rows[place] for place in range(min(len(table.rows), _LOOKED_AT))]
    held = profile_columns(head)
    names = [name for name, column in held.items() if _is_flag(name, column, head)]
    if len(names) < LEAST_FLAGS or len(table.rows) > _MOST_ROWS or not _stand_alone(names, held, head):
        return table
    chosen = [_labels(row, names) for row in table.rows]
    exclusive = all(len(labels) == 1 for labels in chosen)

    def fill(add: Add) -> None:
        for row, labels in zip(table.rows, chosen, strict=True):
            # A list as text: of a list of values any would count as right.
            said = labels[0] if exclusive else json.dumps(labels or [NONE], ensure_ascii=False)
            made = {**_without(row, names), "label" if exclusive else LABELS: said}
            add((orjson.dumps(made, default=text_of).decode(),))

    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if names[_SHOWN:] else "")
    reader = f"{table.reader}, whose flags are the labels of a row ({shown})"
    return replace(table, rows=Rows([written(fill, [JSON_COLUMN])], json_text=True), reader=reader)


def _is_flag(name: str, column: Column, head: Sequence[Row]) -> bool:
    if not column.labels or name == LABELS:
        return False
    said = {text_of(row[name]).strip().casefold() for row in head if not is_missing(row.get(name))}
    return said <= YES | NO and bool(said & YES)


def _stand_alone(names: Sequence[str], held: Mapping[str, Column], head: Sequence[Row]) -> bool:
    """Whether a text stands beside the flags, and nothing else that could be the answer."""
    others = [name for name in held if name not in names]
    if any(
        columns.named((name,), (*columns.ANSWER, *columns.LABEL)) or is_named_answer(name) for name in held
    ):
        return False
    if any(held[name].labels and not columns.words(name) & (columns.META | columns.IDS) for name in others):
        return False
    words = [median([len(text_of(row.get(name)).split()) for row in head]) for name in others]
    return any(count >= LEAST_WORDS for count in words)


def _labels(row: Row, names: Sequence[str]) -> list[str]:
    return [name for name in names if text_of(row.get(name)).strip().casefold() in YES]


def _without(row: Row, names: Sequence[str]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in names}
