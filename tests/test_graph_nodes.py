"""The Evaluator's node: what it writes and tells of an experiment that was stopped early."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from graph.nodes import diagnostician, evaluator
from graph.session import OpenRuns, Session
from graph.state import RunState
from graph.step import Step
from roles import playbook
from tests.test_tools_evaluation_staged import run_with_a_model, with_models
from tools.dojo import Dojo


def step(name: str, dojo: Dojo, told: list[dict[str, Any]]) -> Step:
    session = cast(
        Session, SimpleNamespace(dojo=dojo, policy=playbook, run_dir=dojo.workspace.run_dir, ahead=None)
    )
    return Step(name, RunState(experiment="e01"), cast(OpenRuns, None), session, told.append)


@pytest.mark.parametrize(("right", "stopped"), [(lambda n: False, True), (lambda n: n % 2 == 0, False)])
def test_a_stopped_experiment_is_told_compared_on_its_share_and_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: Any, stopped: bool
) -> None:
    dojo, told = run_with_a_model(tmp_path, monkeypatch), []
    worker = with_models(dojo, e01=right)
    for work in (evaluator, evaluator, diagnostician):  # a node may run twice after a kill
        work(step(work.__name__, dojo, told))
    assert len(worker.asked) == (1 if stopped else 2)
    (done,) = dojo.journal.experiments()
    assert done.evaluation is not None
    assert done.comparison is not None
    assert done.outcome == ("discarded" if stopped else "kept")
    assert done.comparison.n == done.evaluation.score.n == (60 if stopped else 240)
    notes = [note for note in dojo.journal.notes if "items answered" in note]
    assert len(notes) == stopped
    said = [event["data"]["text"] for event in told if event["kind"] == "note"]
    assert [text for text in said if "items answered" in text] == notes * 2
