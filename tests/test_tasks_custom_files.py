"""Files as people have them: every row is read as it was written, and a bad one costs itself."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tasks.custom.files import read_file, read_path
from tasks.custom.json_rows import MOST_ROW_BYTES
from tasks.custom.tables import Table
from tasks.errors import InputError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(path: Path) -> Table:
    (found,) = read_path(path).tables
    return found


LINES = '{"q": "a", "n": 1}\n{"q": "b", "n": 2.50}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("crlf.jsonl", LINES.replace("\n", "\r\n")),
        ("bom.jsonl", b"\xef\xbb\xbf" + LINES.encode()),
        ("utf16.jsonl", LINES.encode("utf-16")),
        ("utf16-without-mark.jsonl", LINES.encode("utf-16-le")),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("packed-under-another-name.jsonl", gzip.compress(LINES.encode(), mtime=0)),
        ("commas.jsonl", LINES.replace("}\n", "},\n")),
        ("array.jsonl", "[" + LINES.strip().replace("\n", ",\n") + "]"),
        ("brackets.json", "[\n" + LINES.strip().replace("\n", ",\n") + ",\n]\n"),
        ("one-line.json", '[{"q": "a", "n": 1}, {"q": "b", "n": 2.50}]'),
        ("lines.json", LINES),
        (
            "indented.json",
            '[\n  {\n    "q": "a",\n    "n": 1\n  },\n  {\n    "q": "b",\n    "n": 2.50\n  }\n]',
        ),
        ("indented-objects.jsonl", '{\n  "q": "a",\n  "n": 1\n}\n{\n  "q": "b",\n  "n": 2.50\n}\n'),
        ("wrapped.json", '{"version": "1", "data": [{"q": "a", "n": 1}, {"q": "b", "n": 2.50}]}'),
        ("wrapped-indented.json", '{\n "data": [\n  {"q": "a", "n": 1},\n  {"q": "b", "n": 2.50}\n ]\n}'),
        ("frame.json", '{"q": {"0": "a", "1": "b"}, "n": {"0": 1, "1": 2.50}}'),
    ],
)
def test_json_is_read_however_it_is_laid_out(tmp_path: Path, name: str, content: str | bytes) -> None:
    found = table(write(tmp_path, name, content))
    assert [row["q"] for row in found.rows] == ["a", "b"]
    assert [str(row["n"]) for row in found.rows] == ["1", "2.50"]
    assert type(found.rows[0]["n"]) is int
    assert found.set_aside == ()


def test_an_array_in_a_file_of_lines_is_said(tmp_path: Path) -> None:
    assert (
        table(write(tmp_path, "a.jsonl", '[\n {"q": 1}\n]')).reader
        == "one JSON array, though its name says lines"
    )


def test_values_of_json_keep_type_and_spelling(tmp_path: Path) -> None:
    values = [
        '"2024-05-01"',
        "7",
        "3.0",
        "5.9e-05",
        "1.10",
        '["x"]',
        '"007"',
        "123456789012345678901234567890",
        '{"a": null}',
        '"a\u2028b"',
    ]
    content = "".join(f'{{"v": {value}}}\n' for value in values)
    found = [row["v"] for row in table(write(tmp_path, "a.jsonl", content)).rows]
    assert found == [
        "2024-05-01",
        7,
        3.0,
        5.9e-05,
        1.1,
        ["x"],
        "007",
        123456789012345678901234567890,
        {"a": None},
        "a\u2028b",
    ]
    assert [str(value) for value in found[1:5]] == ["7", "3.0", "5.9e-05", "1.10"]


BAD = {
    '{"q": "half': "it is not JSON",
    "[1, 2]": "it is a JSON list, not an object",
    '{"q": "\\ud800"}': "it holds half a character (a lone surrogate)",
    '{"q": ' + "[" * 100_000 + "}": "it is nested too deeply",
    '{"q": "' + "x" * (MOST_ROW_BYTES + 5) + '"}': f"the row is longer than {MOST_ROW_BYTES:,} bytes",
}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("bad", BAD, ids=lambda text: text[:20])
def test_a_bad_row_costs_itself_wherever_it_stands(tmp_path: Path, bad: str, place: int) -> None:
    lines = ['{"q": "a"}', '{"q": "b"}']
    lines.insert(place, bad)
    found = table(write(tmp_path, "a.jsonl", "\n".join(lines)))
    assert [row["q"] for row in found.rows] == ["a", "b"]
    assert [(item.where, item.reason) for item in found.set_aside] == [(f"line {place + 1}", BAD[bad])]
    assert found.set_aside_counts == {BAD[bad]: 1}
    assert len(found.set_aside[0].excerpt) <= 120


def test_bytes_of_another_encoding_cost_their_row(tmp_path: Path) -> None:
    found = table(write(tmp_path, "a.jsonl", b'{"q": "a"}\n{"q": "caf\xe9"}\n'))
    assert len(found.rows) == 1
    assert found.set_aside_counts == {"it is not UTF-8 text": 1}


def test_a_broken_element_of_an_indented_array_costs_itself(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": name}]} for name in "abc"]
    text = json.dumps(rows, indent=1).replace('"content": "b"', '"content" "b"')
    found = table(write(tmp_path, "a.json", text))
    assert [row["messages"][0]["content"] for row in found.rows] == ["a", "c"]
    assert [item.reason for item in found.set_aside] == ["it is not JSON"]


def test_a_broken_element_of_an_array_on_one_line_costs_itself(tmp_path: Path) -> None:
    found = table(write(tmp_path, "a.json", '[{"q": "a"}, {"q": [{"x" 1}]}, {"q": "c"}]'))
    assert [row["q"] for row in found.rows] == ["a", "c"]


def test_cells_of_a_table_are_text(tmp_path: Path) -> None:
    content = 'id,label,day,n,x\n007,NA,2024-05-01,1e3,\n008,null,01/02/2024,1.0,"a\nb, ""c"""\n'
    found = table(write(tmp_path, "a.csv", content))
    assert found.rows[0] == {"id": "007", "label": "NA", "day": "2024-05-01", "n": "1e3", "x": ""}
    assert found.rows[1] == {"id": "008", "label": "null", "day": "01/02/2024", "n": "1.0", "x": 'a\nb, "c"'}


