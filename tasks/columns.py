"""Columns of a raw row, and paths to the values nested in them.

Real rows nest: a list of messages, a dictionary, JSON kept as a string. A path
names the way with dots: ``answer``, ``messages.0.content``, ``meta.reference``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tasks.base import Row

_PLACE = re.compile(r"-?\d{1,9}")
"""A step into a list."""


def opened(value: Any) -> Any:
    """``value``, or what it holds when it is a JSON object or list kept as a string."""
    if isinstance(value, str) and value[:1] in "{[" and len(value) < 1_000_000:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def value_at(row: Row, path: str) -> Any:
    """The value at ``path`` as it is; None when there is none.

    A column whose name contains a dot is found before the dot is read as a step.
    """
    value: Any = row.get(path)
    if path not in row:
        value = row
        for step in path.split("."):
            value = opened(value)
            if isinstance(value, list) and _PLACE.fullmatch(step):
                value = value[int(step)] if -len(value) <= int(step) < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) or value is row else None
    return value


def pluck(row: Row, path: str) -> str | None:
    """The text at ``path``; None when there is none, as for NaN in an exported table. A container becomes
    JSON text."""
    value = value_at(row, path)
    if value is None or (isinstance(value, float) and value != value):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def paths(row: Row) -> tuple[str, ...]:
    """Every path of a row that leads to a plain value, in the order of the columns."""
    found: list[str] = []

    def walk(prefix: str, value: Any, depth: int) -> None:
        inside = opened(value) if depth < 4 else value
        if isinstance(inside, dict):
            for key, part in inside.items():
                walk(f"{prefix}.{key}", part, depth + 1)
        elif isinstance(inside, list) and inside and isinstance(inside[0], dict):
            for index, part in enumerate(inside[:4]):
                walk(f"{prefix}.{index}", part, depth + 1)
        else:
            found.append(prefix)

    for name, value in row.items():
        walk(name, value, 0)
    return tuple(found)
