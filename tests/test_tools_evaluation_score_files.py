"""One bad row of a file costs itself: it is named with its id, and every other row scores what it scored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graph.cli.app import app
from tasks import registry
from tasks.base import TaskSpec
from tasks.errors import InputError
from tasks.official.load import find, fix_for
from tasks.official.rows import read_rows
from tests.support.real_rows import data_root
from tools.evaluation.score_files import Scored, score_files

JUNK = (
    None, "", 5, -1.5, float("nan"), True, [], {}, [None], [5, [6]], {"a": 1}, "$9,589", '["$9,589"]',
    "y_references = [[$9,589]]", "y_references = [['$9,589', 3]]", "\ud800", "\x00", "[" * 3000, "9" * 5000,
    "1e999", "²", "'",
)  # fmt: skip
"""What a column may hold by mistake."""
COUNTS = [
    {"id": f"r{n}", "query": "q", "gt": n, "task": "mol_und", "subtask": "fg_count", "meta": "{}"}
    for n in range(4)
]
SAID = ['{"count": 0}', '{"count": 1}', '{"count": 5}', '{"count": 3}']


def written(path: Path, rows: Sequence[Mapping[str, Any] | str]) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def scored(
    spec: TaskSpec, folder: Path, rows: Sequence[Mapping[str, Any] | str], said: Sequence[str]
) -> list[Scored]:
    answers = written(folder / "said.jsonl", [{"prediction": text} for text in said])
    return score_files(spec, written(folder / "rows.jsonl", rows), answers, None)


def by_row(found: Sequence[Scored]) -> dict[tuple[str, int], Any]:
    return {
        (one.subset, row): score
        for one in found
        for row, score in zip(one.rows, one.item_scores, strict=True)
    }


@pytest.mark.parametrize("gold", [None, "many", [], {"count": 1}, "\ud800"])
def test_the_others_score_what_they_scored(tmp_path: Path, gold: Any) -> None:
    spec = registry.get("chemcotbench_mol_und")
    before = by_row(scored(spec, tmp_path, COUNTS, SAID))
    rows = [{**row, "gt": gold} if row["id"] == "r1" else row for row in COUNTS]
    found = scored(spec, tmp_path, rows, SAID)
    assert by_row(found) == {place: score for place, score in before.items() if place[1] != 2}
    (named,) = found[0].unreadable
    assert "rows.jsonl, row 2 (id 'r1'): " in named


@pytest.mark.parametrize("line", ['{"id": "r1", "que', "[1, 2]", "7", "[" * 5000])
def test_a_line_that_is_no_row_costs_itself(tmp_path: Path, line: str) -> None:
    spec = registry.get("chemcotbench_mol_und")
    before = by_row(scored(spec, tmp_path, COUNTS, SAID))
    found = scored(spec, tmp_path, [COUNTS[0], line, *COUNTS[2:]], SAID)
    assert by_row(found) == {place: score for place, score in before.items() if place[1] != 2}
    assert "rows.jsonl, row 2: " in found[0].unreadable[0]


def test_a_line_that_is_not_utf_8_costs_itself(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", COUNTS)
    path.write_bytes(path.read_bytes().replace(b'"r1"', b'"r\xff"'))
    answers = written(tmp_path / "said.jsonl", [{"prediction": text} for text in SAID])
    (found,) = score_files(registry.get("chemcotbench_mol_und"), path, answers, None)
    assert found.rows == (1, 3, 4)
    assert "it is not UTF-8 text" in found.unreadable[0]


def test_a_chart_question_whose_reference_is_no_number_costs_itself(tmp_path: Path) -> None:
    row = {"qtype": "Visualization", "qsubtype": "ChartGeneration", "chart_type": "bar", "question": "q",
           "table": {"columns": ["a"], "data": [["1"]]}}  # fmt: skip
    rows = [
        {**row, "id": "currency", "answer": "y_references = [[$9,589, 2]]"},
        {**row, "id": "bad", "answer": "y_references = [[many, 2]]"},
    ]
    (found,) = scored(registry.get("tablebench_visualization"), tmp_path, rows, ["no code"] * 2)
    assert [item.error for item in found.item_scores] == ["no_code"]
    assert "row 2 (id 'bad'): column `answer`" in found.unreadable[0]


def test_a_subset_without_a_readable_row_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = [*COUNTS, {**COUNTS[0], "id": "x", "subtask": "ring_count", "gt": "?"}]
    found = scored(registry.get("chemcotbench_mol_und"), tmp_path, rows, [*SAID, "0"])
    assert [len(one.item_scores) for one in found] == [4, 0]
    assert (found[1].score, len(found[1].unreadable)) == (None, 1)


def test_a_prediction_without_a_text_is_named_and_counts_as_silence(tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.jsonl", COUNTS)
    lines = [{"prediction": SAID[0]}, {"prediction": None}, '{"prediction": "', {"prediction": SAID[3]}]
    answers = written(tmp_path / "said.jsonl", lines)
    arguments = ["score", "chemcotbench_mol_und", "--rows", str(rows), "--predictions", str(answers)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    found = json.loads(done.output)
    assert (done.exit_code, found["n"]) == (0, 4)
    assert [item["right"] for item in found["items"]] == [True, False, False, True]
    assert [line.partition(": ")[0].rpartition(" ")[2] for line in found["unanswered"]] == ["2", "3"]
    shown = CliRunner().invoke(app, [*arguments, "--items"], env={"COLUMNS": "200"}).output
    assert "counted as silence: " in shown


def test_a_file_without_one_readable_row_is_refused(tmp_path: Path) -> None:
    spec = registry.get("chemcotbench_mol_und")
    with pytest.raises(InputError, match=r"row 1 \(id 'r0'\)"):
        scored(spec, tmp_path, [{**row, "gt": "?"} for row in COUNTS], SAID)
    with pytest.raises(InputError, match="row 1: it is not JSON"):
        scored(spec, tmp_path, ["{", "{"], ["a", "b"])


@pytest.mark.parametrize("spec", registry.TASKS, ids=lambda spec: spec.id)
def test_whatever_a_column_of_a_real_row_holds_costs_that_row_at_most(spec: TaskSpec, tmp_path: Path) -> None:
    """Every column of one row, with every kind of junk, in one file beside two good rows."""
    assert spec.published is not None
    good = _real_rows(spec, 2)
    held = spec.published.subsets_of(good[1])[0]
    answers = written(tmp_path / "two.jsonl", [{"prediction": "Final Answer: 5"}] * 2)
    path = written(tmp_path / f"{good[0]['_file']}.jsonl", good)
    alone = by_row(score_files(spec, path, answers, None))
    for column in good[1].keys() - {"_file"}:
        bad = [{**good[1], column: junk} for junk in JUNK]
        rows = [good[0], *bad, good[1]]
        answers = written(tmp_path / "said.jsonl", [{"prediction": "Final Answer: 5"}] * len(rows))
        path = written(tmp_path / f"{good[0]['_file']}.jsonl", rows)
        found = score_files(spec, path, answers, None)
        read = {row for one in found for row in one.rows}
        assert {1, len(rows)} <= read, column
        assert by_row(found)[held, len(rows)] == alone[held, 2]
        named = " ".join(line for one in found for line in one.unreadable)
        for number in set(range(2, len(rows))) - read:
            others = spec.published.subsets_of(json.loads(json.dumps(rows[number - 1])))
            assert not others or f"row {number}" in named, (column, rows[number - 1][column])


def _real_rows(spec: TaskSpec, count: int) -> list[dict[str, Any]]:
    """The first rows of the task's first subset that has so many."""
    assert spec.published is not None
    rows = []
    for file in find(spec.published.benchmark, data_root(), fix_for(spec)):
        for row in read_rows(file.path):
            named = {**row, "_file": file.stem}
            if spec.published.subsets_of(named):
                rows.append(named)
            if len(rows) == count:
                return rows
    pytest.skip("no rows of this task here")
