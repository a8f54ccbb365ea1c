"""Routing is a pure function of the state."""

from __future__ import annotations

from graph import routing


def test_an_ending_leads_to_the_finish():
    assert routing.after_planner({"ending": "stuck"}) == "finish"
    assert routing.after_planner({}) == "data_curator"


def test_a_failed_gate_leads_to_the_diagnostician_without_training_or_evaluation():
    assert routing.after_data({"failed": True}) == "diagnostician"
    assert routing.after_training({"failed": True}) == "diagnostician"


def test_what_passes_its_gate_goes_on():
    assert routing.after_data({"failed": False}) == "training_engineer"
    assert routing.after_training({"failed": False}) == "evaluator"
