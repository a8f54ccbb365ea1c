"""The graph's own record of a run: one that cannot be read is set aside, and the journal is gone on from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.run import _checkpointer

PAGE = 4096


def damaged_inside(path: Path) -> None:
    """A database whose head is whole and whose rows are not, as a disk leaves it that lost a page."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE held (name TEXT PRIMARY KEY, value BLOB)")
        connection.executemany("INSERT INTO held VALUES (?, ?)", [(str(n), b"x" * 500) for n in range(200)])
    connection.close()
    content = bytearray(path.read_bytes())
    content[PAGE : 6 * PAGE] = b"\xa5" * (5 * PAGE)
    path.write_bytes(content)


def no_database(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


@pytest.mark.parametrize("damage", [damaged_inside, no_database])
def test_a_record_of_the_graph_that_is_damaged_is_set_aside(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "checkpoints.sqlite"
    damage(path)
    with _checkpointer(path) as saver:
        saver.setup()
        assert list(saver.list(None)) == []
    assert path.with_suffix(".broken").is_file() and path.is_file()


def test_a_record_that_is_whole_stays(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    for _ in range(2):
        with _checkpointer(path) as saver:
            saver.setup()
    assert not path.with_suffix(".broken").exists()
