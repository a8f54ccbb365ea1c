"""Opening of a table of text: its encoding, and the lines before its header that are no row.

Spreadsheets write ``sep=;`` first, exporters a remark or a title; Excel saves as Windows-1252 unless told
otherwise. What is taken for such is said.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tasks.custom.table_header import HEAD, MOST_OPENING, lines_before_header, opening_said
from tasks.custom.text_files import open_binary

_LOOKED_AT = 4_000_000
"""Bytes in which letters of another encoding are looked for."""
_LEAST_LETTERS = 3
_SEPARATED = re.compile(r'"?sep=(?P<mark>.)"?\s*', re.IGNORECASE)
_RUN = re.compile(rb"[\x80-\xff]+")
_MARKS = frozenset(
    "\u20ac\u201a\u201e\u2026\u2018\u2019\u201c\u201d\u2013\u2014\u2022\u00a0\u00a1\u00a3\u00a7\u00a9\u00ab\u00ae"
    "\u00b0\u00b1\u00b2\u00b3\u00b4\u00b5\u00b7\u00ba\u00aa\u00bb\u00bc\u00bd\u00be\u00bf\u00d7\u2030\u2122"
)
"""Signs of Windows-1252 that texts use."""


@dataclass(frozen=True)
class Opening:
    """How the reading of a table begins."""

    encoding: str = "utf-8-sig"
    lines: int = 0
    """Lines before the header."""
    delimiter: str = ""
    """As the file itself states it; "" where it does not."""

    @property
    def said(self) -> str:
        """What is to be told of it; "" where there is nothing."""
        told = ["read as Windows-1252, as it is not UTF-8"] if self.encoding == "cp1252" else []
        told += filter(None, [opening_said(self.lines)])
        return f" ({'; '.join(told)})" if told else ""


def opening_of(path: Path, delimiters: str) -> Opening:
    """Look at the first lines, and at the bytes that are no ASCII; ``delimiters`` may part cells."""
    encoding = _encoding(path)
    with open_binary(path) as file:
        head = [line.decode("utf-8" if encoding != "cp1252" else encoding, "replace").lstrip("\ufeff")
                for line in islice(file, MOST_OPENING + HEAD)]  # fmt: skip
    if head and (stated := _SEPARATED.fullmatch(head[0])):
        return Opening(encoding, 1, stated["mark"])
    return Opening(encoding, lines_before_header([_cells(line, delimiters) for line in head]))


def _encoding(path: Path) -> str:
    """Windows-1252 where the bytes that are no ASCII are its letters, one or two in a row, and no UTF-8."""
    with open_binary(path) as file:
        content = file.read(_LOOKED_AT)
    runs = _RUN.findall(content)
    if len(runs) < _LEAST_LETTERS or any(map(_is_utf8, runs)):
        return "utf-8-sig"
    for run in runs:
        text = run.decode("cp1252", "replace")
        if len(run) > 2 or not all(char in _MARKS or _is_letter(char) for char in text):
            return "utf-8-sig"
    return "cp1252"


def _is_letter(char: str) -> bool:
    return "\u00c0" <= char <= "\u0178" and char.isalpha()


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True


def _cells(line: str, delimiters: str) -> list[str]:
    mark = max(delimiters, key="".join(line.split('"')[::2]).count)
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []
