"""The speed of trainings as a run knows it: prompts are counted once, and only where nothing was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.records import TrainingPlan
from tests.support.run_in_progress import make_dojo


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("tools.process.machine._gpus", lambda: ((), 0.0))
    return []


def test_prompts_are_counted_once_however_often_the_planner_asks(tmp_path: Path, counted: list[str]) -> None:
    dojo = make_dojo(tmp_path, 0)
    dojo.count_tokens = lambda text: counted.append(text) or 1000
    speeds = [dojo.training_speed(TrainingPlan(method=method)) for method in ("full", "lora") * 3]
    assert len(counted) == len(dojo.validation)
    base = dojo.journal.evaluation("base")
    assert base is not None
    answered = (1000 * len(dojo.validation) + base.generated_tokens) / base.wall_seconds
    assert speeds[0].tokens_per_second >= answered / 4
    assert speeds[0] == speeds[2]


def test_measured_trainings_need_no_count(tmp_path: Path, counted: list[str]) -> None:
    dojo = make_dojo(tmp_path, 2)
    dojo.count_tokens = lambda text: counted.append(text) or 1
    method = dojo.journal.experiments()[-1].training_plan.method
    assert dojo.training_speed(TrainingPlan(method=method)).basis == "measured"
    assert counted == []
