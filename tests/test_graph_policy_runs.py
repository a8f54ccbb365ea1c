"""Whole runs under policies by name and by object, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from tests.support.small_run import make_task_and_model, run_arguments


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_task_and_model(tmp_path_factory.mktemp("task_and_model"))


def played(task_and_model: tuple[Path, Path], runs: Path, **how: Any) -> tuple[ftdojo.Run, Any]:
    run = ftdojo.run(**run_arguments(task_and_model, runs, **how))
    return run, ftdojo.journal(run.run_dir)


def test_a_search_goes_through_the_graph_its_gates_and_its_confirmation(
    task_and_model: tuple[Path, Path], tmp_path: Path
) -> None:
    run, journal = played(task_and_model, tmp_path, policy="tpe", max_experiments=2)
    done = journal.experiments()
    assert [each.id for each in done] == ["e01", "e02"] and run["policy"] == "tpe"
    assert all(each.evaluation and each.plan.weights and each.plan.decided_by == "tpe" for each in done)
    assert done[0].training_plan.learning_rate != done[1].training_plan.learning_rate
    assert not any(each.diagnosis.source_scores for each in done)
    kinds = [event.kind for event in journal.events]
    assert kinds.count("test_opened") == kinds.count("candidate_chosen") == run["test_reads"] == 1


def test_a_policy_of_python_is_named_in_the_records_and_needed_again_on_resuming(
    task_and_model: tuple[Path, Path], tmp_path: Path
) -> None:
    class Once:
        def plan(self, dojo: Any, experiment: str) -> Any:
            if dojo.journal.experiments():
                return None
            usable = [name for name, profile in dojo.profiles().items() if profile.suggested_columns]
            return {"sources": usable[:1]}

    policy = Once()
    with pytest.raises(KeyboardInterrupt):
        ftdojo.run(**run_arguments(task_and_model, tmp_path, policy=policy), on_event=_stop_at_card)
    run_dir = next(tmp_path.glob("*/run.json")).parent
    asked = json.loads((run_dir / "run.json").read_text())["policy"]
    assert asked == "object:Once"
    run = ftdojo.resume(run_dir, policy=policy)
    first = ftdojo.journal(run_dir).experiments()[0]
    assert (first.plan.decided_by, first.training_plan.decided_by) == (asked, "playbook")
    assert run["outcome"] == "max_experiments"


def _stop_at_card(event: dict[str, Any]) -> None:
    if event["kind"] == "card":
        raise KeyboardInterrupt


def test_a_few_shot_run_trains_nothing_and_reads_the_test_with_examples(
    task_and_model: tuple[Path, Path], tmp_path: Path
) -> None:
    run, journal = played(task_and_model, tmp_path, policy="few-shot")
    assert journal.experiments() == () and run["test_reads"] == 1 and run["champion"] == "base"
    assert "solved examples before each question" in run["reason"]
