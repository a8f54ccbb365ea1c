"""``ftdojo score``: files in, both scores out; wrong files say which line is wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graph.cli.app import app
from tasks import registry
from tasks.errors import InputError
from tools.evaluation.score_files import score_files

ROWS = [
    {"id": str(n), "query": "q", "gt": gold, "task": "mol_und", "subtask": "fg_count", "meta": "{}"}
    for n, gold in enumerate((2, 0, 1, 3))
]
SUBSET = "chemcotbench_mol_und_fg_count"


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _predictions(folder: Path, texts: Sequence[str]) -> Path:
    return _write(folder / "predictions.jsonl", [{"prediction": text} for text in texts])


def _json(*arguments: str | Path) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["score", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.output))


def test_both_scores_and_every_item(tmp_path: Path) -> None:
    said = ['{"count": 2.0}', "no idea", '{"count": "one"}', '{"count": 5}']
    rows, predictions = _write(tmp_path / "rows.jsonl", ROWS), _predictions(tmp_path, said)
    found = _json("chemcotbench_mol_und", "--subset", SUBSET, "--rows", rows, "--predictions", predictions)
    assert (found["task"], found["subset"], found["n"]) == ("chemcotbench_mol_und", SUBSET, 4)
    assert found["score"]["value"] == 50.0
    assert found["score"]["low"] < 50.0 < found["score"]["high"]
    assert found["score"]["unparseable_share"] == 0.25
    assert [item["right"] for item in found["items"]] == [True, False, True, False]
    assert found["items"][1]["parsed"] is None
    # The released rule reads 2.0, silence and the word "one" as 0: errors 2, 0, 1 and 2.
    assert found["as_published"]["mae"] == pytest.approx(5 / 4)


def test_csv_rows_and_a_view_from_the_file_name(tmp_path: Path) -> None:
    path = tmp_path / "税务师.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "Question", "A", "B", "C", "D", "Answer"])
        writer.writerows(
            [[7, "一加一等于几？", "1", "2", "3", "4", "B"], [9, "二加一？", "1", "2", "3", "4", "C"]]
        )
    predictions = _predictions(tmp_path, ["答案：B。I hope this helps", "答案：A"])
    found = _json("FinanceIQ_gen", "--rows", path, "--predictions", predictions)
    assert found["subset"] == "FinanceIQ-税务师"
    assert found["score"]["value"] == 50.0
    assert found["as_published"] == {"accuracy": 0.0}


def test_a_view_without_its_oracle_is_not_scored(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    row = {
        "id": "1",
        "query": "Source Molecule: CCO.",
        "gt": "",
        "task": "mol_opt",
        "subtask": "drd",
        "meta": "{}",
    }
    rows = _write(tmp_path / "drd.jsonl", [row])
    predictions = _predictions(tmp_path, ['{"Final Target Molecule": "CCCO"}'])
    found = _json("chemcotbench_mol_opt", "--rows", rows, "--predictions", predictions)
    assert found["score"]["value"] is None
    assert [item["right"] for item in found["items"]] == [None]
    assert found["as_published"]["success_rate"] is None


def test_text_names_view_score_and_interval(tmp_path: Path) -> None:
    rows = _write(tmp_path / "rows.jsonl", ROWS[:2])
    predictions = _predictions(tmp_path, ['{"count": 2}', '{"count": 0}'])
    arguments = [
        "score",
        "chemcotbench_mol_und",
        "--rows",
        str(rows),
        "--predictions",
        str(predictions),
        "--items",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert SUBSET in done.output
    assert "100.0 [" in done.output
    assert "mae 0.00" in done.output


@pytest.mark.parametrize(
    ("rows", "predictions", "subset", "message"),
    [
        (ROWS, ['{"count": 2}'], None, "1 predictions for 4 rows"),
        ([{"question": "q"}], ["x"], SUBSET, "row 1"),
        (ROWS, ["a", "b", "c", "d"], "fg_counts", "no such subset"),
        ([{"id": "1", "subtask": "none of these"}], ["x"], None, "no row belongs to"),
    ],
)
def test_wrong_files_are_named(
    tmp_path: Path, rows: list[dict[str, Any]], predictions: list[str], subset: str | None, message: str
) -> None:
    spec = registry.get("chemcotbench_mol_und")
    paths = _write(tmp_path / "rows.jsonl", rows), _predictions(tmp_path, predictions)
    with pytest.raises(InputError, match=message):
        score_files(spec, *paths, subset)


def test_predictions_may_leave_out_the_rows_of_other_tasks(tmp_path: Path) -> None:
    table = {"columns": ["name", "wins"], "data": [["Ann", 3], ["Bob", 5]]}
    row = {
        "qtype": "DataAnalysis",
        "qsubtype": "StatisticalAnalysis",
        "table": table,
        "question": "q",
        "answer": "4",
    }
    rows = _write(tmp_path / "rows.jsonl", [{**row, "qtype": "FactChecking", "qsubtype": "x"}, row])
    predictions = _predictions(tmp_path, ["Final Answer: 4"])
    found = score_files(registry.get("tablebench_data_analysis"), rows, predictions, None)
    assert len(found) == 2  # the row belongs to its own subset and to the released code's subset of all rows
    assert all(item_score.right for one in found for item_score in one.item_scores)


def test_wrong_paths_are_named() -> None:
    with pytest.raises(InputError, match="no such file"):
        score_files(registry.get("aime25"), Path("nowhere.jsonl"), Path("nowhere.jsonl"), None)


def test_predictions_must_be_texts(tmp_path: Path) -> None:
    rows = _write(tmp_path / "rows.jsonl", ROWS[:1])
    predictions = _write(tmp_path / "predictions.jsonl", [{"answer": 2}])
    with pytest.raises(InputError, match="line 1: there is no text in `prediction`"):
        score_files(registry.get("chemcotbench_mol_und"), rows, predictions, None)


def test_an_unreadable_row_costs_itself_and_is_named(tmp_path: Path) -> None:
    rows = [dict(ROWS[0]), {**ROWS[1], "gt": None}, dict(ROWS[2])]
    said = ['{"count": 2}', '{"count": 0}', '{"count": 1}']
    path, predictions = _write(tmp_path / "rows.jsonl", rows), _predictions(tmp_path, said)
    found = _json("chemcotbench_mol_und", "--subset", SUBSET, "--rows", path, "--predictions", predictions)
    assert (found["n"], found["score"]["value"]) == (2, 100.0)
    assert len(found["unreadable"]) == 1
    assert "row 2" in found["unreadable"][0]
