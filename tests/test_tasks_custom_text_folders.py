"""Folders of text files become rows by what their places say, and nothing is guessed from other places."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.task_names import load_task
from tasks.custom.files import read_path
from tasks.custom.tables import Data
from tasks.errors import InputError


def put(folder: Path, texts: dict[str, str]) -> Data:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_path(folder)


def test_folders_are_the_labels_of_the_texts_in_them(tmp_path: Path) -> None:
    texts = {
        f"{part}/{kind}/{n}.txt": f"{kind} bird {n}"
        for part in ("train", "test")
        for kind in ("owl", "tit")
        for n in range(6)
    }
    texts |= {f"train/unsup/{n}.txt": f"bird {n}" for n in range(6)} | {"README": "Birds"}
    data = put(tmp_path, texts)
    assert {table.name: table.part for table in data.tables} == {"train": "train", "test": "test"}
    assert {row["label"] for table in data.tables for row in table.rows} == {"owl", "tit"}
    assert all(row["text"].startswith(row["label"]) for table in data.tables for row in table.rows)
    assert ("train/unsup", "texts without a label") in [(item.path, item.reason) for item in data.passed_over]


def test_mail_archives_have_numbers_for_names(tmp_path: Path) -> None:
    data = put(
        tmp_path,
        {f"boards/{kind}/{n}": f"{kind} {n}" for kind in ("sci.botany", "rec.sail") for n in range(5)},
    )
    assert {row["label"] for row in data.tables[0].rows} == {"sci.botany", "rec.sail"}


def test_classes_whose_files_have_the_same_names_are_no_pairs(tmp_path: Path) -> None:
    data = put(
        tmp_path, {f"{kind}/{n:03}.txt": f"{kind} {n}" for kind in ("wine", "beer") for n in range(12)}
    )
    assert {row["label"] for row in data.tables[0].rows} == {"wine", "beer"}


@pytest.mark.parametrize(
    ("asked", "answer"), [("Documents", "Gold summaries"), ("b_articles", "a_highlights")]
)
def test_a_text_and_what_was_made_of_it_are_paired(tmp_path: Path, asked: str, answer: str) -> None:
    texts = {
        f"set/{asked}/{kind}/{n}.txt": f"long text {n} of {kind}" for kind in ("law", "tax") for n in range(6)
    }
    texts |= {f"set/{answer}/{kind}/{n}.txt": f"{n} {kind}" for kind in ("law", "tax") for n in range(6)}
    (table,) = put(tmp_path, texts).tables
    row = table.rows[0]
    assert list(row) == [asked, answer]
    assert row[asked] == "long text 0 of law" and row[answer] == "0 law"


def test_lines_of_two_languages_are_paired(tmp_path: Path) -> None:
    lines = {
        code: "\n".join(f"{code} {n}" if n != 4 else "" for n in range(20)) + "\n" for code in ("fi", "et")
    }
    data = put(
        tmp_path, {f"{part}.{code}": text for part in ("train", "dev") for code, text in lines.items()}
    )
    assert {table.part for table in data.tables} == {"train", "validation"}
    assert [len(table.rows) for table in data.tables] == [19, 19]
    assert data.tables[0].rows[0] == {"et": "et 0", "fi": "fi 0"}
    assert "1 blank left out" in data.tables[0].reader


def test_lines_that_do_not_pair_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file in it could be read"):
        put(tmp_path, {"train.fi": "a\n" * 20, "train.et": "a\n" * 21})


def test_a_text_of_cells_is_read_alone_and_not_beside_a_table(tmp_path: Path) -> None:
    cells = "".join(f"Wind from {n} knots.\tVento de {n} nós.\n" for n in range(12))
    (table,) = put(tmp_path / "alone", {"pairs.txt": cells}).tables
    assert len(table.rows) == 12 and "without a header" in table.reader
    rows = "".join(f'{{"text": "wind {n}", "label": "{n % 2}"}}\n' for n in range(12))
    data = put(tmp_path / "beside", {"rows.jsonl": rows, "names.txt": cells})
    assert [table.name for table in data.tables] == ["rows"]
    assert [item.path for item in data.passed_over] == ["names.txt"]


def test_a_folder_that_holds_no_rows_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    with pytest.raises(InputError, match=r"scan\.pdf: a document"):
        load_task(str(tmp_path), "mini")
