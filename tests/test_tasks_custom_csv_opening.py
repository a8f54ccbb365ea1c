"""Tables that begin with lines of a spreadsheet, or in its encoding, are read and what was done is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.custom.files import read_file
from tasks.custom.tables import Table


def table(folder: Path, content: str, encoding: str = "utf-8") -> Table:
    path = folder / "t.csv"
    path.write_bytes(content.encode(encoding))
    return read_file(path)


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ("sep=;\r\n", 1),
        ("# exported by a tool\n# on Monday\n", 2),
        ("Questions of 2024;;\n", 1),
        ("\nQuestions of 2024\n\n", 3),
    ],
)
def test_what_stands_before_the_header_is_left_out_and_said(tmp_path: Path, before: str, lines: int) -> None:
    found = table(tmp_path, before + "question;answer;\nq, one;a;\nq, two;b;\n")
    assert [row["question"] for row in found.rows] == ["q, one", "q, two"]
    assert f"{lines} line{'s' if lines > 1 else ''} before the header left out" in found.reader


@pytest.mark.parametrize(
    "content",
    [
        "#id,text\n1,a\n",
        ",text\n0,a\n",
        "name,age\nx,3\n",
        "# not a remark but a name,b\n1,2\n",
        "only\nquestion\n",
    ],
)
def test_a_first_line_that_may_be_a_header_is_one(tmp_path: Path, content: str) -> None:
    found = table(tmp_path, content)
    assert len(found.rows) == 1
    assert "left out" not in found.reader


def test_the_line_of_a_bad_row_counts_what_was_left_out(tmp_path: Path) -> None:
    found = table(tmp_path, "sep=,\nquestion,answer\nq,a\nq\n")
    assert found.set_aside[0].where == "line 4"


def test_what_a_spreadsheet_writes_in_windows_1252_is_read_and_said(tmp_path: Path) -> None:
    rows = "question,answer\nGröße?,“gut”\nÄrger?,für 3 €\nPère,sí\n"
    found = table(tmp_path, rows, "cp1252")
    assert [row["answer"] for row in found.rows] == ["“gut”", "für 3 €", "sí"]
    assert "read as Windows-1252" in found.reader
    assert found.set_aside == ()


def test_another_encoding_is_not_taken_for_it(tmp_path: Path) -> None:
    rows = "question,answer\n" + "".join(f"質問{n},答え\n" for n in range(5))
    path = tmp_path / "t.csv"
    path.write_bytes(rows.encode("shift_jis") + b"plain,row\n")
    found = read_file(path)
    assert [row["question"] for row in found.rows] == ["plain"]
    assert found.set_aside_counts == {"it is not UTF-8 text": 5}
