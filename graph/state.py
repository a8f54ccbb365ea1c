"""The state that travels through the graph: small; the journal holds the records.

What nodes work with is JSON-plain: ids and counters. ``happened`` and ``messages`` are for those who look on.
"""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import Field
from typing_extensions import TypedDict

from graph.settings import BUNDLED_MODEL, RunSettings
from tasks.registry import ids


def _described(field: str, **schema: Any) -> Any:
    """The field of a form, with the description of the setting that it stands for."""
    return Field(description=RunSettings.model_fields[field].description, json_schema_extra=schema)


class RunInput(TypedDict, total=False):
    """What matters of a new run; what is left out comes from the context's settings, as all the rest does."""

    task: Annotated[
        str,
        Field(
            description="A task id (see `ftdojo tasks`); files, folders and the Hub are for the context.",
            json_schema_extra={"enum": list(ids())},
        ),
    ]
    budget: Annotated[str, _described("budget_seconds", examples=["5m", "30m", "1h30m"])]
    base_model: Annotated[str, _described("base_model", examples=[BUNDLED_MODEL])]
    run_dir: Annotated[
        str, Field(description="Folder of a run to go on with. For a new run leave it out: one is made.")
    ]


class RunState(TypedDict, total=False):
    """Ids and counters, and what was said of them."""

    run_dir: str
    """The run's folder."""
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
    happened: str
    """What the last node did, in a few lines; no node reads it."""
    messages: Annotated[list[AnyMessage], add_messages]
    """The run as a conversation; no node reads it."""


class RunOutput(TypedDict, total=False):
    """What an invocation returns, and what of a node's changes a stream of updates shows."""

    run: str
    run_dir: str
    ending: str
    reason: str
    summary: dict[str, object]
    happened: str
    messages: Annotated[list[AnyMessage], add_messages]
