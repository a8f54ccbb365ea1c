"""SQLite databases: tables of data are read, nothing is written, and what is left out is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.custom.files import read_path
from tasks.errors import InputError


def database(path: Path, script: str, **rows: list[tuple[object, ...]]) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        for table, held in rows.items():
            connection.executemany(f"insert into {table} values({', '.join('?' * len(held[0]))})", held)
        connection.commit()
    return path


ASKED = "create table asked(id integer primary key, question text, answer text, photo blob);"
QUESTIONS: list[tuple[object, ...]] = [
    (n, f"q{n}", None if n == 3 else f"a{n}", b"\xff\xd8") for n in range(15)
]


def test_the_table_that_asks_and_answers_is_read_and_the_others_named(tmp_path: Path) -> None:
    path = database(
        tmp_path / "shop.db",
        ASKED + "create table users(id, email); create table versions(v);"
        "create view everything as select * from asked; create virtual table found using fts5(body);",
        asked=QUESTIONS, users=[(n, f"u{n}@example.org") for n in range(20)], versions=[("1",)],
    )  # fmt: skip
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    (table,) = read_path(path).tables
    assert (table.name, len(table.rows)) == ("shop", 15)
    assert table.rows[3] == {"id": 3, "question": "q3", "answer": None, "photo": None}
    assert table.reader == "the table 'asked' of an SQLite database (not read: 'users', 'versions')"
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


def test_the_only_table_is_read_whatever_its_columns_are_called(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.sqlite", 'create table "odd ""name"(x, y)', **{'"odd ""name"': [("a", "b")] * 12}
    )
    (table,) = read_path(path).tables
    assert table.rows[0] == {"x": "a", "y": "b"}


def test_tables_named_as_parts_are_parts(tmp_path: Path) -> None:
    script = "create table train(question, answer); create table test(question, answer);"
    held: list[tuple[object, ...]] = [(f"q{n}", f"a{n}") for n in range(12)]
    tables = read_path(database(tmp_path / "a.db", script, train=held, test=held)).tables
    assert {table.name: table.part for table in tables} == {"a/test": "test", "a/train": "train"}


@pytest.mark.parametrize(
    ("script", "rows", "wrong"),
    [
        ("create table a(x, y); create table b(z, w);",
         {"a": [(1, 2)] * 20, "b": [(1, 2)] * 20}, r"which of its tables to read: a \(20 rows\), b"),
        ("create table a(x)", {}, "none of its tables has rows"),
    ],
)  # fmt: skip
def test_unclear_databases_are_refused_with_their_tables(
    tmp_path: Path, script: str, rows: dict[str, list[tuple[object, ...]]], wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong) as caught:
        read_path(database(tmp_path / "a.db", script, **rows))
    assert "sqlite3 -csv -header a.db" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no", b"SQLite format 3\x00" + bytes(200)])
def test_a_file_that_is_no_database_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.db"):
        read_path(tmp_path / "a.db")


def test_rows_that_are_not_yet_in_the_file_are_told(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", ASKED, asked=QUESTIONS)
    (tmp_path / "a.db-wal").write_bytes(b"x")
    with pytest.raises(InputError, match=r"rows of it are still in a\.db-wal"):
        read_path(path)
