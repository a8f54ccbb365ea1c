"""The state that travels through the graph: JSON-plain, small; the journal holds the records."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict


class RunInput(TypedDict, total=False):
    """Leave empty for a new run, which the context's settings describe."""

    run_dir: Annotated[
        str, Field(description="Folder of a run to go on with. For a new run leave it out: one is made.")
    ]


class RunState(RunInput, total=False):
    """Ids and counters only."""

    run: str
    """The run's id, the name of its folder."""
    experiment: str
    """The experiment under way, ``e01``..."""
    draft: dict[str, Any]
    """What a role has decided and no gate has written down yet: a plan, a recipe or a training plan."""
    rejected: bool
    """Whether a person has just rejected the plan; the Planner looks again."""
    failed: bool
    """Whether a gate of this experiment has failed; the Diagnostician looks next."""
    ending: str
    """``solved | out_of_budget | max_experiments | stuck | submitted | harness_fault`` once the run ends."""
    reason: str
    """Why it ended, in words."""
    finished: int
    """Experiments finished so far."""
    journal_events: int
    """Length of the journal when this state was written: what stands behind it came later."""
    summary: dict[str, object]
    """The keys of the printed block, once the run has ended."""


class RunOutput(TypedDict, total=False):
    """What an invocation returns."""

    run: str
    run_dir: str
    ending: str
    reason: str
    summary: dict[str, object]
