"""The state that travels through the graph: JSON-plain, small; the journal holds the records."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

Next = Literal["planner", "data_curator", "training_engineer", "evaluator", "diagnostician", "finish"]


class RunInput(TypedDict, total=False):
    """What an invocation may bring: nothing for a new run, or a prepared run's folder."""

    run: str
    """Run id; made from task, time and seed when absent."""
    run_dir: str
    """The run's folder; made under ``runs_dir`` when absent."""


class RunState(RunInput, total=False):
    """Ids and counters only."""

    experiment: str
    """The experiment under way, ``e01``..."""
    draft: dict[str, Any]
    """What a role has decided and no gate has written down yet: a plan, a recipe or a training plan."""
    failed: bool
    """Whether a gate of this experiment has failed; the Diagnostician looks next."""
    ending: str
    """``solved | out_of_budget | stuck | harness_fault`` once the run ends."""
    reason: str
    """Why it ended, in words."""
    finished: int
    """Experiments finished so far."""
    summary: dict[str, object]
    """The keys of the printed block, once the run has ended."""


class RunOutput(TypedDict, total=False):
    """What an invocation returns."""

    run: str
    run_dir: str
    ending: str
    reason: str
    summary: dict[str, object]
