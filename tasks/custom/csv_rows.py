"""Comma- and tab-separated files as rows of text.

The reader of ``datasets`` is that of pandas: "007" becomes 7, "NA" nothing, and one row with a cell too many
fails the file or is dropped. Here a cell is the text that stands in it, and a bad row costs itself.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tasks.custom.csv_opening import Opening, opening_of
from tasks.custom.table_header import (
    HEAD,
    choice_names,
    column_names,
    further_header_rows,
    header_said,
    is_headerless,
)
from tasks.custom.tables import Add, Aside, Rows, written
from tasks.custom.text_files import open_binary
from tasks.errors import InputError

_MOST_CELL = 16_000_000
_MARKS, _MARKS_OF_TABS = ",;\t|", "\t,;|"
"""What may part cells; the first of equals is taken."""
_NOT_UTF8 = "it is not UTF-8 text"
_SAVE = "save it as UTF-8, such as by `iconv -f SHIFT_JIS -t UTF-8`"
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}


class _Lines:
    """Lines that can be taken back, so that a quote that is never closed costs one line."""

    def __init__(self, lines: Iterator[str], skipped: int = 0) -> None:
        self._lines, self._back = islice(lines, skipped, None), deque[str]()
        self.taken: list[str] = []
        self.number = skipped

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines)
        self.taken.append(line)
        self.number += 1
        return line

    def back(self) -> None:
        """All but the first of the lines taken for this row are to be read again."""
        self._back.extendleft(reversed(self.taken[1:]))
        self.number -= max(0, len(self.taken) - 1)


def read_csv(path: Path) -> tuple[Rows, str, Aside]:
    """(rows, how it was read, what was set aside). Raises InputError where the file holds no row."""
    opening = opening_of(path, _marks_of(path))
    text = _text(path, opening)
    limit = csv.field_size_limit(_MOST_CELL)
    aside = Aside()
    try:
        with text:
            lines = _Lines(iter(text), opening.lines)
            delimiter = opening.delimiter or _delimiter(path, lines)
            head = _head_of(path, delimiter, opening)
            named = not is_headerless(head)
            names = _first(lines, delimiter, named)
            header = _header(path, names if named else choice_names(head) or names)
            more = further_header_rows(head) if named else 0
            filled = written(lambda add: _fill(lines, delimiter, header, add, aside, more), header)
            rows = Rows([filled])
    except (csv.Error, EOFError, OSError) as error:
        raise InputError(str(path), f"it is no table of text: {error}", "mend the file") from error
    finally:
        csv.field_size_limit(limit)
    if not rows:
        fix = _SAVE if _NOT_UTF8 in aside.counts else "add at least one row"
        raise InputError(str(path), f"it has no rows under its header{aside.first()}", fix)
    how = f"{_NAMES.get(delimiter, repr(delimiter))}-separated values{opening.said}"
    return rows, how + header_said(names, header, named, more), aside


def _text(path: Path, opening: Opening) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        open_binary(path), encoding=opening.encoding, errors="surrogateescape", newline=""
    )


def _marks_of(path: Path) -> str:
    tabs = any(suffix in path.name.casefold() for suffix in (".tsv", ".tab", ".txt", ".dat"))
    return _MARKS_OF_TABS if tabs else _MARKS


def _delimiter(path: Path, lines: _Lines) -> str:
    """What stands most often in the header, outside of quotes; the suffix decides a tie."""
    first = next(lines, "")
    lines.taken = ["", first]
    lines.back()
    bare = "".join(first.split('"')[::2])
    return max(_marks_of(path), key=bare.count)


def _first(lines: _Lines, delimiter: str, named: bool) -> list[str]:
    """The names of the columns, or as many blank ones as the first row has cells; it is then read again."""
    lines.taken = [""]
    cells = next(csv.reader(lines, delimiter=delimiter), [])
    if named:
        return cells
    lines.back()
    return [""] * len(cells)


def _head_of(path: Path, delimiter: str, opening: Opening) -> list[list[str]]:
    with _text(path, opening) as file:
        rows = csv.reader(islice(file, opening.lines, None), delimiter=delimiter)
        return [row for row in islice(rows, HEAD) if any(row)]


def _header(path: Path, names: list[str]) -> list[str]:
    header = column_names(names)
    if not header:
        raise InputError(str(path), "it is empty", "add a header and at least one row")
    if not _is_utf8("".join(header)):
        raise InputError(
            str(path),
            "its header is not UTF-8 text",
            _SAVE,
        )
    return header


def _fill(lines: _Lines, delimiter: str, header: list[str], add: Add, aside: Aside, skipped: int = 0) -> None:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken, first = [], lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            aside.add(
                f"line {first:,}", f"it is no row of cells ({error})", lines.taken[0] if lines.taken else ""
            )
            lines.back()
            continue
        where, shown = f"line {first:,}", "".join(lines.taken)
        if not cells or not any(cells):
            continue
        if skipped:
            skipped -= 1
            continue
        if len(cells) != len(header):
            aside.add(where, f"it has {len(cells)} cells where the header has {len(header)}", shown)
        elif any("\udc80" <= letter <= "\udcff" for letter in shown) and not _is_utf8(shown):
            aside.add(where, _NOT_UTF8, shown)
        else:
            add(cells)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
