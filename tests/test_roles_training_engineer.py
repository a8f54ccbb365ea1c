"""What rate a training is suggested: never above the one that made the weights it goes on from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import pytest

from memory.records import Change
from roles.lesson import lesson_of
from roles.llm.briefing.build import briefing
from roles.llm.briefing.history import hyperparameters_text
from roles.training_engineer import hyperparameters_for, rate_ceiling
from roles.training_gate import needs_probe
from roles.trials import trials_from
from tests.support.run_in_progress import StillDojo, make_dojo
from tools.training.learning_rate import learning_rate_range

CHANGES = [change for change in get_args(Change) if change != "first"]


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> StillDojo:
    return make_dojo(tmp_path_factory.mktemp("run"), 8, current="card")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("start", ["e02", "e05", "e06"])
def test_whatever_a_plan_changes_a_restart_stays_under_the_rate_of_its_weights(
    dojo: StillDojo, change: Change, start: str
) -> None:
    plan, history = dojo.journal.plan("e09"), dojo.journal.experiments()
    assert plan is not None
    asked = plan.model_copy(update={"change": change, "init_from": start, "parent": start})
    started = dojo.journal.training_plan(start)
    assert started is not None
    found = hyperparameters_for(dojo, asked, history, "full")
    assert found.learning_rate <= started.learning_rate
    free = hyperparameters_for(dojo, asked.model_copy(update={"init_from": "base"}), history, "full")
    assert max(e.training_plan.learning_rate for e in history if e.training_plan) > started.learning_rate
    assert free.learning_rate > 0


def test_a_better_rate_of_another_experiment_is_held_down_and_says_so(dojo: StillDojo) -> None:
    plan = dojo.journal.plan("e09")
    assert plan is not None
    # As short as those were, so that the best rate is not lowered for a longer training.
    changes = {"change": "sources", "init_from": "e05", "parent": "e05", "max_seconds": 1.0}
    asked = plan.model_copy(update=changes)
    found = hyperparameters_for(dojo, asked, dojo.journal.experiments(), "full")
    assert (found.learning_rate, found.origin) == (1e-3, "best so far, held to the rate of e05")


def test_a_rate_moves_to_its_place_in_the_other_methods_range(dojo: StillDojo) -> None:
    width = dojo.base_model.hidden_size
    full, lora = (learning_rate_range(method, width)[1] for method in ("full", "lora"))
    assert rate_ceiling(dojo, "base", "lora") is None
    assert rate_ceiling(dojo, "e06", "lora") == pytest.approx(2e-3 * lora / full)


def test_a_rate_that_a_range_test_lowered_is_the_rate_wherever_it_is_asked_for(dojo: StillDojo) -> None:
    tried = dojo.journal.experiment("e06")
    assert tried is not None
    assert tried.training is not None
    assert tried.training_plan is not None
    assert tried.card is not None
    planned = tried.training_plan.learning_rate
    lowered = tried.model_copy(
        update={"training": tried.training.model_copy(update={"learning_rate": planned / 8})}
    )
    lessons = [lesson_of(dojo, each) for each in (tried, lowered)]
    assert [each.settings["learning_rate"] for each in lessons if each] == [planned, planned / 8]
    assert f"learning rate {planned / 8:.2g}, batch" in (lessons[1].text if lessons[1] else "")
    assert f"lr {planned / 8:.2g} " in hyperparameters_text(lowered.training_plan, lowered.training)
    assert trials_from([lowered], 20.0, "full")[0].learning_rate == planned / 8
    # What trained at an eighth says nothing of whether the plan's own rate is stable.
    for each, probed in ((tried, False), (lowered, True)):
        only = SimpleNamespace(journal=SimpleNamespace(without=(), experiments=lambda each=each: (each,)))
        assert needs_probe(only, tried.training_plan, tried.card) == probed  # type: ignore[arg-type]


def test_the_ceiling_is_told_before_the_decision(dojo: StillDojo) -> None:
    assert "at most 0.002, the rate that made the weights of e06" in briefing(
        "training_engineer", dojo, "e09"
    )
