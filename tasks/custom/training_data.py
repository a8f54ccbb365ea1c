"""Training data of a task folder: ``train``, ``sources`` and ``replay`` of ``task.toml``, as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tasks.custom.files import SUFFIXES, read_path
from tasks.custom.hub_id import HubId, hub_id
from tasks.custom.links import refuse_link_out
from tasks.custom.tables import Data, Table
from tasks.custom.task_file import TaskFile
from tasks.errors import InputError

Fetch = Callable[[HubId], Data]
"""Reads a data set of the Hub."""


def training_data(folder: Path, task: TaskFile, fetch: Fetch | None) -> Data:
    """Everything that the folder trains on, each table under a name of its own.

    Raises:
        InputError: there is nothing, a source cannot be read, or two have the same name.
    """
    own = _own(folder)
    if own is None and not task.sources:
        raise InputError(
            str(folder / "train"), "there are no training rows", "add train/ with at least one file of rows"
        )
    parts = [] if own is None else [read_path(own)]
    parts += [_named(folder, source, fetch) for source in task.sources]
    tables = tuple(table for part in parts for table in part.tables)
    names = [table.name for table in tables]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise InputError(
            str(folder / "task.toml"), f"two sources are called {twice!r}", "rename or drop one of them"
        )
    passed_over = tuple(item for part in parts for item in part.passed_over)
    return Data(tables, passed_over, tuple(note for part in parts for note in part.notes))


def replay_data(folder: Path, task: TaskFile, fetch: Fetch | None) -> Data:
    """What ``replay`` in ``task.toml`` names, as tables.

    Raises:
        InputError: a source of it cannot be read.
    """
    parts = [_named(folder, source, fetch) for source in task.replay]
    notes = tuple(note for part in parts for note in part.notes)
    passed_over = tuple(item for part in parts for item in part.passed_over)
    return Data(tuple(table for part in parts for table in part.tables), passed_over, notes)


def _own(folder: Path) -> Path | None:
    if (folder / "train").is_dir():
        return refuse_link_out(folder / "train", folder)
    files = (folder / f"train{suffix}" for suffix in SUFFIXES)
    return next((refuse_link_out(path, folder) for path in files if path.is_file()), None)


def _named(folder: Path, source: str, fetch: Fetch | None) -> Data:
    """What one line of ``sources`` names; its validation and test only where they are chosen."""
    path = folder / Path(source).expanduser()
    if path.exists():
        if not _said_outside(source):
            refuse_link_out(path, folder)
        stem, data = path.name.partition(".")[0], read_path(path)
        chosen = path.is_file() and len(data.tables) == 1
    else:
        asked = hub_id(source)
        if asked is None:
            wrong = f"the source {source!r} is no file or folder, and no Hub id"
            fix = "write a path from the folder, or ORG/NAME:CONFIG:SPLIT"
            raise InputError(str(folder / "task.toml"), wrong, fix)
        if fetch is None:
            raise InputError(source, "it is on the Hub, which is not asked here", "download it to a file")
        stem, data, chosen = asked.name, fetch(asked), bool(asked.splits)
    kept = [table for table in data.tables if chosen or table.part == "train"] or list(data.tables)
    left = [table.name for table in data.tables if table not in kept]
    notes = (*data.notes, *([f"{source}: not trained on: {', '.join(left)}"] if left else []))
    return replace(data, tables=tuple(_under(stem, table, len(kept)) for table in kept), notes=notes)


def _said_outside(source: str) -> bool:
    """Whether the owner's own words lead out of the folder, and no link does."""
    path = Path(source).expanduser()
    return path.is_absolute() or ".." in path.parts


def _under(stem: str, table: Table, tables: int) -> Table:
    """The table under the source's name."""
    return replace(table, name=stem if tables == 1 else f"{stem}/{table.name}")
