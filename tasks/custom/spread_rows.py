"""A row for each text of a label, where the rows of a table are labels with lists of their texts."""

from __future__ import annotations

from dataclasses import replace

from tasks.base import Row
from tasks.custom.json_rows import rows_of
from tasks.custom.listed_texts import MOST_LABELS, listed, names_of, texts_of
from tasks.custom.tables import Aside, Table
from tasks.formats.values import text_of


def spread(table: Table) -> Table:
    """The table with a row for each text; the table itself where its rows hold no lists of a label."""
    if not 1 < len(table.rows) <= MOST_LABELS or (names := listed(table.rows)) is None:
        return table
    label, texts = names
    made: list[tuple[str, Row]] = []
    aside = Aside()
    for number, row in enumerate(table.rows, 1):
        if names_of(row) is None:
            aside.add(f"row {number:,}", f"it names no {label}", text_of(row))
            continue
        beside = {name: value for name, value in row.items() if name not in names}
        for text in texts_of(row[texts]):
            made.append((f"row {number:,}", {"text": text, label: row[label], **beside}))
    rows = rows_of(made, aside)
    labels = len(table.rows) - aside.counts.total()
    how = f"{table.reader}, {len(rows):,} {texts!r} of {labels:,} {label!r}"
    counts = dict(table.set_aside_counts)
    for reason, count in aside.counts.items():
        counts[reason] = counts.get(reason, 0) + count
    return replace(
        table, rows=rows, reader=how, set_aside=(*table.set_aside, *aside.kept), set_aside_counts=counts
    )
