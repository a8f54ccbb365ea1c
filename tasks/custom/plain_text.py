"""Tables kept as ``.txt``: lines of tab-parted cells or of JSON objects, under a suffix that says neither."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from tasks.custom.text_files import open_text
from tasks.errors import InputError

SUFFIXES = (".txt", ".txt.gz", ".dat")
LEAST_LINES = 5
_LOOKED_AT = 60
NEARLY_ALL = 0.95


def table_suffix(path: Path) -> str:
    """The suffix that a text file's lines deserve, ``.tsv`` or ``.jsonl``; "" where they are prose."""
    if not path.name.casefold().endswith(SUFFIXES):
        return ""
    try:
        with open_text(path) as file:
            lines = [line for line in islice(file, _LOOKED_AT) if line.strip()]
    except (OSError, EOFError, InputError):
        return ""
    if len(lines) < LEAST_LINES:
        return ""
    if all(map(_is_object, lines)):
        return ".jsonl"
    tabs = [line.count("\t") for line in lines]
    most = max(tabs, key=tabs.count)
    return ".tsv" if most and tabs.count(most) >= NEARLY_ALL * len(tabs) else ""


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
