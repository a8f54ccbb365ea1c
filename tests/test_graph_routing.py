"""Routing is a pure function of the state."""

from __future__ import annotations

import pytest

from graph import routing


def test_an_ending_leads_to_the_finish():
    assert routing.after_planner({"ending": "stuck"}) == "finish"
    assert routing.after_planner({}) == "approve_plan"


def test_a_rejected_plan_goes_back_and_one_too_many_ends_the_run():
    assert routing.after_approve_plan({"rejected": True}) == "planner"
    assert routing.after_approve_plan({"rejected": True, "ending": "stuck"}) == "finish"
    assert routing.after_approve_plan({"rejected": False}) == "data_curator"


GATES = [
    (routing.after_data_curator, "approve_data"),
    (routing.after_approve_data, "curate"),
    (routing.after_curate, "training_engineer"),
    (routing.after_training_engineer, "approve_train"),
    (routing.after_approve_train, "train"),
    (routing.after_train, "evaluator"),
]


@pytest.mark.parametrize(("router", "onward"), GATES)
def test_what_passes_goes_on_and_what_fails_is_diagnosed(router, onward):
    assert router({"failed": False}) == onward
    assert router({"failed": True}) == "diagnostician"
