"""Two results of the bench side by side: mean, spread and low runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.bench import before_after
from graph.bench.results import append
from tests.support.bench_results import result


def run(task: str, seed: int, policy: str, value: float, base: float = 0.0) -> dict[str, Any]:
    """A line of a results file, as far as two results are compared."""
    return {"task": task, "seed": seed, "policy": policy, "value": value, "base_value": base}


def test_two_results_are_compared_by_mean_spread_and_low_runs() -> None:
    oracles = [run(task, seed, "oracle-source", 80.0) for task in ("aime25", "tables") for seed in (0, 1)]
    before = [
        run("aime25", 0, "playbook", 60.0),
        run("aime25", 1, "playbook", 20.0),
        run("tables", 0, "playbook", 70.0),
    ]
    after = [
        run("aime25", 0, "playbook", 60.0),
        run("aime25", 1, "playbook", 50.0),
        run("tables", 0, "playbook", 72.0),
    ]
    after.append(run("tables", 1, "playbook", 5.0))  # has no counterpart
    lines = before_after.document([*before, *oracles], after).splitlines()
    assert lines[2] == "| aime25 | 40.0 (20.0 to 60.0) | 55.0 (50.0 to 60.0) | +15.0 | 75%, 25% | 75%, 62% |"
    assert lines[3] == "| tables | 70.0 | 72.0 | +2.0 | 88% | 90% |"
    told = "\n".join(lines[5:])
    assert "Mean change +8.5 [+2.0, +15.0] points over 2 tasks, 3 runs." in told
    assert "Before: mean 50.0; between seeds of a task 20.0 points on average, 40.0 at most" in told
    assert "under 60%: aime25 seed 1 (25%)." in told
    assert "under 60%: none." in told


def test_results_with_no_run_in_common_say_so() -> None:
    text = before_after.document([run("aime25", 0, "playbook", 1.0)], [run("aime25", 1, "playbook", 1.0)])
    assert text == "No task and seed has a run of the playbook in both results."


def test_two_files_are_compared_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.jsonl"
    append(file, result("aime25", "oracle-source", 90.0))
    append(file, result("aime25", "playbook", 70.0))
    before_after.main(file, file, write=tmp_path / "table.md")
    assert "| aime25 | 70.0 | 70.0 | +0.0 | 75% | 75% |" in capsys.readouterr().out
    assert "Mean change +0.0" in (tmp_path / "table.md").read_text(encoding="utf-8")
