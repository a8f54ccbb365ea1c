"""Files, folders and data set directories as tables of rows, whatever their format.

Nothing is passed over in silence: a file that is not read is named with the reason, and so is each row.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.custom.archives import is_archive, read_archive
from tasks.custom.arrow_rows import check_places, read_arrow, readable
from tasks.custom.csv_rows import read_csv
from tasks.custom.database import SUFFIXES as DATABASES
from tasks.custom.database import read_database, read_one_table
from tasks.custom.dataset_info import as_declared
from tasks.custom.joined_tables import joined
from tasks.custom.json_rows import read_json, read_list, split_lists
from tasks.custom.links import LEAVES
from tasks.custom.other_files import READERS
from tasks.custom.plain_text import TAGGED, table_suffix
from tasks.custom.spreadsheets import read_one_sheet, read_spreadsheet
from tasks.custom.stem_texts import with_texts, without_pairs
from tasks.custom.tables import Aside, Data, PassedOver, Rows, Table
from tasks.custom.tagged_words import starts_with_tagged_words
from tasks.custom.text_folders import text_tables
from tasks.custom.workbook import SUFFIXES as _SHEETS
from tasks.errors import InputError
from tasks.formats.detect import GUESSED, detect

_JSON = (".jsonl", ".json", ".ndjson", ".jsonl.gz", ".json.gz", ".ndjson.gz")
_CSV = (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz")
_ARROW = (".parquet", ".arrow", ".feather")
SUFFIXES = (*_JSON, *_CSV, *_ARROW, *_SHEETS, *READERS, *DATABASES)
_OTHERS = {
    ".md": "a text for people", ".txt": "plain text: put each document in a row", ".pdf": "a document",
    ".numbers": "a spreadsheet of Numbers: export it as .xlsx",
    ".gsheet": "a link to a spreadsheet on the web: download that as .xlsx",
    **dict.fromkeys((".zip", ".tar", ".tgz"), "an archive: give it by itself, or unpack it"),
    **dict.fromkeys((".7z", ".rar"), "an archive: unpack it"),
    ".bz2": "compressed: unpack it, or use gzip", ".xz": "compressed: unpack it, or use gzip",
    ".zst": "compressed: unpack it, or use gzip", ".ipynb": "a notebook",
    ".png": "an image", ".jpg": "an image", ".jpeg": "an image", ".py": "a program",
    **dict.fromkeys((".libsvm", ".svm", ".svmlight"), "a table of numbered features, without any text"),
    ".pkl": "a pickle, which can run code: save it as .parquet",
}  # fmt: skip
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_MOST_FILES = 10_000
_LEAST_TABLE = 10
"""Rows from which a file beside others is a table, and ..."""
_DESCRIBING = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_SAMPLE = 200
_MOST_SETTINGS = 2
"""... objects up to which another may be settings."""


def read_path(source: str | Path) -> Data:
    """The tables of a file, a folder of files, or a directory of ``datasets.save_to_disk``.

    Raises InputError where nothing can be read.
    """
    path = Path(source)
    if is_archive(path) and path.is_file():
        return read_archive(path, _read)
    return _read(path)


def _read(path: Path) -> Data:
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise InputError(str(path), "there is no such file or folder", "give a file, a folder or a Hub id")
    read = as_declared({table.name: table for table in read_tables(path)}, path.parent)
    return Data(tuple(read.values()))


def read_tables(path: Path) -> tuple[Table, ...]:
    """The tables of one file: one, or one for each split of a JSON object or sheet of rows of a spreadsheet.

    Raises InputError as ``read_file`` does.
    """
    if _suffix(path) in _SHEETS and path.stat().st_size:
        with _one_line_for(path):
            return read_spreadsheet(path, _stem(path))
    if _suffix(path) in DATABASES and path.stat().st_size:
        with _one_line_for(path):
            return read_database(path, _stem(path))
    splits = split_lists(path) if _suffix(path) in _JSON and path.stat().st_size else ()
    if not splits:
        return (read_file(path),)
    made = []
    for split in splits:
        rows, aside = read_list(path, split)
        where = f"{_stem(path)}/{split}"
        how = f"the list {split!r} of a JSON object"
        made.append(Table(where, rows, str(path), how, tuple(aside.kept), dict(aside.counts), split))
    return tuple(made)


def read_file(path: Path, name: str = "") -> Table:
    """One file as a table. Raises InputError where it cannot be read, holds no row, or sheets that differ."""
    own = _suffix(path)
    suffix = own or table_suffix(path)
    if suffix in _CSV and path.is_file() and starts_with_tagged_words(path):
        suffix = TAGGED
    if suffix not in SUFFIXES:
        raise InputError(str(path), _reason(path), f"use {', '.join(SUFFIXES)}")
    if path.stat().st_size == 0:
        raise InputError(str(path), "it is empty", "add at least one row")
    called = name or (_stem(path) if own else path.stem)
    with _one_line_for(path):
        if suffix in _SHEETS:
            return read_one_sheet(path, called)
        if suffix in DATABASES:
            return read_one_table(path, called)
        given = read_json if suffix in _JSON else read_csv if suffix in _CSV else read_arrow
        rows, how, aside = READERS.get(suffix, given)(path)
    return Table(called, rows, str(path), how, tuple(aside.kept), dict(aside.counts))


@contextmanager
def _one_line_for(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(str(path), f"it cannot be read: {_one_line(error)}", "check the file") from error


def why_not_read(name: str) -> str:
    """Why a file of that name is not read; empty where it is."""
    path = Path(name)
    return "" if _suffix(path) else _reason(path)


def read_splits(
    files: Mapping[str, Sequence[tuple[str, Path]]], source: str, passed_over: Sequence[PassedOver] = ()
) -> Data:
    """Tables of known splits: split -> (name, path) of its files, one table where the columns agree.

    Raises InputError, naming ``source``, where nothing can be read.
    """
    tables: list[Table] = []
    passed = list(passed_over)
    for split, named in files.items():
        own: list[Table] = []
        for name, path in named:
            try:
                table = replace(read_file(path, split if not own else f"{split}/{name}"), split=split)
            except InputError as error:
                passed.append(PassedOver(name, error.wrong))
                continue
            fits = bool(own) and own[0].rows.columns == table.rows.columns
            joined = _with(own[0], table) if fits else None
            own = [joined, *own[1:]] if joined else [*own, table]
        tables += own
    if not tables:
        raise InputError(source, f"no file of it could be read ({_seen(passed)})", "choose other data")
    return Data(tuple(tables), tuple(passed))


def _seen(passed: Sequence[PassedOver]) -> str:
    return "; ".join(f"{item.path}: {item.reason}" for item in passed[:5])


def _suffix(path: Path) -> str:
    lower = path.name.casefold()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if lower.endswith(suffix)), "")


def _stem(path: Path) -> str:
    return path.name[: len(path.name) - len(_suffix(path))]


def _reason(path: Path) -> str:
    kind = path.suffix.casefold()
    return _OTHERS.get(kind, f"{kind or 'a file without a suffix'} is no format of rows that is read")


def _one_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return " ".join(str(cause).split())[:200]


def _read_folder(folder: Path) -> Data:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return _read_saved(folder)
    tables: dict[str, Table] = {}
    passed: list[PassedOver] = []
    fixes: list[str] = []
    files = _files(folder, passed)
    for path in files:
        name = str(path.relative_to(folder))
        if path.name in _DESCRIBING:
            passed.append(PassedOver(name, "a description of a data set"))
            continue
        try:
            if not _suffix(path):
                raise InputError(str(path), _reason(path), "")
            read = read_tables(path)
        except InputError as error:
            passed.append(PassedOver(name, error.wrong))
            fixes.append(error.fix if _suffix(path) else "")
            continue
        for table in read:
            _join(tables, table, name)
    if not tables and (made := text_tables(folder, files, frozenset([*_OTHERS, *SUFFIXES]))).tables:
        kept = [item for item in passed if folder / item.path not in made.used]
        unlabelled = [
            PassedOver(str(p.relative_to(folder)), "texts without a label") for p in made.unlabelled
        ]
        kept = [item for item in kept if not any(p in (folder / item.path).parents for p in made.unlabelled)]
        return Data(made.tables, (*kept, *unlabelled))
    if not tables:  # beside others, a text of cells may be a vocabulary, or names of labels
        for path in [path for path in files if table_suffix(path)]:
            name = str(path.relative_to(folder))
            _join(tables, read_file(path), name)
            passed = [item for item in passed if item.path != name]
    if not tables:
        seen = _seen(passed) or "it is empty"
        fix = next(filter(None, fixes), "add a data file")
        raise InputError(str(folder), f"no file in it could be read ({seen})", fix)
    _pass_over_settings(tables, passed)
    tables = with_texts(as_declared(tables, folder), files)
    passed = without_pairs(passed, folder, tables)
    return Data(joined(_one_row_files(tables, folder)), tuple(passed))


def _pass_over_settings(tables: dict[str, Table], passed: list[PassedOver]) -> None:
    """Leave out lone objects (``config.json``) beside a table whose columns are all others.

    So, too, lists in YAML, TOML and XML, however long, that no column's name makes rows of a task.
    """
    rows = [table for table in tables.values() if len(table.rows) >= _LEAST_TABLE]
    _leave_out(tables, passed, rows, _is_lone)
    _leave_out(tables, passed, [table for table in rows if not _is_of_a_tool(table)], _is_of_a_tool)


def _leave_out(
    tables: dict[str, Table],
    passed: list[PassedOver],
    beside: Sequence[Table],
    may_be: Callable[[Table], bool],
) -> None:
    held = {name.casefold() for table in beside for name in table.rows[0]}
    for name, table in list(tables.items()) if beside else ():
        if may_be(table) and table not in beside:
            others = not any(held & {column.casefold() for column in row} for row in table.rows[:_SAMPLE])
            if others and detect(table.rows[:_SAMPLE]).name in GUESSED:
                del tables[name]
                passed.append(PassedOver(name, "settings: its columns are none of the other files'"))


def _is_lone(table: Table) -> bool:
    few = len(table.rows) <= _MOST_SETTINGS and not table.set_aside
    return few and table.path.casefold().endswith((".json", ".jsonl"))


def _is_of_a_tool(table: Table) -> bool:
    return table.path.casefold().endswith(tuple(READERS))


def _one_row_files(tables: dict[str, Table], folder: Path) -> tuple[Table, ...]:
    """The tables, where files of one row each, of the same folder and columns, are rows of one table."""
    alike: dict[tuple[str, frozenset[str]], list[str]] = {}
    for name, table in tables.items():
        if len(table.rows) == 1 and not table.set_aside:
            alike.setdefault((name.rpartition("/")[0], frozenset(table.rows[0])), []).append(name)
    kept = dict(tables)
    for (inside, _), names in alike.items():
        rows = tables[names[0]].rows
        for name in names[1:]:
            rows = rows.joined(tables.pop(name).rows) or rows
        if len(rows) == len(names) > 1:
            kept = {name: table for name, table in kept.items() if name not in names[1:]}
            shown = inside or folder.resolve().name
            if any(table.name == shown for table in kept.values()):
                shown = names[0]
            where = str(folder / inside)
            kept[names[0]] = Table(shown, rows, where, f"{len(names):,} files of one row each")
    return tuple(kept.values())


def _files(folder: Path, passed: list[PassedOver]) -> list[Path]:
    """Regular files below the folder in order; hidden ones and links out of it are passed over by name."""
    root, found, real = folder.resolve(), list[Path](), dict[Path, Path]()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            if len(name.parts) == 1 or not name.parts[-2].startswith("."):
                passed.append(PassedOver(str(name), "hidden"))
        elif not path.resolve().is_relative_to(root):
            passed.append(PassedOver(str(name), LEAVES))
        elif path.is_file():
            first = real.setdefault(path.resolve(), name)
            if first != name:
                passed.append(PassedOver(str(name), f"the same file as {first}"))
                continue
            found.append(path)
        elif not path.is_dir():
            passed.append(PassedOver(str(name), "not a regular file"))
    if len(found) > _MOST_FILES:
        raise InputError(str(folder), f"it holds {len(found):,} files", f"give at most {_MOST_FILES:,}")
    return found


def _join(tables: dict[str, Table], table: Table, path: str) -> None:
    """The table under a name of its own; the shards of one table (``-00000-of-00002``) become one."""
    folder = path.rpartition("/")[0]
    base = "/".join(part for part in (folder, _SHARD.sub("", table.name)) if part)
    before = tables.get(base)
    if before is None:
        tables[base] = replace(table, name=base)
        return
    joined = _with(before, table) if _SHARD.search(table.name) else None
    if joined is None:
        name = path if path not in tables else f"{path}/{table.name}"
        tables[name] = replace(table, name=name)
        return
    tables[base] = joined


def _with(before: Table, table: Table) -> Table | None:
    """Both as one table under the first's name; None where their rows cannot be joined."""
    joined = before.rows.joined(table.rows)
    if joined is None:
        return None
    counts = dict(before.set_aside_counts)
    for reason, count in table.set_aside_counts.items():
        counts[reason] = counts.get(reason, 0) + count
    asides = (*before.set_aside, *table.set_aside)
    return replace(before, rows=joined, set_aside=asides, set_aside_counts=counts)


