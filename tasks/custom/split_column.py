"""Split column of a table, which says of each row to which part it belongs (``partition``: train, valid).

Its owner has parted the rows; a split of our own would train on what they keep for the test.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from tasks.custom.flag_columns import NO, YES
from tasks.custom.tables import Table, part_of
from tasks.formats import columns
from tasks.formats.values import text_of

SPLIT_COLUMNS = (
    "split",
    "data_split",
    "dataset_split",
    "partition",
    "set",
    "subset",
    "fold",
    "part",
    "phase",
    "usage",
)
_LOOKED_AT = 1000
_LONGEST = 20
_MOST_PARTS = 3


def parted(table: Table) -> tuple[Table, ...]:
    """A table for each part that a column names; the table alone where none does.

    The column counts if every row names a part, training rows among them, and no word beside it.
    """
    if table.split or not len(table.rows):
        return (table,)
    named = columns.named(table.rows[0], SPLIT_COLUMNS)
    read: Callable[[object], str] = _part
    if not named:
        named, read = _flag(table)
    if not named:
        return (table,)
    if any(not read(row.get(named)) for row in table.rows[:_LOOKED_AT]):
        return (_told(table, named),)
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(table.rows):
        places[read(row.get(named))].append(place)
    if "" in places or "train" not in places or len(places) < 2:
        return (table,)
    step = max(1, len(table.rows) // _LOOKED_AT)
    shown = (table.rows[place] for place in range(0, len(table.rows), step))
    whole = [{name: value for name, value in row.items() if name != named} for row in shown]
    made = []
    for part, held in places.items():
        reader = f"{table.reader}, {len(held):,} rows whose {named!r} says so"
        rows = table.rows.chosen(held)
        made.append(
            replace(table, name=f"{table.name}/{part}", rows=rows, reader=reader, split=part, whole=whole)
        )
    # What could not be read belongs to no part, and is told once.
    return (made[0], *(replace(other, set_aside=(), set_aside_counts={}) for other in made[1:]))


def _flag(table: Table) -> tuple[str, Callable[[object], str]]:
    """The column that says of each row whether it is of one part (``is_test``), and the part of a value."""
    names = [str(name) for name in table.rows[0]]
    for name in names if len(names) > 2 else ():  # of two columns it answers
        part = part_of(columns.plain(name))
        if not part or not columns.words(name) & {"is", "in"}:
            continue
        other = "test" if part == "train" else "train"
        by_value = {**dict.fromkeys(YES, part), **dict.fromkeys(NO, other)}
        return name, partial(_flagged, by_value=by_value)
    return "", _part


def _flagged(value: object, by_value: Mapping[str, str]) -> str:
    return by_value.get(text_of(value).strip().casefold(), "")


def _told(table: Table, named: str) -> Table:
    """The table with a word on a column that seems to part it in words of its owner's; else the table."""
    said = Counter(text_of(row.get(named)).strip() for row in table.rows[:_LOOKED_AT])
    fits = 2 <= len(said) <= _MOST_PARTS and all(said) and 2 * min(said.values()) < max(said.values())
    if not fits or max(map(len, said)) > _LONGEST:
        return table
    shown = ", ".join(part for part, _ in said.most_common())
    reader = f"{table.reader} (its {named!r} parts nothing: {shown}; write train, validation and test there)"
    return replace(table, reader=reader)


def _part(value: object) -> str:
    text = text_of(value).strip()
    return part_of(text) if len(text) <= _LONGEST and len(text.split()) == 1 else ""
