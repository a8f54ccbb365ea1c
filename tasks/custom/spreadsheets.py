"""Spreadsheets as tables of rows: which sheets hold rows, and each of them read as a CSV file would be.

Cells are text, as in a CSV file. A sheet beside the table that only explains it (a readme, a legend, a few
totals) is left out and said; sheets whose columns agree, and other sheets of rows, are tables of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from tasks.custom.table_header import (
    HEAD,
    MOST_OPENING,
    column_names,
    further_header_rows,
    header_said,
    is_headerless,
    lines_before_header,
    opening_said,
)
from tasks.custom.tables import Add, Rows, Table, part_of, written
from tasks.custom.workbook import Sheet, sheets_of
from tasks.errors import InputError

_LEAST_ROWS = 10
"""Rows from which a sheet beside a longer one is a table."""
_LEGEND_COLUMNS = 2
_LEGEND_SHARE = 3
"""A legend has a third of the rows of what it explains, at most."""
_EXPLAINED = 0.9
"""Share of a column's values, or of the names of columns, that a legend explains."""
_LOOKED_AT = 5_000


@dataclass(frozen=True)
class _Read:
    """A sheet as rows."""

    name: str
    rows: Rows
    columns: tuple[str, ...]
    said: str

    @cached_property
    def values(self) -> list[frozenset[str]]:
        """The values of each column, of its first rows, without blanks."""
        rows = self.rows[:_LOOKED_AT]
        return [frozenset(row[name] for row in rows if row[name].strip()) for name in self.columns]


def read_spreadsheet(path: Path, name: str) -> tuple[Table, ...]:
    """A table for each sheet of rows, the one alone under ``name``, several as ``name/sheet``.

    Raises InputError where the file cannot be read or no sheet holds rows.
    """
    with tempfile.TemporaryDirectory() as folder:
        read, left = _sheets(path, Path(folder))
    if not read:
        told = "; ".join(f"{sheet!r}: {why}" for sheet, why in left.items()) or "it has no sheet"
        raise InputError(str(path), f"no sheet of it has rows ({told})", "add a header and at least one row")
    main = max(read, key=lambda sheet: (len(sheet.columns) > 1, len(sheet.rows)))
    aside = {sheet.name: why for sheet in read if sheet is not main and (why := _why_left(sheet, main))}
    kept = [sheet for sheet in read if sheet.name not in aside]
    alone = len(kept) == 1
    said = _said_of_others(left | aside)
    tables = []
    for sheet in kept:
        where = f"a spreadsheet, sheet {sheet.name!r}" if len(read) + len(left) > 1 else "a spreadsheet"
        how = f"{where}{sheet.said}{said if sheet is kept[0] else ''}"
        split = sheet.name if not alone and part_of(sheet.name) else ""
        called = name if alone else f"{name}/{sheet.name.replace('/', '-')}"
        tables.append(Table(called, sheet.rows, str(path), how, split=split))
    return tuple(tables)


def read_one_sheet(path: Path, name: str) -> Table:
    """The spreadsheet as one table: its only sheet of rows, or all of them where their columns agree.

    Raises InputError as ``read_spreadsheet``, and where they do not.
    """
    first, *others = read_spreadsheet(path, name)
    rows = first.rows
    for other in others:
        joined = rows.joined(other.rows) if rows.columns == other.rows.columns else None
        if joined is None:
            shown = ", ".join(table.name.rpartition("/")[2] for table in (first, *others))
            raise InputError(
                str(path),
                f"it has several sheets of rows ({shown[:120]})",
                "keep one of them, or save it as .csv",
            )
        rows = joined
    return Table(name, rows, str(path), first.reader) if others else first


