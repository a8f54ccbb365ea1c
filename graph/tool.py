"""The graph as a LangChain tool: a chat model has another model fine-tuned, and is told what came of it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from graph.run import run
from graph.settings import RunSettings, make_settings, parse_duration
from tasks.errors import FtDojoError, InputError
from tasks.registry import ids

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool

NAME = "fine_tune"
TOLD = (
    *("run", "task", "base_model", "outcome", "reason", "claim", "gain", "p_value", "champion", "report"),
    *("kept", "discarded", "failed", "wall_seconds"),
)
"""Of a run's summary."""
LEAST_BUDGET = "5m"


class Request(BaseModel):
    """What a model may ask for."""

    model_config = ConfigDict(extra="forbid")
    task: str = Field(description=str(RunSettings.model_fields["task"].description))
    budget: str = Field(LEAST_BUDGET, description="Wall-clock of the whole run: 5m, 30m, 1h30m.")


def fine_tune_tool(most: str, tasks: tuple[str, ...] = (), **options: Any) -> StructuredTool:
    """A tool that runs the graph and answers with the summary as JSON; what is wrong comes back as one line.

    Args:
        most: the largest budget that a call may take.
        tasks: task ids and folders that may be asked for; every task id when empty, and no path.
        options: settings of every run, as of ``ftdojo.run``: the model asks for none of them.

    Raises:
        InputError: an option is none, or wants a person asked.
    """
    from langchain_core.tools import StructuredTool, ToolException

    from tools.toolkit.answers import wrong_arguments

    allowed, seconds = tasks or ids(), parse_duration(most)
    if make_settings(task=allowed[0], budget_seconds=seconds, **options).approve:
        raise InputError("approve", "nobody is asked while a tool runs", "make the graph a node of your own")

    def fine_tune(task: str, budget: str = LEAST_BUDGET) -> str:
        try:
            if task not in allowed:
                raise InputError(f"task {task}", "may not be asked for", f"one of {', '.join(allowed)}")
            if parse_duration(budget) > seconds:
                raise InputError(f"budget {budget}", f"is more than {most}", f"ask for {most} or less")
            summary = run(make_settings(task=task, budget_seconds=budget, **options))
        except FtDojoError as error:
            raise ToolException(" ".join(str(error).split())) from error
        return json.dumps({name: summary[name] for name in TOLD if name in summary}, ensure_ascii=False)

    return StructuredTool.from_function(
        fine_tune,
        name=NAME,
        description=(
            "Fine-tune a language model on a task until the budget ends, and test it once on sealed items. "
            f"Takes as long as the budget, {most} at most. Tasks: {', '.join(allowed)}."
        ),
        args_schema=Request,
        handle_tool_error=True,
        handle_validation_error=partial(wrong_arguments, Request),
    )
