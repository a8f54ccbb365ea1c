"""A run whose training would break the base's general answers, with and without a budget for that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from graph.session import start
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.general_model import shared_general_model
from tests.support.small_run import make_task_and_model, run_settings
from tools.checks.champion import replaces_incumbent
from tools.curation.replay import BASE_ANSWERS

pytestmark = pytest.mark.timeout(1200)
TIGHT = 0.001
HELD_OUT_ROWS = 60


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("general")
    task, _ = make_task_and_model(folder, HELD_OUT_ROWS)
    return task, shared_general_model()


@pytest.fixture(scope="module")
def runs(task_and_model: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two experiments with a budget that nothing keeps to, and the first of them without one."""
    task, model = task_and_model
    found = {}
    for budget, most in ((TIGHT, 2), (None, 1)):
        told: list[Any] = []
        summary = ftdojo.run(
            str(task),
            base_model=str(model),
            runs_dir=str(tmp_path_factory.mktemp("runs")),
            memory="off",
            answer_cache="off",
            budget="10m",
            max_rows=120,
            max_experiments=most,
            forgetting_budget=budget,
            on_event=told.append,
        )
        journal = Journal.open(summary.run_dir / "journal.jsonl", write=False)
        found["off" if budget is None else "tight"] = (summary, journal, told)
    return found


def test_a_model_beyond_the_budget_is_neither_built_on_nor_claimed(runs: dict[str, Any]) -> None:
    summary, journal, told = runs["tight"]
    assert journal.general.measurable
    first = journal.experiments()[0]
    assert replaces_incumbent(first.comparison)
    assert first.forgetting.beyond
    assert first.outcome == "discarded"
    assert (first.diagnosis.cause, first.diagnosis.next_move) == ("forgetting", "replay")
    assert "beside the task" in first.verdict.note
    assert journal.incumbent_id() == journal.champion_id() == "base"
    assert first.id in summary["forgetting"]["over_budget"]
    assert "forgot more than its budget" in summary["claim"]
    assert "forgot more than its budget" in summary["confirmation"]["text"]
    assert any(event["kind"] == "forgetting" for event in told)


def test_training_goes_on_from_what_forgot_with_general_rows(runs: dict[str, Any]) -> None:
    _, journal, _ = runs["tight"]
    first, second = journal.experiments()
    assert second.plan.replay == 0.1
    assert (second.plan.sources, second.plan.init_from) == (first.plan.sources, first.id)
    assert second.plan.change == "operations"
    assert second.recipe.operations[-1].op == "replay"
    assert second.card.replay_rows == second.card.rows_by_source[BASE_ANSWERS] > 0
    assert second.training is not None


def test_without_a_budget_forgetting_is_told_and_forbids_nothing(runs: dict[str, Any]) -> None:
    summary, journal, _ = runs["off"]
    first = journal.experiments()[0]
    assert first.outcome == "kept"
    assert first.forgetting.budget is None
    assert first.forgetting.general.mean > TIGHT
    assert not any(e.plan.replay for e in journal.experiments())
    assert "nats a token" in summary["forgetting"]["text"] or journal.champion_id() == "base"


def test_the_report_says_what_each_experiment_forgot(runs: dict[str, Any]) -> None:
    summary, _journal, _ = runs["tight"]
    page = summary.report.read_text(encoding="utf-8")
    assert "beyond the budget of 0.001" in page
    assert "general ones, no examples of the task" in page


def test_declared_general_rows_are_no_source_of_the_task(tmp_path: Path) -> None:
    task, model = make_task_and_model(tmp_path)
    rows = [{"prompt": f"Say hello to guest {n}.", "answer": f"Hello, guest {n}!"} for n in range(40)]
    (task / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = task / "task.toml"
    settings.write_text('replay = ["chats.jsonl"]\n' + settings.read_text())
    session = start(run_settings((task, model), tmp_path / "runs"))
    try:
        assert list(session.dojo.replay) == ["chats"]
        assert "chats" not in session.dojo.pool
        assert "chats" not in session.dojo.profiles()
    finally:
        session.close()


def test_a_task_that_nobody_can_score_is_refused_before_the_run(tmp_path: Path) -> None:
    place = make_task_and_model(tmp_path)
    with pytest.raises(InputError, match="do-no-harm") as caught:
        start(run_settings(place, tmp_path / "runs", do_no_harm=("no_such_task",)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()
