"""Split column of a table, which says of each row to which part it belongs (``partition``: train, valid).

Its owner has parted the rows; a split of our own would train on what they keep for the test.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

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


def parted(table: Table) -> tuple[Table, ...]:
    """A table for each part that a column names; the table alone where none does.

    The column counts if every row names a part, training rows among them, and no word beside it.
    """
    if table.split or not len(table.rows):
        return (table,)
    named = columns.named(table.rows[0], SPLIT_COLUMNS)
    if not named or any(not _part(row.get(named)) for row in table.rows[:_LOOKED_AT]):
        return (table,)
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(table.rows):
        places[_part(row.get(named))].append(place)
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


def _part(value: object) -> str:
    text = text_of(value).strip()
    return part_of(text) if len(text) <= _LONGEST and len(text.split()) == 1 else ""
