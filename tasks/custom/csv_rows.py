"""Comma- and tab-separated files as rows of text.

The reader of ``datasets`` is that of pandas: "007" becomes 7, "NA" nothing, and one row with a cell too many
fails the file or is dropped. Here a cell is the text that stands in it, and a bad row costs itself.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tasks.custom.tables import Add, Aside, Rows, written
from tasks.custom.text_files import open_binary
from tasks.errors import InputError

_MOST_CELL = 16_000_000
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}


class _Lines:
    """Lines that can be taken back, so that a quote that is never closed costs one line."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._back = lines, deque[str]()
        self.taken: list[str] = []
        self.number = 0

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
    text = io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="surrogateescape", newline="")
    limit = csv.field_size_limit(_MOST_CELL)
    aside = Aside()
    try:
        with text:
            lines = _Lines(iter(text))
            delimiter = _delimiter(path, lines)
            header = _header(path, next(csv.reader(lines, delimiter=delimiter), []))
            rows = Rows([written(lambda add: _fill(lines, delimiter, header, add, aside), header)])
    except (csv.Error, EOFError, OSError) as error:
        raise InputError(str(path), f"it is no table of text: {error}", "mend the file") from error
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise InputError(str(path), "it has no rows under its header", "add at least one row")
    return rows, f"{_NAMES[delimiter]}-separated values", aside


def _delimiter(path: Path, lines: _Lines) -> str:
    """What stands most often in the header, outside of quotes; the suffix decides a tie."""
    first = next(lines, "")
    lines.taken = ["", first]
    lines.back()
    lines.number = 0
    bare = "".join(first.split('"')[::2])
    order = "\t,;|" if ".tsv" in path.name.casefold() or ".tab" in path.name.casefold() else ",;\t|"
    return max(order, key=bare.count)


def _header(path: Path, names: list[str]) -> list[str]:
    header: list[str] = []
    for place, name in enumerate(names, 1):
        spelt = name.strip() or f"column_{place}"
        header.append(spelt if spelt not in header else f"{spelt}_{place}")
    if not header:
        raise InputError(str(path), "it is empty", "add a header and at least one row")
    return header


def _fill(lines: _Lines, delimiter: str, header: list[str], add: Add, aside: Aside) -> None:
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
        if len(cells) != len(header):
            aside.add(where, f"it has {len(cells)} cells where the header has {len(header)}", shown)
        elif any("\udc80" <= letter <= "\udcff" for letter in shown) and not _is_utf8(shown):
            aside.add(where, "it is not UTF-8 text", shown)
        else:
            add(cells)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
