"""Nested rows: objects inside a row, whose columns are those that other data has beside each other.

``{"translation": {"en": ..., "de": ...}}``, ``{"qa": {"question": ..., "answer": ...}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.values import opened

MOST_KEYS = 20
_ABOUT = columns.META | {"info", "details", "stats", "features"}


def holds_objects(rows: Sequence[Row]) -> bool:
    """Whether rows have objects that ``unnested`` opens."""
    return any(_object(name, value) for row in rows for name, value in row.items())


def unnested(row: Row) -> Row:
    """The row with its objects' columns beside its own; what is about the row (``meta``) stays closed.

    A name that is taken is written as a path, ``qa.id``.
    """
    made: dict[str, object] = {}
    for name, value in row.items():
        inside = _object(name, value)
        for key, part in inside.items():
            made[key if key not in made and key not in row else f"{name}.{key}"] = part
        if not inside:
            made[name] = value
    return made


def _object(name: str, value: object) -> dict[str, object]:
    if not isinstance(name, str) or columns.words(name) & _ABOUT:
        return {}
    inside = opened(value)
    if not isinstance(inside, Mapping) or not 0 < len(inside) <= MOST_KEYS:
        return {}
    return {str(key): part for key, part in inside.items()}
