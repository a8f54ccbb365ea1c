"""Flags of the command line, made from ``RunSettings``: each setting is described there and nowhere else.

``FLAGS`` adds what only a command line has: the heading in the help, a flag's name where it is not the
field's, and what the shell completes.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic_core import PydanticUndefined

from graph.policy_names import POLICIES
from graph.settings import DEFAULT_BUDGET, RunSettings
from tools.forgetting import watched

TASK, LIMITS, POLICY, PLACES, OUTPUT = (
    "Task and model",
    "Time and limits",
    "Who decides",
    "Folders",
    "Output",
)
RUNS, RESULTS, TASKS, SETUP = "Runs", "Results", "Tasks and scores", "Installation"


@dataclass(frozen=True)
class Flag:
    """How a setting looks on the command line."""

    panel: str
    name: str = ""
    """Where it is not the field's name with hyphens."""
    default: object = None
    """As a person writes it, where that is not the field's own."""
    metavar: str | None = None
    shown: str | bool = True
    """A default as the help shows it, where it depends on the environment."""
    completes: tuple[str, ...] = ()
    """What the shell offers, where the setting's type does not say."""


FLAGS = {
    "edition": Flag(TASK),
    "split": Flag(TASK),
    "base_model": Flag(TASK, metavar="MODEL"),
    "allow_pickle": Flag(TASK),
    "loss_on": Flag(TASK),
    "seed": Flag(TASK),
    "eval_server": Flag(TASK, metavar="URL"),
    "baseline": Flag(TASK, metavar="MODEL"),
    "budget_seconds": Flag(LIMITS, "--budget", DEFAULT_BUDGET, "DURATION"),
    "executor": Flag(LIMITS, metavar="local|ray[:ADDRESS]", completes=("local", "ray", "ray:auto")),
    "workers": Flag(LIMITS),
    "max_experiments": Flag(LIMITS),
    "max_disk_gb": Flag(LIMITS, metavar="GB"),
    "max_rows": Flag(LIMITS),
    "max_length": Flag(LIMITS, metavar="TOKENS"),
    "max_new_tokens": Flag(LIMITS, metavar="TOKENS"),
    "forgetting_budget": Flag(LIMITS, default=str(watched.DEFAULT_BUDGET), metavar="NATS"),
    "do_no_harm": Flag(LIMITS, default="", metavar="TASKS"),
    "target": Flag(LIMITS, metavar="SCORE"),
    "policy": Flag(POLICY, metavar="NAME", completes=tuple(POLICIES)),
    "search": Flag(POLICY),
    "model": Flag(POLICY, metavar="PROVIDER:MODEL"),
    "base_url": Flag(POLICY, metavar="URL"),
    "models_file": Flag(POLICY, "--models", metavar="FILE"),
    "teacher": Flag(POLICY, metavar="PROVIDER:MODEL"),
    "max_usd": Flag(POLICY, metavar="USD"),
    "max_tokens": Flag(POLICY, metavar="TOKENS"),
    "decision_seconds": Flag(POLICY, metavar="SECONDS"),
    "approve": Flag(POLICY, default="", metavar="STEPS"),
    "report_to": Flag(OUTPUT, default="", metavar="TRACKERS"),
    "memory": Flag(PLACES, metavar="FOLDER", shown="FTDOJO_HOME/memory"),
    "answer_cache": Flag(PLACES, metavar="FOLDER", shown="FTDOJO_HOME/answers"),
    "runs_dir": Flag(PLACES, metavar="FOLDER", shown="FTDOJO_HOME/runs"),
    "data_root": Flag(PLACES, metavar="FOLDER", shown="FTDOJO_HOME/data"),
}
"""By setting, in the order of the help."""


def task_ids() -> list[str]:
    """What the shell completes for a task."""
    from tasks.registry import ids

    return list(ids())


TaskId = typer.Argument(metavar="TASK", help="A task id (see `ftdojo tasks`).", autocompletion=task_ids)


def option(field: str) -> Any:
    """The option of a setting, for ``Annotated``; its default is the caller's to give."""
    flag, info = FLAGS[field], RunSettings.model_fields[field]
    choices = _choices(info.annotation)
    completed = choices or list(flag.completes)
    return typer.Option(
        flag.name or "--" + field.replace("_", "-"),
        help=info.description,
        rich_help_panel=flag.panel,
        metavar=flag.metavar or ("|".join(choices) if choices else None),
        autocompletion=(lambda: completed) if completed else None,
        default_factory=(lambda: info.get_default(call_default_factory=True))
        if info.default_factory
        else None,
        show_default=flag.shown,
    )


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``task`` and one option for every setting; they arrive as keyword arguments."""
    task = typer.Argument(
        metavar="TASK", help=RunSettings.model_fields["task"].description, autocompletion=task_ids
    )
    return takes(command, [parameter("task", Annotated[str, task]), *map(_option_parameter, FLAGS)])


def takes(command: Callable[..., None], made: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """Give a command these options before its own; they arrive as keyword arguments."""
    own = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(command, eval_str=True).parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    every = [*made, *own]
    command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in every}
    return command


def renamed(old: str, new: str) -> None:
    """Say the new name of a flag that still works under its old one."""
    print(f"{old} is now called {new}", file=sys.stderr)  # noqa: T201


def _option_parameter(field: str) -> inspect.Parameter:
    flag, info = FLAGS[field], RunSettings.model_fields[field]
    kind = str if flag.default is not None else _plain_type(info.annotation)
    default = flag.default if flag.default is not None else info.default
    return parameter(field, Annotated[kind, option(field)], default)


def parameter(name: str, annotation: Any, default: object = PydanticUndefined) -> inspect.Parameter:
    """An option as ``takes`` gives it to a command; without a default it must be given."""
    given = inspect.Parameter.empty if default is PydanticUndefined else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given, annotation=annotation)


def _choices(annotation: Any) -> list[str]:
    return list(get_args(annotation)) if get_origin(annotation) is Literal else []


def _plain_type(annotation: Any) -> Any:
    """The type that the command line reads: numbers as they are, choices and the rest as text."""
    if get_origin(annotation) in (Union, types.UnionType):
        return annotation
    return annotation if annotation in (int, float, bool) else str


RunsDir = Annotated[str, option("runs_dir")]
Memory = Annotated[str, option("memory")]
DataRoot = Annotated[str, option("data_root")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's name or folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", rich_help_panel=OUTPUT)]
