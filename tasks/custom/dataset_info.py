"""``dataset_info.json`` beside data files, as LLaMA-Factory keeps it: what the columns of each file are for.

    {"shop": {"file_name": "shop.json", "columns": {"prompt": "frage", "response": "antwort"}}}

What the owner wrote there comes before any guess. Entries without a file in the folder are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.base import Row
from tasks.custom.json_rows import rows_of
from tasks.custom.links import leaves
from tasks.custom.tables import Aside, Table
from tasks.custom.text_files import open_text
from tasks.errors import InputError
from tasks.formats.values import opened

NAME = "dataset_info.json"
_MOST_CHARACTERS = 4_000_000
_OURS = {
    "prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system",
    "tools": "tools", "messages": "conversations", "chosen": "chosen", "rejected": "rejected",
    "kto_tag": "kto_tag",
}  # fmt: skip
"""What a column is for in LLaMA-Factory -> the name under which rows have it here."""
_SPEAKERS = {"user_tag": "human", "assistant_tag": "gpt", "system_tag": "system",
             "observation_tag": "observation", "function_tag": "function_call"}  # fmt: skip


def as_declared(tables: Mapping[str, Table], folder: Path) -> dict[str, Table]:
    """The tables; columns of those that the folder's ``dataset_info.json`` describes are named as it says."""
    entries = _entries(folder / NAME)
    made = dict(tables)
    for name, table in tables.items():
        path = Path(table.path)
        entry = entries.get(str(path.relative_to(folder))) if path.is_relative_to(folder) else None
        if entry is not None and (columns := _columns(entry, table)):
            aside = Aside()
            rows = rows_of(_rows(table, columns, entry), aside)
            made[name] = replace(table, rows=rows, reader=f"{table.reader}, its columns as {NAME} says")
    return made


def _entries(path: Path) -> dict[str, Mapping[str, Any]]:
    """Entries by the file that they describe; none where there is no such file, or it is something else."""
    if not path.is_file() or leaves(path, path.parent):
        return {}
    try:
        with open_text(path) as file:
            held = json.loads(file.read(_MOST_CHARACTERS))
    except (OSError, ValueError, RecursionError, InputError):
        return {}
    entries = [entry for entry in held.values() if isinstance(entry, dict)] if isinstance(held, dict) else []
    return {entry["file_name"]: entry for entry in entries if isinstance(entry.get("file_name"), str)}


def _columns(entry: Mapping[str, Any], table: Table) -> dict[str, str]:
    """Column of the file -> our name for it; empty where the entry names none that the file has."""
    named = entry.get("columns")
    held = {name for row in table.rows[:100] for name in row}
    pairs = named.items() if isinstance(named, dict) else ()
    return {
        theirs: _OURS[role]
        for role, theirs in pairs
        if role in _OURS and isinstance(theirs, str) and theirs in held
    }


def _rows(table: Table, columns: Mapping[str, str], entry: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    taken = {*columns.values()}
    tags = entry.get("tags")
    for number, row in enumerate(table.rows, 1):
        made = {columns[name]: value for name, value in row.items() if name in columns}
        made |= {name: value for name, value in row.items() if name not in columns and name not in taken}
        if "conversations" in made and isinstance(tags, dict):
            made["conversations"] = _turns(made["conversations"], tags)
        yield f"row {number:,}", made


def _turns(value: Any, tags: Mapping[str, Any]) -> Any:
    """Turns with names and keys of speakers that are known here; any other value as it is."""
    turns = opened(value)
    role, content = str(tags.get("role_tag", "from")), str(tags.get("content_tag", "value"))
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and role in turn and content in turn for turn in turns
    ):
        return value
    speakers = {str(tags[tag]): ours for tag, ours in _SPEAKERS.items() if tag in tags}
    return [{"from": speakers.get(str(turn[role]), turn[role]), "value": turn[content]} for turn in turns]
