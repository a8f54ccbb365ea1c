"""Layouts of a JSON file that is one object: where in it the rows are.

| written | read as |
|---|---|
| ``{"data": [{...}, ...]}``, also deeper (``{"nlu": {"common_examples": [...]}}``) | the list |
| ``{"questions": [{"question": ..., "answer": ...}, ...]}`` | the list, as its rows ask and answer |
| ``{"r1": {...}, "r2": {...}}`` | a row under each key |
| ``{"question": {"0": ...}, "answer": {"0": ...}}``, ``{"question": [...], "answer": [...]}`` | columns |
| ``{"columns": [...], "data": [[...], ...]}`` | columns and cells, as pandas splits them |
| ``{"greet": ["hi", ...], "bye": [...]}``, of different lengths, 40 or more in all | labels and their texts |
"""

from __future__ import annotations

from typing import Any

from tasks.custom.listed_texts import listed, texts_by_label
from tasks.formats import columns
from tasks.formats.turns import turns_in

WRAPPERS = ("data", "rows", "examples", "items", "records", "instances", "train", "common_examples")
_KEYS = ("id", "key")
"""What the key of a row is called, where the rows have no such column."""
_DEEPEST = 3
_LEAST_ROWS = 2


def rows_in(value: Any, depth: int = 0) -> tuple[list[Any] | None, str]:
    """(the rows that one object wraps, what its owner is to know of them); None where it is one row."""
    if not isinstance(value, dict):
        return None, ""
    held = {name: part for name, part in value.items() if isinstance(part, list) and _has_row(part)}
    if name := next((name for name in WRAPPERS if name in held), ""):
        beside = ", ".join(f"{other!r} ({len(part):,})" for other, part in held.items() if other != name)
        return held[name], f", of which {name!r} is read and not {beside}" if beside else ""
    for found in (_split(value), _columns(value)):
        if found is not None:
            return found, ""
    if len(held) == 1 and (name := next(iter(held))) and (_ask_and_answer(held[name]) or listed(held[name])):
        return held[name], f", of which {name!r} is read"
    if (made := texts_by_label(value)) is not None:
        return made, f", the texts of {len(value):,} labels"
    return _deeper(value, depth) if len(value) == 1 else _under_keys(value)


def _deeper(value: dict[str, Any], depth: int) -> tuple[list[Any] | None, str]:
    """The rows in the one object that an object holds."""
    ((name, inside),) = value.items()
    found, said = rows_in(inside, depth + 1) if depth < _DEEPEST else (None, "")
    return found, said or (f", of which {name!r} is read" if found is not None else "")


def _under_keys(value: dict[str, Any]) -> tuple[list[Any] | None, str]:
    parts = list(value.values())
    if len(parts) < _LEAST_ROWS or not all(isinstance(part, dict) and part for part in parts):
        return None, ""
    keys = set(parts[0])
    if all(set(part) == keys for part in parts) and keys == {str(n) for n in range(len(keys))}:
        return [{name: part[key] for name, part in value.items()} for key in parts[0]], ""
    column = next((name for name in _KEYS if all(name not in part for part in parts)), "key in the file")
    return [{column: key, **part} for key, part in value.items()], f", each under a key, its {column!r}"


def _split(value: dict[str, Any]) -> list[Any] | None:
    """Names of columns and a list of cells for each row, as ``DataFrame.to_json(orient="split")`` writes."""
    names, cells = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(cells, list) or not cells:
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in cells):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in cells]


def _columns(value: dict[str, Any]) -> list[Any] | None:
    """Columns as lists of one length, of which one asks or answers by its name and holds plain values."""
    lists = {name: part for name, part in value.items() if isinstance(part, list)}
    lengths = {len(part) for part in lists.values()}
    if len(lists) < _LEAST_ROWS or len(lists) < len(value) or len(lengths) != 1:
        return None
    names = (*columns.PROMPT, *columns.ANSWER, *columns.TEXT, *columns.LABEL)
    plain = [name for name, part in lists.items() if not any(isinstance(cell, list | dict) for cell in part)]
    if not columns.named(plain, names) or max(lengths) < _LEAST_ROWS:
        return None
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _has_row(part: list[Any]) -> bool:
    return any(isinstance(row, dict) for row in part)


def _ask_and_answer(part: list[Any]) -> bool:
    """Whether the objects of a list are rows by their columns, and no turns of one chat."""
    rows = [row for row in part if isinstance(row, dict)]
    if len(rows) < _LEAST_ROWS or turns_in(part) is not None:
        return False
    asks = columns.named(rows[0], (*columns.PROMPT, *columns.TEXT))
    return bool(asks and columns.named(rows[0], (*columns.ANSWER, *columns.LABEL, *columns.KEY), (asks,)))
