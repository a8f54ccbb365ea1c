"""The benchmark's table: parts by their names, results of earlier versions included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.bench import before_after
from graph.bench.mini_tasks import document, read_results, table
from graph.bench.mixture_search import by_search, kept_weights
from memory.journal.log import Journal
from tests.support.small_run import make_task_and_model, run_settings


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
    old = read_results(results(tmp_path / "old", ("naive", "reference", "agent")))
    assert [row["part"] for row in old] == ["all_data", "oracle", "agent"]
    assert table(old) == table(read_results(results(tmp_path, ("all_data", "oracle", "agent"))))


def test_the_table_says_how_much_of_the_gap_to_the_oracle_is_closed(tmp_path: Path) -> None:
    lines = document(read_results(results(tmp_path, ("all_data", "oracle", "agent")))).splitlines()
    assert "| task | base | all data | oracle | agent | gap closed |" in lines
    assert "| aime25 | 10.0 [8, 12] n=500 | 20.0 n=500 | 90.0 n=500 | 70.0 n=500 | 75% |" in lines


def test_no_results_are_no_rows(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.jsonl") == []


def run(task: str, seed: int, part: str, value: float, base: float = 0.0) -> dict[str, Any]:
    """A line of a results file, as far as two results are compared."""
    return {"task": task, "seed": seed, "part": part, "value": value, "base_value": base}


def test_two_results_are_compared_by_mean_spread_and_low_runs() -> None:
    oracles = [run(task, seed, "oracle", 80.0) for task in ("aime25", "tables") for seed in (0, 1)]
    before = [
        run("aime25", 0, "agent", 60.0),
        run("aime25", 1, "agent", 20.0),
        run("tables", 0, "agent", 70.0),
    ]
    after = [
        run("aime25", 0, "agent", 60.0),
        run("aime25", 1, "agent", 50.0),
        run("tables", 0, "agent", 72.0),
    ]
    after.append(run("tables", 1, "agent", 5.0))  # has no counterpart
    lines = before_after.document([*before, *oracles], after).splitlines()
    assert lines[2] == "| aime25 | 40.0 (20.0 to 60.0) | 55.0 (50.0 to 60.0) | +15.0 | 75%, 25% | 75%, 62% |"
    assert lines[3] == "| tables | 70.0 | 72.0 | +2.0 | 88% | 90% |"
    told = "\n".join(lines[5:])
    assert "Mean change +8.5 [+2.0, +15.0] points over 2 tasks, 3 runs." in told
    assert "Before: mean 50.0; between seeds of a task 20.0 points on average, 40.0 at most" in told
    assert "under 60%: aime25 seed 1 (25%)." in told
    assert "under 60%: none." in told


def test_results_with_no_run_in_common_say_so() -> None:
    text = before_after.document([run("aime25", 0, "agent", 1.0)], [run("aime25", 1, "agent", 1.0)])
    assert text == "No task and seed has a run of the agent in both results."


def test_two_files_are_compared_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = results(tmp_path, ("all_data", "oracle", "agent"))
    before_after.main(file, file, write=tmp_path / "table.md")
    assert "| aime25 | 70.0 | 70.0 | +0.0 | 75% | 75% |" in capsys.readouterr().out
    assert "Mean change +0.0" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_a_light_source_is_left_out_of_a_mixture_and_the_heaviest_never() -> None:
    assert kept_weights({"a": 0.05, "b": 0.4, "c": 0.9}) == {"c": 0.9, "b": 0.4}
    assert list(kept_weights({"a": 0.05, "b": 0.01})) == ["a"]


def test_a_search_trains_mixtures_and_tests_the_best_of_them_once(tmp_path: Path) -> None:
    settings = run_settings(make_task_and_model(tmp_path), tmp_path / "runs", max_experiments=2)
    found = by_search(settings, "tpe")
    journal = Journal.open(Path(found["run"]) / "journal.jsonl", write=False)
    done = journal.experiments()
    assert [experiment.id for experiment in done] == ["e01", "e02"]
    assert all(experiment.evaluation and experiment.plan.weights for experiment in done)
    assert done[0].training_plan.learning_rate != done[1].training_plan.learning_rate
    assert found["champion"] == journal.champion_id() == journal.incumbent_id()
    assert found["low"] <= found["value"] <= found["high"]
    assert sum(event.kind == "test_comparison" for event in journal.events) == 1
