"""Where to go next: pure functions of the state, so that a replay or a fork needs no run to be open."""

from __future__ import annotations

from typing import Literal

from graph.state import RunState


def after_planner(state: RunState) -> Literal["data_curator", "finish"]:
    """A plan goes to the DataCurator; an ending to the finish."""
    return "finish" if state.get("ending") else "data_curator"


def after_data(state: RunState) -> Literal["training_engineer", "diagnostician"]:
    """Gate: data. A recipe that leaves nothing, or leaks, is diagnosed without any training."""
    return "diagnostician" if state.get("failed") else "training_engineer"


def after_training(state: RunState) -> Literal["evaluator", "diagnostician"]:
    """Gate: probe and training. What does not fit or diverges is not evaluated."""
    return "diagnostician" if state.get("failed") else "evaluator"
