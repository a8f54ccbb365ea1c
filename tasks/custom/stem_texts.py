"""Texts that lie beside JSON files of their names (``7.txt``, ``7.json``): a row is what both say.

Read alone, the JSON files would make a table of answers that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, PassedOver, Table
from tasks.custom.text_folders import text_of_file

TEXT = "text"
SUFFIXES = (".txt", ".md")
LEAST_PAIRS = 4
NEARLY_ALL = 0.9
"""Share of the JSON files of one object that have a text beside them."""
_MOST_BYTES = 16_000_000


def with_texts(tables: Mapping[str, Table], files: Sequence[Path]) -> dict[str, Table]:
    """The tables, in which objects with a text beside their files are one table for each folder of them."""
    held, made = frozenset(files), dict(tables)
    lone = [name for name, table in tables.items() if _is_lone(table)]
    for folder in sorted({Path(tables[name].path).parent for name in lone}):
        names = [name for name in lone if Path(tables[name].path).parent == folder]
        texts = {name: text for name in names if (text := _beside(Path(tables[name].path), held))}
        if len(texts) < max(LEAST_PAIRS, NEARLY_ALL * len(names)):
            continue
        aside = Aside()
        rows = rows_of(_rows([(tables[name], texts[name]) for name in texts]), aside)
        for name in names:
            del made[name]
        first = names[0].rpartition("/")[0] or folder.name
        how = f"{len(texts):,} JSON files, each with the text beside it"
        made[first] = Table(first, rows, str(folder), how, tuple(aside.kept), dict(aside.counts))
    return made


def without_pairs(
    passed: Sequence[PassedOver], folder: Path, tables: Mapping[str, Table]
) -> list[PassedOver]:
    """What was passed over, without the texts that were read after all; those left alone are said so."""
    read = {Path(table.path) for table in tables.values() if table.reader.endswith("the text beside it")}
    kept = []
    for item in passed:
        path = folder / item.path
        if path.parent not in read or path.suffix.casefold() not in SUFFIXES:
            kept.append(item)
        elif not path.with_suffix(".json").is_file():
            kept.append(PassedOver(item.path, "a text without a JSON file beside it"))
    return kept


def _is_lone(table: Table) -> bool:
    lone = len(table.rows) == 1 and not table.set_aside and table.path.casefold().endswith(".json")
    return lone and TEXT not in table.rows[0]


def _beside(path: Path, files: frozenset[Path]) -> Path | None:
    found = (path.with_suffix(suffix) for suffix in SUFFIXES)
    return next((text for text in found if text in files and text.stat().st_size <= _MOST_BYTES), None)


def _rows(pairs: Sequence[tuple[Table, Path]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for table, text in pairs:
        row = table.rows[0]
        beside = {name: value for name, value in row.items() if value not in (text.name, text.stem)}
        yield text.name, {TEXT: text_of_file(text), **beside}
