"""The same failure never comes three times: what counts as the same, and who is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from memory.records import Experiment, Failure, Plan, TrainingPlan
from tasks.errors import ExperimentFailed, InvalidDecision
from tests.support.progress_records import card
from tests.support.run_in_progress import tiny_base
from tests.support.run_records import plan as made_plan
from tools.checks.repeated_failure import (
    check_plan_repeats,
    check_recipe_repeats,
    check_training_repeats,
    mendable,
    refuse_repeats,
)
from tools.training.memory import longest_batch

CARD = card(("pool_a",))


def trained(**changes: Any) -> TrainingPlan:
    return TrainingPlan.model_validate({"max_steps": 100, "timeout_seconds": 60.0} | changes)


def failed(number: int, code: str, stage: str = "train", **changes: Any) -> Experiment:
    """An experiment whose training failed with these settings."""
    training = trained(**changes)
    plan = made_plan(f"e{number:02d}").model_copy(update={"init_from": training.init_from})
    return Experiment(
        id=plan.experiment,
        number=number,
        plan=plan,
        card=CARD,
        training_plan=training if stage == "train" else None,
        failure=Failure(
            stage=stage,
            code=code,
            message="it failed",
            tried=training.model_dump(mode="json") if stage == "probe" else {},
        ),
        outcome="failed",
    )


def dojo(*history: Experiment, did_not_fit: tuple[dict[str, Any], ...] = ()) -> Any:
    journal = SimpleNamespace(experiments=lambda: history, did_not_fit=did_not_fit)
    return SimpleNamespace(journal=journal, base_model=tiny_base())


def asked(init_from: str = "base") -> Plan:
    return made_plan("e09").model_copy(update={"init_from": init_from})


def refusal(run: Any, **changes: Any) -> str:
    training = trained(**changes)
    try:
        check_training_repeats(run, asked(training.init_from), CARD, training)
    except InvalidDecision as refused:
        return str(refused)
    return ""


def test_a_rate_that_diverged_twice_is_refused_and_so_is_every_higher_one():
    run = dojo(
        failed(1, "diverged", learning_rate=0.002), failed(2, "diverged", "probe", learning_rate=0.003)
    )
    assert "e01, e02" in refusal(run, learning_rate=0.004)
    assert "less than 0.002" in refusal(run, learning_rate=0.003)
    assert not refusal(run, learning_rate=0.0025)  # only one training diverged at as low a rate
    assert not refusal(run, learning_rate=0.004, method="lora")
    assert not refusal(run, learning_rate=0.004, init_from="e05")


def test_one_divergence_is_no_reason_to_refuse():
    assert not refusal(dojo(failed(1, "diverged", learning_rate=0.002)), learning_rate=0.002)


def test_a_length_that_did_not_end_in_time_twice_is_refused_within_as_much_time():
    run = dojo(failed(1, "timeout"), failed(2, "timeout", max_steps=90))
    assert "max_steps" in refusal(run)
    assert not refusal(run, max_steps=80)
    assert not refusal(run, timeout_seconds=120.0)
    assert not refusal(run, max_steps=-1)  # its length is settled later


def test_a_process_that_died_twice_over_the_same_work_needs_another_method_or_other_work():
    run = dojo(failed(1, "crashed"), failed(2, "crashed", learning_rate=0.0001))
    assert "another method" in refusal(run)
    assert not refusal(run, method="lora")
    assert not refusal(run, init_from="e05")


def test_different_causes_do_not_add_up():
    assert not refusal(dojo(failed(1, "crashed"), failed(2, "timeout"), failed(3, "diverged")))


def test_what_ran_out_of_memory_twice_is_refused_and_a_smaller_batch_is_not():
    large = CARD.model_copy(update={"longest_tokens": 400, "rows": 500})
    form = trained(per_device_train_batch_size=32)
    noted = {"plan": form.model_dump(mode="json"), "batch": [*longest_batch(form, large)]}
    run = dojo(did_not_fit=(noted, noted))
    with pytest.raises(InvalidDecision, match="memory: 2 trainings"):
        check_training_repeats(run, asked(), large, trained(per_device_train_batch_size=32))
    check_training_repeats(run, asked(), large, trained(per_device_train_batch_size=2))


def test_a_recipe_that_failed_twice_is_refused_until_something_in_it_changes():
    from tests.support.run_in_progress import _recipe

    recipe = _recipe(("pool_a",), "")
    before = [
        failed(n, "bad_script", "data").model_copy(update={"recipe": recipe, "training_plan": None})
        for n in (1, 2)
    ]
    with pytest.raises(InvalidDecision, match="e01, e02"):
        check_recipe_repeats(dojo(*before), recipe)
    check_recipe_repeats(dojo(*before), recipe.model_copy(update={"seed": 1}))
    check_recipe_repeats(dojo(before[0]), recipe)


def test_a_plan_that_was_refused_twice_is_not_planned_again():
    refused = [failed(n, "repeated") for n in (1, 2)]
    with pytest.raises(InvalidDecision, match="pool_a from base"):
        check_plan_repeats(dojo(*refused), asked())
    check_plan_repeats(dojo(*refused), asked("e05"))


def test_a_refusal_becomes_a_failure_of_the_experiment_that_cost_no_training():
    run = dojo(failed(1, "crashed"), failed(2, "crashed"))
    with pytest.raises(ExperimentFailed) as caught:
        refuse_repeats("train", lambda: check_training_repeats(run, asked(), CARD, trained()))
    assert caught.value.code == "repeated"


@pytest.mark.parametrize(
    ("stage", "code", "can_be"),
    [
        ("train", "crashed", True),
        ("probe", "diverged", True),
        ("evaluate", "timeout", True),
        ("probe", "does_not_fit", False),
        ("data", "empty_data", False),
        ("train", "repeated", False),
        ("train", "rejected", False),
    ],
)
def test_what_says_nothing_about_the_data_can_be_mended(stage, code, can_be):
    assert mendable(failed(1, code, stage)) is can_be
