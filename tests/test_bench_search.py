"""The bench of searches: its worlds, its runs, its figures."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from graph.bench.injected_failures import FAULTS, FaultPlan, FaultyWorker
from tasks.errors import ExperimentFailed
from tests.bench.search.dojo import ITEMS
from tests.bench.search.figures import compared, recovered
from tests.bench.search.recovery import disturbed, most_alike
from tests.bench.search.run import simulated_run
from tests.bench.search.sampled import sampled_run
from tests.bench.search.surface import made_surface


def test_a_run_is_the_same_for_the_same_seed_and_others_for_others() -> None:
    assert simulated_run(3, "greedy", 120.0) == simulated_run(3, "greedy", 120.0)
    assert simulated_run(3, "greedy", 120.0) != simulated_run(4, "greedy", 120.0)


def test_training_moves_skills_towards_what_the_rows_teach() -> None:
    surface = made_surface(2, ITEMS)
    clean = next(name for name, source in surface.sources.items() if source.right > 0.9)
    worlds = {"rows": 1000, "restarted": False, "skills": (0.02,) * 4, "weights": {clean: 1.0}}
    short, long, fast = (
        sum(surface.trained(rows_read=rows, rate=rate, draws=random.Random(0), **worlds))  # type: ignore[arg-type]
        for rows, rate in (
            (500.0, surface.best_rate),
            (4000.0, surface.best_rate),
            (4000.0, 20 * surface.best_rate),
        )
    )
    assert short < long
    assert fast < long


def test_the_plan_of_failures_hits_its_share_in_five_ways() -> None:
    faults = FaultPlan(7)
    hit = sum(faults.next() is not None for _ in range(3000))
    assert 900 < hit < 1100
    assert set(faults.injected) == set(FAULTS)
    again = FaultPlan(7)
    assert [again.next() for _ in range(50)] == [FaultPlan(7, asked=n).next() for n in range(50)]


def test_a_faulty_worker_fails_trainings_after_the_time_they_lose_and_passes_all_else_on(
    tmp_path: Path,
) -> None:
    slept: list[float] = []
    real = SimpleNamespace(run=lambda *given, **places: {"ran": given[0]}, threads=2)
    worker = FaultyWorker(real, FaultPlan(0, share=1.0), slept.append)  # type: ignore[arg-type]
    with pytest.raises(ExperimentFailed, match="injected"):
        worker.run("train", {}, 60.0, tmp_path / "log", "train")
    assert 0 < slept[0] < 60.0
    assert worker.run("answer", {}, 60.0, tmp_path / "log", "evaluate") == {"ran": "answer"}
    assert worker.threads == 2


def test_no_failure_comes_three_times_and_recovery_loses_no_more_than_giving_up() -> None:
    runs = {
        recovery: [disturbed(seed, "tree", 150.0, recovery) for seed in range(4)]
        for recovery in (True, False)
    }
    assert all(most_alike(each) <= 2 for each in runs[True])
    assert sum(each.failed for each in runs[True]) > 0


def test_the_tables_hold_a_line_for_each_search() -> None:
    found = {"greedy": [simulated_run(1, "greedy", 120.0)], "tpe": [sampled_run(1, "tpe", 120.0)]}
    assert "| tpe |" in compared(found)
    assert "| with |" in recovered([("with", found["greedy"], found["greedy"])])
    assert "100%" in recovered([("with", found["greedy"], found["greedy"])])