@pytest.mark.parametrize(
    ("name", "mark"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", ";"), ("b.csv.gz", ",")]
)
def test_the_separator_is_seen(tmp_path: Path, name: str, mark: str) -> None:
    content = f"q{mark}a\r\nx{mark}1\r\n".encode()
    found = table(write(tmp_path, name, gzip.compress(content) if name.endswith("gz") else content))
    assert list(found.rows) == [{"q": "x", "a": "1"}]


@pytest.mark.parametrize(
    "bad",
    ["x,1,2", "x", '"never closed,1', '"a"b,1', "caf\udce9,1"],
    ids=["long", "short", "quote", "after", "bytes"],
)
def test_a_bad_row_of_a_table_costs_itself(tmp_path: Path, bad: str) -> None:
    content = f'q,a\nfirst,1\n{bad}\n"last",2\n'.encode(errors="surrogateescape")
    found = table(write(tmp_path, "a.csv", content))
    assert [row["q"] for row in found.rows] == ["first", "last"]
    assert [item.where for item in found.set_aside] == ["line 3"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", ""), ("b.jsonl", "\n \n"), ("c.csv", "q,a\n"), ("d.json", "[]"), ("e.parquet", "no"),
     ("f.arrow", "no"), ("g.jsonl.gz", b"\x1f\x8bbroken"), ("h.xlsx", "PK"), ("i.json", "[1, 2]")],
)  # fmt: skip
def test_a_file_without_rows_is_refused_in_one_line(tmp_path: Path, name: str, content: str | bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_path(write(tmp_path, name, content))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_folder_is_read_whole_and_what_is_not_data_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    write(folder, "a.jsonl", LINES)
    write(folder, "a.csv", "q,n\nc,3\n")
    write(folder, "deep/b.json", LINES)
    write(folder, "README.md", "# Card")
    write(folder, "sheet.xlsx", b"PK")
    write(folder, "empty.jsonl", "")
    write(folder, ".cache", "x")
    write(tmp_path, "secret.jsonl", LINES)
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    found = read_path(folder)
    assert [item.name for item in found.tables] == ["a", "a.jsonl", "deep/b"]
    reasons = {item.path: item.reason for item in found.passed_over}
    assert reasons == {
        ".cache": "hidden",
        "README.md": "a text for people",
        "sheet.xlsx": "it is text under the name of a spreadsheet",
        "empty.jsonl": "it is empty",
        "link.jsonl": "a link that leaves the folder",
    }


def test_rows_are_a_lazy_sequence_and_a_sample_is_the_same_for_a_seed(tmp_path: Path) -> None:
    found = table(write(tmp_path, "a.jsonl", "".join(f'{{"n": {n}}}\n' for n in range(2500))))
    assert [row["n"] for row in found.rows] == list(range(2500))
    assert (found.rows[-1], found.rows[1:4]) == ({"n": 2499}, [{"n": 1}, {"n": 2}, {"n": 3}])
    with pytest.raises(IndexError):
        found.rows[2500]
    assert found.sample(50, seed=3) == found.sample(50, seed=3) != found.sample(50, seed=4)
    assert len(found.sample(50, seed=3)) == 50


@pytest.mark.parametrize(
    "first",
    [
        "What is 1 plus 1?,2",
        "how many wheels has a car,4",
        "the parcel came late again,bad",
        '"Say it again, please.",no',
    ],
)
def test_a_table_without_a_header_keeps_its_first_row(tmp_path: Path, first: str) -> None:
    others = [f"what is {n} plus {n},{2 * n}" for n in range(2, 6)]
    if first.endswith("bad"):
        others = [f"the parcel {n} was fine,{label}" for n, label in enumerate(("good", "bad", "bad"))]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([first, *others]) + "\n", encoding="utf-8")
    table = read_file(path)
    assert len(table.rows) == 1 + len(others)
    assert list(table.rows[0]) == ["column_1", "column_2"]
    assert "without a header (column_1, column_2)" in table.reader


