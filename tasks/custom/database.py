"""SQLite databases as tables of rows: opened for reading alone, tables with the columns of a task.

Beside a table whose columns ask and answer by their names, a database holds users, settings and migrations:
those are left out and named. Nothing of a view or a trigger is run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.custom.json_rows import MOST_ROW_BYTES, rows_of
from tasks.custom.tables import Aside, Rows, Table, part_of
from tasks.errors import InputError
from tasks.formats.detect import GUESSED, detect

SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3")
LEAST_ROWS = 10
"""Rows from which a table beside a longer one is one of data."""
MOST_ROWS = 2_000_000
_SAMPLE = 200
_MAGIC = b"SQLite format 3\x00"
_OWN = "sqlite_"
"""Beginning of the names of SQLite's own tables."""
_SHADOW = ("_data", "_idx", "_content", "_docsize", "_config", "_segments", "_segdir", "_stat")
"""Ends of the names of tables that a search index of SQLite keeps its own things in."""


def read_database(path: Path, name: str) -> tuple[Table, ...]:
    """A table for each of the database's tables of data, one alone under ``name``, several as ``name/table``.

    Raises InputError where the file is no SQLite database, is damaged, or no table of it is data.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(str(path), "it is no SQLite database", "export its table as .csv")
    try:
        with closing(_opened(path)) as connection:
            read = {table: _read(connection, table) for table in _tables(connection)}
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        wrong = f"it cannot be read: {' '.join(str(error).split())[:200]}"
        raise InputError(str(path), wrong, "check the file, or export its table as .csv") from error
    read = {table: held for table, held in read.items() if len(held[0])}
    kept = _kept({table: rows for table, (rows, _) in read.items()}, path)
    left = [table for table in read if table not in kept]
    tables: list[Table] = []
    for table in kept:
        rows, aside = read[table]
        said = f" (not read: {', '.join(map(repr, left))})" if left and not tables else ""
        called = name if len(kept) == 1 else f"{name}/{table.replace('/', '-')}"
        split = table if len(kept) > 1 and part_of(table) else ""
        how = f"the table {table!r} of an SQLite database{said}"
        tables.append(Table(called, rows, str(path), how, tuple(aside.kept), dict(aside.counts), split))
    return tuple(tables)


def read_one_table(path: Path, name: str) -> Table:
    """The database as one table. Raises InputError as ``read_database``, and where several are data."""
    first, *others = read_database(path, name)
    if others:
        shown = ", ".join(table.name.rpartition("/")[2] for table in (first, *others))
        raise InputError(str(path), f"it has several tables of rows ({shown[:120]})", _export(path))
    return first


def _export(path: Path) -> str:
    return f"export one, such as by `sqlite3 -csv -header {path.name} 'select * from TABLE' > rows.csv`"


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that cannot write: neither to the file nor, as it is immutable, beside it."""
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        raise InputError(
            str(path),
            f"rows of it are still in {log.name}",
            "close the program that uses it, or export a table",
        )
    connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    connection.execute("pragma trusted_schema = off")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_ROW_BYTES)
    connection.text_factory = lambda held: held.decode("utf-8", "replace")
    return connection


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Names of the tables that hold rows themselves: no views, no search indexes, none of SQLite's own."""
    found = connection.execute(
        "select name, coalesce(sql, '') from sqlite_master where type = 'table'"
    ).fetchall()
    virtual = [name for name, sql in found if sql.lstrip().casefold().startswith("create virtual")]
    shadows = {f"{name}{end}" for name in virtual for end in _SHADOW}
    return sorted(
        name for name, _ in found if not name.startswith(_OWN) and name not in shadows and name not in virtual
    )


def _read(connection: sqlite3.Connection, table: str) -> tuple[Rows, Aside]:
    aside = Aside()
    return rows_of(_cells(connection, table, aside), aside), aside


def _cells(connection: sqlite3.Connection, table: str, aside: Aside) -> Iterator[tuple[str, dict[str, Any]]]:
    quoted = '"' + table.replace('"', '""') + '"'
    found = connection.execute(f"select * from {quoted} limit {MOST_ROWS}")
    names = [str(column[0]) for column in found.description]
    for number, cells in enumerate(found, 1):
        held = dict(zip(names, cells, strict=True))
        # A picture or a vector is no text; beside it the row may still be one.
        yield (
            f"row {number:,}",
            {name: None if isinstance(cell, bytes) else cell for name, cell in held.items()},
        )


def _kept(read: dict[str, Rows], path: Path) -> tuple[str, ...]:
    """The tables of data: those whose columns speak for themselves, else the only one with enough rows."""
    longest = max(map(len, read.values()), default=0)
    enough = {table: rows for table, rows in read.items() if len(rows) >= min(LEAST_ROWS, longest)}
    speaking = [table for table, rows in enough.items() if detect(rows[:_SAMPLE]).name not in GUESSED]
    if speaking or len(enough) == 1:
        return tuple(speaking or enough)
    held = ", ".join(f"{table} ({len(rows):,} rows)" for table, rows in list(read.items())[:6])
    wrong = (
        f"it is not clear which of its tables to read: {held}" if enough else "none of its tables has rows"
    )
    raise InputError(str(path), wrong, _export(path))
