"""Spreadsheets are read as CSV files of their sheets would be, and what is left out of one is said."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

import pytest

from tasks import unpacking
from tasks.custom.data_task import data_task
from tasks.custom.files import read_file, read_path
from tasks.custom.folder import load_folder
from tasks.custom.sheet_child import cell_text
from tasks.custom.tables import Data
from tasks.errors import InputError
from tests.support import workbooks
from tests.support.workbooks import Cells, xlsx

TABLE: Cells = [["question", "answer"], ["a", "x"], ["b", "y"]]


def data(folder: Path, content: bytes, name: str = "book.xlsx") -> Data:
    (folder / name).write_bytes(content)
    return read_path(folder / name)


def refused(folder: Path, content: bytes, name: str = "book.xlsx") -> InputError:
    with pytest.raises(InputError) as caught:
        data(folder, content, name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)
    return caught.value


def long(count: int, *names: str) -> list[list[object]]:
    """A table of ``count`` rows under these names."""
    return [[*names], *([f"{name} {row}" for name in names] for row in range(count))]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", xlsx({"S": TABLE})),
        ("a.XLSM", xlsx({"S": TABLE})),
        ("a.ods", workbooks.ods({"S": TABLE})),
        ("a.xls", workbooks.xls(TABLE)),
        ("a.xls", xlsx({"S": TABLE})),  # told by its content, whatever its name
    ],
)
def test_each_kind_of_spreadsheet_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    (table,) = data(tmp_path, content, name).tables
    assert list(table.rows) == [{"question": "a", "answer": "x"}, {"question": "b", "answer": "y"}]
    assert (table.name, table.reader, table.set_aside) == ("a", "a spreadsheet", ())


def test_cells_are_texts_as_a_person_reads_them(tmp_path: Path) -> None:
    cells = [
        3.0, 2.50, workbooks.formula("0.1+0.2", 0.30000000000000004), True, workbooks.date(45413),
        workbooks.moment(45413.75), workbooks.duration(1.5), "007", "NA",
    ]  # fmt: skip
    (table,) = data(tmp_path, xlsx({"S": [["question", "n"], *(["q", cell] for cell in cells)]})).tables
    assert [row["n"] for row in table.rows] == [
        "3", "2.5", "0.3", "TRUE", "2024-05-01", "2024-05-01T18:00:00", "36:00:00", "007", "NA",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e15, "1000000000000000"),
        (-4.0, "-4"),
        (1e300, "1e+300"),
        (0.00001, "0.00001"),
        (float("nan"), "nan"),
        (datetime.time(7, 5), "07:05:00"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, 250000), "2024-01-02T03:04:05.250"),
        (datetime.timedelta(hours=-1), "-1:00:00"),
    ],
)
def test_a_cell_that_is_rare_is_text_too(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_errors_and_formulas_without_a_value_are_empty_and_counted(tmp_path: Path) -> None:
    cells = [["question", "n"], ["a", workbooks.ERROR], ["b", "#REF!"], ["c", workbooks.UNCOMPUTED], ["d", 1]]
    (table,) = data(tmp_path, xlsx({"S": cells})).tables
    assert [row["n"] for row in table.rows] == ["", "", "", "1"]
    assert "2 cells with an error are left empty" in table.reader
    assert "1 formula has no stored value" in table.reader


def test_blank_rows_and_columns_are_dropped_and_merged_cells_are_empty(tmp_path: Path) -> None:
    cells = [
        [None, "group", None, "text", None, "label"],
        [None, "one", None, "first", " ", "x"],
        [],
        [None, None, None, "second", None, "y"],
        [None, " "],
    ]
    (table,) = data(tmp_path, xlsx({"S": workbooks.sheet_xml(cells, merged="B2:B4")})).tables
    assert list(table.rows) == [
        {"group": "one", "text": "first", "label": "x"},
        {"group": "", "text": "second", "label": "y"},
    ]


def test_the_rules_of_headers_are_those_of_text_files(tmp_path: Path) -> None:
    rows = [[f"text {row}", row, 2 * row] for row in range(20)]
    cells = [["Export of May"], [], ["sample", "width", "width"], ["", "mm", "kg"], *rows]
    (table,) = data(tmp_path, xlsx({"S": cells})).tables
    text = "\n".join(",".join(map(str, line)) for line in cells)
    (tmp_path / "same.csv").write_text(text, encoding="utf-8")
    same = read_file(tmp_path / "same.csv")
    assert list(table.rows) == list(same.rows)
    assert len(table.rows) == 20
    assert "2 lines before the header left out" in table.reader
    assert same.reader.partition("values")[2].split() == table.reader.partition("sheet")[2].split()


def test_a_sheet_without_a_header_keeps_its_first_row(tmp_path: Path) -> None:
    cells = [["the parcel came late again", "bad"], ["it was fine", "good"], ["late", "bad"], ["ok", "bad"]]
    (table,) = data(tmp_path, xlsx({"S": cells})).tables
    assert len(table.rows) == 4
    assert "without a header" in table.reader


def test_what_only_explains_the_table_is_left_out_and_said(tmp_path: Path) -> None:
    levels = ["urgent", "soon", "later"]
    rows = [[f"complaint {row}", row % 3, f"note {row}"] for row in range(60)]
    content = xlsx(
        {
            "Read me": [["Notes on this file"], ["of May"], ["ask Ann"]],
            "Data": [["complaint", "level", "note"], *rows],
            "Codes": [["code", "meaning"], *([code, level] for code, level in enumerate(levels))],
            "Columns": [["column", "meaning"], ["complaint", "what is said"], ["level", "how urgent"]],
            "Sums": [["what", "n", "of"], ["all", 60, 60]],
            "Old": long(90, "complaint", "level", "note"),
            "Empty": [],
        },
        hidden=["Old"],
    )
    (table,) = data(tmp_path, content).tables
    assert table.name == "book"
    assert len(table.rows) == 60
    for said in (
        "sheet 'Data'",
        "'Read me', one column beside",
        "'Codes', a legend of its column 'level'",
        "'Columns', a legend of its columns",
        "'Sums', 1 rows beside the 60",
        "'Old', it is hidden",
        "'Empty', it is empty",
    ):
        assert said in table.reader


def test_sheets_of_rows_are_sources_of_their_own(tmp_path: Path) -> None:
    content = xlsx(
        {"May": long(20, "text", "label"), "June": long(2, "label", "text"), "Q": long(15, "ask", "say")}
    )
    found = data(tmp_path, content)
    assert [(table.name, len(table.rows), table.part) for table in found.tables] == [
        ("book/May", 20, "train"),
        ("book/June", 2, "train"),
        ("book/Q", 15, "train"),
    ]


def test_names_of_sheets_part_the_rows(tmp_path: Path) -> None:
    def rows(name: str, count: int) -> list[list[object]]:
        return [["question", "answer"], *([f"{name} {n}: what is {n} plus 1?", n + 1] for n in range(count))]

    path = tmp_path / "sums.xlsx"
    path.write_bytes(xlsx({"train": rows("a", 50), "dev": rows("b", 8), "test": rows("c", 9)}))
    spec = data_task(path)
    assert spec.data is not None
    assert (len(spec.data.validation), len(spec.data.load_test())) == (8, 9)
    assert [(source.name, len(source.rows)) for source in spec.data.sources] == [("sums/train", 50)]


def test_a_task_folder_takes_spreadsheets(tmp_path: Path) -> None:
    def sheet(name: str, count: int) -> Cells:
        return [["question", "answer"], *([f"{name} {n}", f"right {n}"] for n in range(count))]

    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "own.xlsx").write_bytes(xlsx({"S": sheet("own", 12)}))
    (tmp_path / "train" / "other.csv").write_text("question,answer\nq,a\n")
    (tmp_path / "more.xlsx").write_bytes(xlsx({"train": sheet("more", 12), "test": sheet("sealed", 12)}))
    (tmp_path / "validation.xlsx").write_bytes(xlsx({"A": sheet("v", 5), "B": sheet("w", 4)}))
    (tmp_path / "test.ods").write_bytes(workbooks.ods({"S": sheet("t", 6)}))
    (tmp_path / "task.toml").write_text(
        'name = "n"\ndescription = "d"\nprompt = "{question}"\nmetric = "exact_match"\n'
        'sources = ["more.xlsx"]\n'
    )
    spec = load_folder(tmp_path)
    assert spec.data is not None
    assert (len(spec.data.validation), len(spec.data.load_test())) == (9, 6)
    assert {source.name: len(source.rows) for source in spec.data.sources} == {
        "own": 12,
        "other": 1,
        "more": 12,
    }
    assert any("not trained on: more/test" in line for line in spec.data.understood)


def test_measuring_rows_of_sheets_that_differ_are_refused(tmp_path: Path) -> None:
    (tmp_path / "test.xlsx").write_bytes(xlsx({"A": long(20, "q", "a"), "B": long(20, "x", "y")}))
    with pytest.raises(InputError, match=r"it has several sheets of rows \(A, B\)"):
        read_file(tmp_path / "test.xlsx")


def test_beside_other_files_a_spreadsheet_is_one_more(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nq,a\n")
    (tmp_path / "a.xlsx").write_bytes(xlsx({"S": TABLE}))
    (tmp_path / "~$a.xlsx").write_bytes(b"\5Ann")
    (tmp_path / "broken.xlsx").write_bytes(b"PK")
    found = read_path(tmp_path)
    assert [table.name for table in found.tables] == ["a", "a.xlsx"]
    assert {item.path: item.reason for item in found.passed_over} == {
        "broken.xlsx": "it is text under the name of a spreadsheet",
        "~$a.xlsx": "it only marks that a spreadsheet is open",
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"a,b\n1,2\n", "it is text under the name of a spreadsheet; give its name the end .csv"),
        (b"<html><table></table></html>", "it is a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>', "it is an XML file"),
        (b"\0\1\2", "it is no spreadsheet"),
        (b"PK\3\4" + bytes(50), "it is damaged, or no spreadsheet"),
        (xlsx({"S": TABLE})[:-40], "it is damaged, or no spreadsheet"),
        (workbooks.packed({"a.txt": "x"}), "it is damaged, or no spreadsheet"),
        (workbooks.compound("EncryptedPackage", b"x"), "it has a password; save it without one"),
        (xlsx({"S": []}), "no sheet of it has rows ('S': it is empty)"),
        (
            xlsx({"S": [["question", "answer"]]}),
            "no sheet of it has rows ('S': it has no rows under its header)",
        ),
    ],
)
def test_what_is_no_spreadsheet_of_rows_is_refused_in_one_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    assert said in str(refused(tmp_path, content))


def test_a_broken_sheet_costs_itself(tmp_path: Path) -> None:
    (table,) = data(tmp_path, xlsx({"S": TABLE, "T": "<worksheet><sheetData><row><c"})).tables
    assert "'T', it cannot be read" in table.reader


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS", 1_000_000)
    said = str(refused(tmp_path, xlsx({"S": TABLE, "T": " " * 3_000_000})))
    assert "it unpacks to over" in said
    assert "save its sheet as .csv" in said


@pytest.mark.parametrize("name", ["book.xlsx", "book.ods"])
def test_a_sheet_of_far_cells_ends_in_one_line(tmp_path: Path, name: str) -> None:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    content = xlsx({"S": workbooks.sheet_xml([]).replace("</sheetData>", f"{cells}</sheetData>")})
    if name.endswith("ods"):
        once = workbooks.ods({"S": [["a", 1]]})
        content = repeated(once)
    assert "too many cells to be held in memory" in str(refused(tmp_path, content, name))


def repeated(book: bytes) -> bytes:
    """The same .ods file, its first row and cell repeated as often as a sheet may have them."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    row = b'<table:table-row table:number-rows-repeated="1048576">'
    cell = b'<table:table-cell table:number-columns-repeated="16384" '
    text = parts["content.xml"].replace(b"<table:table-row>", row).replace(b"<table:table-cell ", cell)
    return workbooks.packed(parts | {"content.xml": text})