@pytest.mark.parametrize("header", ["question,answer", "country,2019", "Frage,Antwort", "sentence one,label"])
def test_names_of_columns_are_no_row(tmp_path: Path, header: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(header + "\nwhat is 1 plus 1,2\nwhat is 2 plus 2,4\n", encoding="utf-8")
    table = read_file(path)
    assert (len(table.rows), list(table.rows[0])) == (2, header.split(","))


def test_a_header_that_stands_twice_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("land,stadt\nA,B\nland,stadt\nC,D\nland,stadt\n", encoding="utf-8")
    assert list(read_file(path).rows[0]) == ["land", "stadt"]


def test_a_number_of_too_many_digits_costs_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": 1}\n{"q": ' + "9" * 5000 + "}\n", encoding="utf-8")
    assert dict(read_file(path).set_aside_counts) == {"it holds a number of too many digits": 1}


def test_nested_reading_comprehension_gives_a_row_a_question(tmp_path: Path) -> None:
    asked = [
        {"id": f"{n}", "question": f"q{n}", "answers": [{"text": "sea", "answer_start": 4}]} for n in range(2)
    ]
    article = {
        "title": "T",
        "paragraphs": [{"context": "The sea.", "qas": asked}, {"context": "Sky.", "qas": asked}],
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"version": "v2.0", "data": [article]}), encoding="utf-8")
    rows = list(read_path(path).tables[0].rows)
    assert [(row["title"], row["context"], row["question"]) for row in rows] == [
        ("T", context, question) for context in ("The sea.", "Sky.") for question in ("q0", "q1")
    ]
    assert rows[0]["answers"] == [{"text": "sea", "answer_start": 4}]