def _read_saved(folder: Path) -> Data:
    from datasets import Dataset, load_from_disk
    from pyarrow.lib import ArrowException

    try:
        loaded = load_from_disk(str(folder))
        for part in [loaded] if isinstance(loaded, Dataset) else loaded.values():
            check_places(part.data.table)
    except (ArrowException, ValueError, KeyError, OSError) as error:
        raise InputError(str(folder), f"it is damaged: {_one_line(error)}", "save it again") from error
    parts = {folder.name: loaded} if isinstance(loaded, Dataset) else dict(loaded)
    made = [_saved_table(name, part, folder) for name, part in parts.items()]
    tables = tuple(table for table in made if len(table.rows))
    empty = tuple(PassedOver(table.name, _why_empty(table)) for table in made if not len(table.rows))
    if not tables:
        raise InputError(str(folder), empty[0].reason if empty else "it has no rows", "add at least one row")
    return Data(tables, empty)


def _saved_table(name: str, part: Any, folder: Path) -> Table:
    aside = Aside()
    rows = Rows([readable(part, aside)])
    return Table(name, rows, str(folder), "a data set saved to disk", tuple(aside.kept), dict(aside.counts))


def _why_empty(table: Table) -> str:
    first = table.set_aside[0] if table.set_aside else None
    return f"none of its rows can be read; {first.where}: {first.reason}" if first else "it has no rows"
