"""Two files whose rows belong together by an id: what is asked in one, what is answered in the other.

Requests to a provider and its responses (``custom_id``), questions and their key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, Table, part_of
from tasks.formats import columns
from tasks.formats.detect import GUESSED, detect
from tasks.formats.values import is_missing, is_scalar, text_of

LEAST_ROWS = 4
NEARLY_ALL = 0.9
"""Share of the shorter table's ids that the longer one has."""
_MOST_ROWS = 200_000
_SAMPLE = 200
_MOST_READ = 0.5
"""Share of the rows that are read from which a table needs no other."""


def joined(tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables; two that hold the halves of each row, and nothing else in common but its id, as one."""
    if len(tables) != 2 or any(part_of(table.split or table.name) for table in tables):
        return tuple(tables)
    one, other = tables
    if max(len(one.rows), len(other.rows)) > _MOST_ROWS:
        return tuple(tables)
    key = _shared_id(one, other)
    if not key or any(map(_is_complete, tables)):
        return tuple(tables)
    first, second = (_by(table, key) for table in (one, other))
    both = [held for held in first if held in second]
    if len(both) < max(LEAST_ROWS, NEARLY_ALL * min(len(first), len(second))):
        return tuple(tables)
    aside = Aside()
    for table, missing, where in (
        (one, first.keys() - second.keys(), other),
        (other, second.keys() - first.keys(), one),
    ):
        for held in sorted(missing):
            aside.add(f"{table.name}, {key} {held[:40]}", f"no row of {where.name} has its {key}", "")
    rows = rows_of(_rows(both, first, second), aside)
    how = f"{one.reader} and {other.reader}, joined by {key!r}"
    kept = (*one.set_aside, *other.set_aside, *aside.kept)
    counts = dict(one.set_aside_counts)
    for reason, count in [*other.set_aside_counts.items(), *aside.counts.items()]:
        counts[reason] = counts.get(reason, 0) + count
    return (
        replace(
            one,
            name=f"{one.name} and {other.name}",
            rows=rows,
            reader=how,
            set_aside=kept,
            set_aside_counts=counts,
        ),
    )


def _rows(
    both: Sequence[str], first: dict[str, Any], second: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for held in both:
        yield held[:40], {**second[held], **first[held]}


def _shared_id(one: Table, other: Table) -> str:
    """The id column that both have, with a value of its own in each row; "" where others are shared, too."""
    names = [{name for row in table.rows[:_SAMPLE] for name in row} for table in (one, other)]
    shared = sorted(name for name in names[0] & names[1] if _names_rows(name))
    found = [name for name in shared if all(_is_key(table, name) for table in (one, other))]
    return found[0] if len(found) == 1 and names[0] & names[1] == {*shared} else ""


def _names_rows(name: str) -> bool:
    return bool(columns.words(name) & columns.IDS) or columns.plain(name).endswith("id")


def _is_key(table: Table, name: str) -> bool:
    values = [row.get(name) for row in table.rows]
    plain = all(is_scalar(value) and not is_missing(value) for value in values)
    return plain and len({text_of(value) for value in values}) == len(values)


def _is_complete(table: Table) -> bool:
    """Whether its rows ask and answer without another's."""
    form = detect(table.rows[:_SAMPLE])
    return form.name not in GUESSED and form.share >= _MOST_READ


def _by(table: Table, key: str) -> dict[str, Any]:
    return {text_of(row[key]): row for row in table.rows}
