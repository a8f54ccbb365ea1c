"""Where to go next: pure functions of the state, so that a replay or a fork needs no run to be open."""

from __future__ import annotations

from typing import Literal

from graph.state import RunState


def after_planner(state: RunState) -> Literal["approve_plan", "finish"]:
    """A plan goes to its gate; an ending to the finish."""
    return "finish" if state.get("ending") else "approve_plan"


def after_approve_plan(state: RunState) -> Literal["data_curator", "planner", "finish"]:
    """A plan that a person rejects goes back to the Planner; one rejection too many ends the run."""
    if state.get("ending"):
        return "finish"
    return "planner" if state.get("rejected") else "data_curator"


def after_data_curator(state: RunState) -> Literal["approve_data", "diagnostician"]:
    """A recipe goes to its gate; where none could be written, there is nothing to approve."""
    return "diagnostician" if state.get("failed") else "approve_data"


def after_approve_data(state: RunState) -> Literal["curate", "diagnostician"]:
    """A recipe that a person rejects is never run."""
    return "diagnostician" if state.get("failed") else "curate"


def after_curate(state: RunState) -> Literal["training_engineer", "diagnostician"]:
    """Gate: data. A recipe that leaves nothing, or leaks, is diagnosed without any training."""
    return "diagnostician" if state.get("failed") else "training_engineer"


def after_training_engineer(state: RunState) -> Literal["approve_train", "diagnostician"]:
    """Gate: memory, time, probe. What does not fit is not offered for approval."""
    return "diagnostician" if state.get("failed") else "approve_train"


def after_approve_train(state: RunState) -> Literal["train", "diagnostician"]:
    """A training that a person rejects is never started."""
    return "diagnostician" if state.get("failed") else "train"


def after_train(state: RunState) -> Literal["evaluator", "diagnostician"]:
    """Gate: training. What diverges or runs out of time is not evaluated."""
    return "diagnostician" if state.get("failed") else "evaluator"