def test_files_of_one_row_each_are_one_table(tmp_path: Path) -> None:
    for number in range(5):
        row = {"question": f"q{number}", "answer": number}
        (tmp_path / f"item_{number}.json").write_text(json.dumps(row, indent=1), encoding="utf-8")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    tables = {table.name: table for table in read_path(tmp_path).tables}
    assert [row["answer"] for row in tables[tmp_path.name].rows] == list(range(5))
    assert tables[tmp_path.name].reader == "5 files of one row each"
    assert len(tables["other"].rows) == 1


def test_a_column_whose_name_came_before_is_kept_and_said(tmp_path: Path) -> None:
    found = table(write(tmp_path, "t.csv", "q,a,a\n1,2,3\n"))
    assert list(found.rows) == [{"q": "1", "a": "2", "a_3": "3"}]
    assert "another 'a' is called 'a_3'" in found.reader


def test_a_table_in_another_encoding_is_refused_and_says_so(tmp_path: Path) -> None:
    for name, text in (("header.csv", "frage,réponse\nx,y\n"), ("rows.csv", "q,a\né,y\nô,z\n")):
        with pytest.raises(InputError, match="not UTF-8 text"):
            read_file(write(tmp_path, name, text.encode("latin-1")))


def test_rows_beside_those_that_are_read_are_said(tmp_path: Path) -> None:
    parts = {"data": [{"q": "a"}, {"q": "b"}], "dropped": [{"q": "c"}], "version": 1}
    found = table(write(tmp_path, "t.json", json.dumps(parts)))
    assert list(found.rows) == [{"q": "a"}, {"q": "b"}]
    assert "'data' is read and not 'dropped' (1)" in found.reader


def test_an_object_of_splits_is_a_table_for_each(tmp_path: Path) -> None:
    parts = {"train": [{"q": "a"}, {"q": "b"}], "test": [{"q": "c"}], "version": 1}
    tables = read_path(write(tmp_path, "t.json", json.dumps(parts))).tables
    assert [(table.name, table.part, len(table.rows)) for table in tables] == [
        ("t/train", "train", 2),
        ("t/test", "test", 1),
    ]


def test_rows_after_a_damaged_part_that_is_read_are_said(tmp_path: Path) -> None:
    text = '{\n"train": [\n {"q": "a"},\n {"q": b},\n {"q": "c"}],\n"test": [{"q": "d"}]\n}'
    found = table(write(tmp_path, "t.json", text))
    assert [row["q"] for row in found.rows] == ["a", "c"]
    assert 'what comes after them is not read: \'"test"' in found.reader


@pytest.mark.parametrize(
    ("rows", "column"), [([{"q": 1}, {"q": 2}], "id"), ([{"id": 1}, {"id": 2, "q": 1}], "key")]
)
def test_the_key_of_a_row_is_a_column_of_it(tmp_path: Path, rows: list[dict[str, int]], column: str) -> None:
    found = table(write(tmp_path, "t.json", json.dumps({"one": rows[0], "two": rows[1]}, indent=1)))
    assert list(found.rows) == [{column: "one", **rows[0]}, {column: "two", **rows[1]}]
    assert f"its {column!r}" in found.reader


@pytest.mark.parametrize("between", ["\n", "", ",\n", "}\n"])
def test_arrays_one_after_another_are_all_read(tmp_path: Path, between: str) -> None:
    path = write(tmp_path, "t.jsonl", '[{"q": "a"}, {"q": "b"}]' + between + '[{"q": "c"}]\n')
    assert [row["q"] for row in table(path).rows] == ["a", "b", "c"]


def test_no_two_tables_have_the_same_name(tmp_path: Path) -> None:
    """Rows are parted by their table's name: of two of one name, each would hold the rows of both."""
    write(tmp_path, "sub.jsonl", '{"q": "a"}\n{"q": "b"}\n')
    for number in range(3):
        write(tmp_path, f"sub/q{number}.json", '{"q": "c"}')
        write(tmp_path, f"sub/z{number}.json", '{"z": "d"}')
    tables = read_path(tmp_path).tables
    assert sorted((table.name, len(table.rows)) for table in tables) == [
        ("sub", 2),
        ("sub/q0", 3),
        ("sub/z0", 3),
    ]
