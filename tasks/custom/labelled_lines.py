"""Lines that begin with their labels, as fastText takes them: ``__label__spam __label__urgent the text``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, Rows
from tasks.custom.text_files import open_text
from tasks.errors import InputError

PREFIX = "__label__"
LEAST_LINES = 5
_LABELS = re.compile(rf"\s*((?:{PREFIX}\S+[\s,]+)+)")
NEARLY_ALL = 0.9


def begin_with_labels(lines: Sequence[str]) -> bool:
    """Whether lines without blank ones are labels and texts; one without a label may stand among many."""
    labelled = sum(line.lstrip().startswith(PREFIX) for line in lines)
    return len(lines) >= LEAST_LINES and labelled >= NEARLY_ALL * len(lines)


def read_labelled_lines(path: Path) -> tuple[Rows, str, Aside]:
    """(rows of ``text`` and ``label``, how it was read, what was set aside).

    ``label`` is a list in all rows where one row has several. Raises InputError where the file holds no row.
    """
    aside, found = Aside(), list[tuple[str, str, list[str]]]()
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where, labels = f"line {number:,}", _LABELS.match(line)
            text = line[labels.end() :].strip() if labels else ""
            if labels is None or not text:
                aside.add(where, f"it has no text after {PREFIX}" if labels else f"it has no {PREFIX}", line)
            else:
                found.append((where, text, re.findall(rf"{PREFIX}([^\s,]+)", labels.group())))
    several = any(len(labels) > 1 for _, _, labels in found)
    rows = rows_of(((where, _row(text, labels, several)) for where, text, labels in found), aside)
    if not len(rows):
        raise InputError(
            str(path), f"it has no rows{aside.first()}", f"write lines as `{PREFIX}name the text`"
        )
    return rows, f"lines that begin with {PREFIX}", aside


def _row(text: str, labels: list[str], several: bool) -> dict[str, Any]:
    return {"text": text, "labels": labels} if several else {"text": text, "label": labels[0]}
