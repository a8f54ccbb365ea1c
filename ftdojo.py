"""FT-Dojo: fine-tunes language models on its own, end to end, and proves that they got better.

    import ftdojo

    summary = ftdojo.run("tablebench_numerical_reasoning", budget="5m")
    graph = ftdojo.build_graph()          # the compiled LangGraph graph: invoke, stream
    ftdojo.tasks()                        # the ids of the tasks

Importing this module is quick: models, LangGraph and Chroma are imported when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import ExperimentFailed, FtDojoError, HarnessFault, InputError

if TYPE_CHECKING:
    from graph.build import Graph
    from graph.settings import RunSettings
    from memory.journal.log import Journal

__version__ = "0.1.0"
__all__ = [
    "ExperimentFailed",
    "FtDojoError",
    "HarnessFault",
    "InputError",
    "build_graph",
    "fork",
    "journal",
    "resume",
    "run",
    "settings",
    "tasks",
]


def settings(task: str, *, budget: str | float = "5m", **others: Any) -> RunSettings:
    """Settings of a run; ``others`` are the fields of ``graph.settings.RunSettings``."""
    from graph.settings import make_settings

    return make_settings(task=task, budget_seconds=budget, **others)


def run(
    task: str,
    *,
    budget: str | float = "5m",
    on_event: Callable[[dict[str, Any]], None] | None = None,
    answer: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
    **others: Any,
) -> dict[str, object]:
    """Fine-tune a model on a task, on its own, within a budget; returns the summary.

    Args:
        task: a task id, or the path of a folder with ``task.toml``.
        budget: wall-clock as ``"5m"``, ``"1h30m"`` or seconds.
        on_event: called with every event while the run goes on.
        answer: called with each question of a run that has ``approve=("plan", "data", "train")`` or some of
            these; returns ``{"verdict": "approve"}`` or another answer of ``graph.approval.gates``.
        others: ``base_model``, ``seed``, ``memory``, ``runs_dir``, ``max_rows``, ``target``...

    Raises:
        InputError: the task, the model, the budget or a folder is wrong.
        HarnessFault: the harness could not go on; continue with ``resume``.
    """
    from graph.run import run as start

    return start(settings(task, budget=budget, **others), on_event, answer)


def resume(
    run_dir: str | Path,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    answer: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
) -> dict[str, object]:
    """Continue a run that was cut off; see ``run``."""
    from graph.run import resume as go_on

    return go_on(Path(run_dir), on_event, answer)


def fork(run_dir: str | Path, experiment: str, runs_dir: str | Path) -> Path:
    """A new run that shares everything up to the end of an experiment; ``resume`` goes on with it."""
    from graph.forking.fork import fork as fork_run

    return fork_run(Path(run_dir), experiment, Path(runs_dir))


def build_graph(checkpointer: Any = None) -> Graph:
    """The compiled LangGraph state machine: ``invoke({}, context=ftdojo.settings("aime25"))``."""
    from graph.build import build_graph as build

    return build(checkpointer)


def journal(run_dir: str | Path) -> Journal:
    """A run's journal, opened for reading."""
    from memory.journal.log import Journal

    return Journal.open(Path(run_dir) / "journal.jsonl", write=False)


def tasks() -> tuple[str, ...]:
    """The ids of the registered tasks."""
    from tasks.registry import ids

    return ids()
