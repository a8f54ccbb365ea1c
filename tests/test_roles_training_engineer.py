"""What rate a training is suggested: never above the one that made the weights it goes on from."""

from __future__ import annotations

from typing import get_args

import pytest

from memory.records import Change
from roles.llm.briefing.build import briefing
from roles.training_engineer import hyperparameters_for, rate_ceiling
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


def test_the_ceiling_is_told_before_the_decision(dojo: StillDojo) -> None:
    assert "at most 0.002, the rate that made the weights of e06" in briefing(
        "training_engineer", dojo, "e09"
    )
