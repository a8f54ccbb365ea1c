"""What the owner of a table has parted, flagged or kept back is read as they meant it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.data_task import data_task
from tasks.custom.files import read_file
from tasks.custom.flag_columns import flagged
from tasks.custom.guess import guess_metric
from tasks.custom.split_column import parted
from tasks.custom.split_rows import split_rows
from tasks.custom.tables import Table

KINDS = ("root", "leaf", "bark")


def table(path: Path, rows: list[dict[str, Any]]) -> Table:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_file(path)


def rows(count: int = 60) -> list[dict[str, Any]]:
    return [{"text": f"sample {n} from plot {n * 7}", "label": KINDS[n % 3]} for n in range(count)]


def test_a_column_that_names_the_parts_parts_the_rows(tmp_path: Path) -> None:
    held = [{**row, "partition": ("train", "train", "valid", "test")[n % 4]} for n, row in enumerate(rows())]
    found = parted(table(tmp_path / "a.jsonl", held))
    assert {part.part: len(part.rows) for part in found} == {"train": 30, "validation": 15, "test": 15}
    task = data_task(tmp_path / "a.jsonl").data
    assert task is not None and len(task.validation) == 15 and len(task.load_test()) == 15
    assert all("partition" not in str(row["prompt"]) for source in task.sources for row in source.rows)


@pytest.mark.parametrize(
    "values", [("train", "train"), ("north", "south"), ("train", "train station"), (1, 2)]
)
def test_a_column_that_names_no_parts_parts_nothing(tmp_path: Path, values: tuple[object, ...]) -> None:
    held = [{**row, "split": values[n % 2]} for n, row in enumerate(rows())]
    assert len(parted(table(tmp_path / "a.jsonl", held))) == 1


def test_a_test_without_the_answer_is_not_answered_with_something_else(tmp_path: Path) -> None:
    full = [{**row, "region": ("hill", "shore")[n % 2]} for n, row in enumerate(rows(90))]
    table(tmp_path / "train.jsonl", full[:60])
    table(tmp_path / "test.jsonl", [{k: v for k, v in row.items() if k != "label"} for row in full[60:]])
    found = data_task(tmp_path).data
    assert found is not None
    assert {sample.gold for sample in found.load_test()} <= {*KINDS}
    assert any("lack the answer of the training rows ('label')" in line for line in found.understood)


def test_a_test_whose_first_row_alone_lacks_the_answer_is_kept(tmp_path: Path) -> None:
    table(tmp_path / "train.jsonl", rows())
    table(tmp_path / "test.jsonl", [{"text": "no label here"}, *rows(90)[60:]])
    found = data_task(tmp_path).data
    assert found is not None and len(found.load_test()) == 30


def test_a_test_without_any_answer_is_said_to_lack_it(tmp_path: Path) -> None:
    table(tmp_path / "train.jsonl", rows())
    table(tmp_path / "test.jsonl", [{"text": row["text"] + " again"} for row in rows()])
    found = data_task(tmp_path).data
    assert found is not None
    assert "test: 60 rows set aside, they lack the answer of the training rows ('label')" in found.understood


def test_flags_are_the_labels_of_a_text(tmp_path: Path) -> None:
    held = [
        {
            "id": n,
            "remark": f"the boat {n} came in late",
            "torn": n % 2,
            "wet": n % 3 // 2,
            "lost": 0 if n % 5 else 1,
        }
        for n in range(40)
    ]
    made = flagged(table(tmp_path / "a.jsonl", held))
    assert made.rows[0] == {"id": 0, "remark": "the boat 0 came in late", "labels": '["lost"]'}
    assert made.rows[5]["labels"] == '["torn", "wet", "lost"]'
    assert made.rows[4]["labels"] == '["none"]'


def test_one_flag_a_row_is_a_label(tmp_path: Path) -> None:
    held = [
        {"remark": f"the boat {n} came in late", **{k: str(k == KINDS[n % 3]) for k in KINDS}}
        for n in range(40)
    ]
    assert flagged(table(tmp_path / "a.jsonl", held)).rows[1]["label"] == "leaf"


@pytest.mark.parametrize(
    "more",
    [{"outcome_label": "a"}, {"grade": "b"}, {"remark": "x"}],
    ids=["a named answer", "labels", "no text"],
)
def test_flags_beside_another_answer_stay_columns(tmp_path: Path, more: dict[str, str]) -> None:
    held = [
        {"remark": f"the boat {n} came in late", "torn": n % 2, "wet": n % 3 // 2, "lost": n % 5 // 4}
        | {name: value + "cd"[n % 2] for name, value in more.items()}
        for n in range(40)
    ]
    given = table(tmp_path / "a.jsonl", held)
    assert flagged(given) is given


def test_few_large_groups_are_kept_whole_and_measured_with() -> None:
    prompts = [
        f"page {page} tells of trade and tide. Question {n} on line {n * 31 + page}?"
        for page in range(12)
        for n in range(15)
    ]
    groups = [f"page {n // 15}" for n in range(len(prompts))]
    train, validation, test = split_rows(prompts, groups)
    assert test and validation
    assert not {groups[n] for n in test} & {groups[n] for n in (*train, *validation)}
    assert not {groups[n] for n in validation} & {groups[n] for n in train}
    same = ["the same question"] * 15 * 12
    assert split_rows(same, groups)[2] == []


def lines(path: Path, text: str, encoding: str = "utf-8") -> Table:
    path.write_bytes(text.encode(encoding))
    return read_file(path)


def test_words_above_numbers_are_a_header_however_long(tmp_path: Path) -> None:
    body = "".join(f"{n}.5,CC{'O' * n}\n" for n in range(1, 12))
    found = lines(tmp_path / "a.csv", f"measured boiling point of the pure liquid in degrees,smiles\n{body}")
    assert len(found.rows) == 11 and "smiles" in found.rows[0]


def test_further_lines_of_a_header_are_no_rows(tmp_path: Path) -> None:
    body = "".join(f"2024-05-{n + 1:02} 10:00:00,{n},fine {n}\n" for n in range(20))
    two = "Start of shift,Shift number,Say more\nimport_1,import_2,import_3\n"
    found = lines(tmp_path / "a.csv", f"start,number,remark\n{two}{body}")
    assert len(found.rows) == 20 and "2 more lines of the header" in found.reader
    gaps = lines(tmp_path / "b.csv", f"start,number,remark\nn/a,n/a,none\n{body}")
    assert len(gaps.rows) == 21


def test_signs_of_windows_1252_are_read(tmp_path: Path) -> None:
    body = "".join(f"{n},5 m² zu {n} €,±{n} µm\n" for n in range(8))
    found = lines(tmp_path / "a.csv", f"nummer,fläche,spiel\n{body}", "cp1252")
    assert found.rows[0]["fläche"] == "5 m² zu 0 €" and found.rows[1]["spiel"] == "±1 µm"


@pytest.mark.parametrize(
    ("answers", "metric"),
    [
        ([f"El tren {n} sale tarde." for n in range(60)], "chrf"),
        ([f"船は{n}番の港に明日の朝早く着く予定です" for n in range(60)], "chrf"),
        ([f"ward {n} north" for n in range(60)], "exact_match"),
        (["Turn left.", "Turn right.", "Halt at once."] * 20, "exact_match"),
    ],
)
def test_short_sentences_are_not_held_to_the_letter(answers: list[str], metric: str) -> None:
    assert guess_metric(answers).metric == metric