def _sheets(path: Path, folder: Path) -> tuple[list[_Read], dict[str, str]]:
    """(sheets with rows, why each other has none)."""
    found = sheets_of(path, folder)
    shown = [sheet for sheet in found if sheet.visible] or found
    left = {sheet.name: "it is hidden" for sheet in found if sheet not in shown}
    read = []
    for sheet in shown:
        made = None if sheet.problem else _read_sheet(sheet)
        if made is None:
            left[sheet.name] = sheet.problem or (
                "it has no rows under its header" if any(sheet.rows()) else "it is empty"
            )
        else:
            read.append(made)
    return read, left


def _read_sheet(sheet: Sheet) -> _Read | None:
    """Its rows by the rules of text files; None where there is none."""
    head = list(islice(sheet.rows(), MOST_OPENING + HEAD))
    opening = lines_before_header(head)
    top = [cells for cells in head[opening:] if cells]
    named = not is_headerless(top)
    more = further_header_rows(top) if named else 0
    places = _filled_places(sheet, opening)
    first = _at(top[0], places) if top else []
    names = first if named else [""] * len(first)
    header = column_names(names)
    if not header:
        return None

    def fill(add: Add) -> None:
        rows = (cells for cells in _below(sheet, opening) if cells)
        for cells in islice(rows, named + more, None):
            add(_at(cells, places))

    rows = Rows([written(fill, header)])
    if not len(rows):
        return None
    told = [opening_said(opening), *_cells_said(sheet)]
    opened = f" ({'; '.join(filter(None, told))})" if any(told) else ""
    return _Read(sheet.name, rows, tuple(header), opened + header_said(names, header, named, more))


def _below(sheet: Sheet, opening: int) -> Iterator[list[str]]:
    return islice(sheet.rows(), opening, None)


def _filled_places(sheet: Sheet, opening: int) -> list[int]:
    """The columns that hold anything: spreadsheets leave blank ones between, before and after."""
    filled: set[int] = set()
    for cells in _below(sheet, opening):
        filled.update(place for place, cell in enumerate(cells) if cell.strip())
    return sorted(filled)


def _at(cells: Sequence[str], places: Sequence[int]) -> list[str]:
    return [cells[place] if place < len(cells) else "" for place in places]


def _cells_said(sheet: Sheet) -> list[str]:
    told = []
    if sheet.errors:
        cells = "cell with an error is" if sheet.errors == 1 else "cells with an error are"
        told.append(f"{sheet.errors:,} {cells} left empty")
    if sheet.uncomputed:
        formulas = "formula has" if sheet.uncomputed == 1 else "formulas have"
        told.append(f"{sheet.uncomputed:,} {formulas} no stored value: open and save the file once")
    return told


def _said_of_others(left: dict[str, str]) -> str:
    return f" (not read: {'; '.join(f'{name!r}, {why}' for name, why in left.items())})" if left else ""


def _why_left(sheet: _Read, main: _Read) -> str:
    """Why a sheet is no data beside the largest one; "" where it is."""
    if {*sheet.columns} == {*main.columns} or (part_of(sheet.name) and {*sheet.columns} & {*main.columns}):
        return ""
    if explained := _explained(sheet, main):
        return f"a legend of {explained}"
    if len(sheet.columns) == 1 < len(main.columns):
        return f"one column beside the table of {main.name!r}"
    if len(sheet.rows) < _LEAST_ROWS <= len(main.rows):
        return f"{len(sheet.rows)} rows beside the {len(main.rows):,} of {main.name!r}"
    return ""


def _explained(sheet: _Read, main: _Read) -> str:
    """What of the main sheet another explains line by line: the names of its columns, or values of one."""
    keys = sheet.values[0]
    if len(keys) < max(2, len(sheet.rows)) or len(sheet.columns) < 2:  # a key stands in one line
        return ""
    if len(keys & {*main.columns}) >= _EXPLAINED * len(keys):
        return "its columns"
    if len(sheet.columns) > _LEGEND_COLUMNS or _LEGEND_SHARE * len(keys) > len(main.rows):
        return ""
    for name, values in zip(main.columns, main.values, strict=True):
        if len(values) > 1 and len(values & keys) >= _EXPLAINED * len(values):
            return f"its column {name!r}"
    return ""
