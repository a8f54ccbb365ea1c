"""The gates let no failure happen a third time, whoever decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.approval import gates
from graph.nodes import data_curator
from graph.step import Step
from memory.records import Diagnosis, Failure, Plan, TrainingPlan
from roles import playbook
from roles.llm.schemas import TrainingDecision
from roles.llm.validate_training import training_draft_of
from tasks.errors import InvalidDecision
from tests.support.progress_records import card
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.support.run_records import plan as made_plan
from tests.test_graph_nodes import step

SOURCES = ("field-notes",)


@pytest.fixture
def dojo(tmp_path: Path) -> Any:
    made = make_dojo(tmp_path / "run", 1)
    for id in ("e02", "e03"):
        begin(made, id)
        made.journal.append("training_plan", TrainingPlan(init_from="e01"), id)
        made.journal.append("failure", Failure(stage="train", code="crashed", message="it died"), id)
        found = Diagnosis(cause="harness", evidence=(), next_move="change_method")
        made.journal.append("diagnosis", found, id)
        made.journal.finish(id, "failed")
    yield made
    made.journal.close()


def begin(dojo: StillDojo, id: str) -> Plan:
    plan = made_plan(id, "e01", change="duration", sources=SOURCES, init_from="e01")
    dojo.journal.append("plan", plan, id)
    dojo.journal.append("card", card(SOURCES), id)
    return plan


def at(dojo: StillDojo, draft: Any, gate: str) -> Step:
    made = step(gate, dojo, [])
    made.state.update(experiment="e04", draft=draft.model_dump(mode="json"))  # type: ignore[typeddict-item]
    made.session.settings = type("Settings", (), {"approve": ()})()  # type: ignore[assignment]
    return made


def test_a_training_that_died_twice_is_not_let_through_a_third_time(dojo: StillDojo) -> None:
    begin(dojo, "e04")
    training = TrainingPlan(init_from="e01", decided_by="llm")
    moved = gates.approve_train(at(dojo, training, "approve_train"))
    assert moved["failed"] is True
    failure = dojo.journal.failure("e04")
    assert failure is not None
    assert failure.code == "repeated"
    assert "e02, e03" in failure.message
    assert dojo.journal.training_plan("e04") is None


def test_a_language_model_is_told_so_and_can_mend_its_decision(dojo: StillDojo) -> None:
    plan = begin(dojo, "e04")
    decision = TrainingDecision(method="full", reason="the model is small")
    with pytest.raises(InvalidDecision, match="e02, e03"):
        training_draft_of(dojo, plan, card(SOURCES), decision)
    other = decision.model_copy(update={"method": "lora"})
    assert training_draft_of(dojo, plan, card(SOURCES), other).method == "lora"


def test_the_playbook_takes_the_other_method_by_itself(dojo: StillDojo) -> None:
    plan = begin(dojo, "e04")
    assert playbook.draft_training(dojo, plan, card(SOURCES)).method == "lora"


def test_another_method_is_let_through(dojo: StillDojo) -> None:
    begin(dojo, "e04")
    moved = gates.approve_train(at(dojo, TrainingPlan(init_from="e01", method="lora"), "approve_train"))
    assert moved["failed"] is False
    assert dojo.journal.training_plan("e04") is not None


def test_a_plan_that_was_refused_twice_is_on_record_as_failed_and_nothing_is_curated(
    dojo: StillDojo,
) -> None:
    for id in ("e04", "e05"):
        begin(dojo, id)
        dojo.journal.append("failure", Failure(stage="train", code="repeated", message="again"), id)
        dojo.journal.finish(id, "failed")
    plan = dojo.journal.plan("e02")
    assert plan is not None
    again = at(dojo, plan.model_copy(update={"experiment": "e06"}), "approve_plan")
    again.state["experiment"] = "e06"
    gates.approve_plan(again)
    assert dojo.journal.plan("e06") is not None
    assert data_curator(again) == {"failed": True}
    failure = dojo.journal.failure("e06")
    assert failure is not None
    assert (failure.stage, failure.code) == ("plan", "repeated")
