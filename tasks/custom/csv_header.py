"""Header of a table of text, as values tell it: words above numbers, and further lines that are no row.

Survey tools write the questions and their own ids under the names, spreadsheets a line of units.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.formats.profile import is_stamp

LEAST_ROWS = 8
"""Filled cells below a cell that tell what its column holds."""
NEARLY_ALL = 0.95
_MOST_FURTHER = 2
_LEAST_COLUMNS = 2
"""Columns of numbers or moments above which words stand, from which a row is a line of the header."""


def names_numbers(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether words in the first line stand above nothing but numbers: they are their name."""
    for place, cell in enumerate(first):
        others = _column(place, first, below)
        if cell.strip() and not is_number(cell) and len(others) >= LEAST_ROWS and all(map(is_number, others)):
            return True
    return False


def further_header_rows(head: Sequence[Sequence[str]]) -> int:
    """How many rows under the first go on with the header: words where all below are numbers or moments."""
    first, rows = (head[0], head[1:]) if head else ([], [])
    if not first:
        return 0
    settled = rows[_MOST_FURTHER:]
    measured = [place for place in range(len(first)) if _is_measured(_column(place, first, settled))]
    count = 0
    for row in rows[:_MOST_FURTHER]:
        cells = [row[place].strip() for place in measured] if len(row) == len(first) else []
        told = [cell for cell in cells if cell and not _measures(cell)]
        if len({*told}) < max(_LEAST_COLUMNS, len(cells)):  # one mark in all of them, such as n/a, is no name
            break
        count += 1
    return count


def _column(place: int, first: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [row[place] for row in rows if len(row) == len(first) and row[place].strip()]


def _is_measured(cells: Sequence[str]) -> bool:
    return len(cells) >= LEAST_ROWS and sum(map(_measures, cells)) >= NEARLY_ALL * len(cells)


def _measures(cell: str) -> bool:
    return is_number(cell) or is_stamp(cell)


def is_number(cell: str) -> bool:
    """Whether a cell is a number as programs write it."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
