"""The benchmark's table: parts by their names, results of earlier versions included."""

from __future__ import annotations

import json
from pathlib import Path

from graph.bench.mini_tasks import _rows, document, table


def results(folder: Path, names: tuple[str, str, str]) -> Path:
    """A results file with one task, one row a part."""
    path = folder / "results.jsonl"
    facts = {"task": "aime25", "seed": 0, "base": "10.0 [8, 12] n=500", "base_value": 10.0}
    agent = {
        "p_value": 1e-9,
        "counts": {"kept": 1, "discarded": 1, "failed": 0},
        "experiments": 2,
        "orchestration_seconds_per_experiment": 0.1,
        "seconds": 290.0,
    }
    rows = [
        facts | agent | {"part": name, "score": f"{value} n=500", "value": value}
        for name, value in zip(names, (20.0, 90.0, 70.0), strict=True)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_old_results_are_read_by_the_new_names(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = _rows(results(tmp_path / "old", ("naive", "reference", "agent")))
    assert [row["part"] for row in old] == ["all_data", "oracle", "agent"]
    assert table(old) == table(_rows(results(tmp_path, ("all_data", "oracle", "agent"))))


def test_the_table_says_how_much_of_the_gap_to_the_oracle_is_closed(tmp_path: Path) -> None:
    lines = document(_rows(results(tmp_path, ("all_data", "oracle", "agent")))).splitlines()
    assert "| task | base | all data | oracle | agent | gap closed |" in lines
    assert "| aime25 | 10.0 [8, 12] n=500 | 20.0 n=500 | 90.0 n=500 | 70.0 n=500 | 75% |" in lines


def test_no_results_are_no_rows(tmp_path: Path) -> None:
    assert _rows(tmp_path / "none.jsonl") == []
