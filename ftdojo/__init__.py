"""FT-Dojo: fine-tunes language models on its own, end to end, and proves that they got better.

    import ftdojo

    run = ftdojo.run("tablebench_numerical_reasoning", budget="5m")
    print(run.gain, run.p_value)          # points on the sealed test, paired test
    run.generate(["..."])                 # the champion answers
    graph = ftdojo.build_graph()          # the compiled LangGraph graph: invoke, stream
    ftdojo.tasks()                        # the ids of the tasks

Importing this package is quick: models, LangGraph and Chroma are imported when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdojo.result import Run
from tasks.base import Score
from tasks.errors import ExperimentFailed, FtDojoError, HarnessFault, InputError

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool
    from typing_extensions import Unpack

    from graph.build import Graph
    from graph.policies import Given
    from graph.settings import Options, RunSettings
    from memory.journal.log import Journal

__version__ = "0.1.0"
__all__ = [
    "ExperimentFailed",
    "FtDojoError",
    "HarnessFault",
    "InputError",
    "Run",
    "Score",
    "build_graph",
    "fork",
    "journal",
    "resume",
    "run",
    "settings",
    "tasks",
    "tool",
]

OnEvent = Callable[[dict[str, Any]], None]
"""Called with every event while a run goes on."""
Answer = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Called with each question of a run that has ``approve=("plan", "data", "train")`` or some of these.

Returns ``{"verdict": "approve"}`` or another answer of ``graph.approval.gates``; None leaves the run waiting.
"""


def settings(
    task: str, *, budget: str | float = "5m", policy: Given = "playbook", **options: Unpack[Options]
) -> RunSettings:
    """Settings of a run, for ``build_graph``; ``options`` are described in ``graph.settings.RunSettings``.

    Raises:
        InputError: a setting is unknown or out of range.
    """
    from graph.policies import hand_in
    from graph.settings import make_settings

    return make_settings(task=task, budget_seconds=budget, policy=hand_in(policy), **options)


def run(
    task: str,
    *,
    budget: str | float = "5m",
    on_event: OnEvent | None = None,
    answer: Answer | None = None,
    policy: Given = "playbook",
    **options: Unpack[Options],
) -> Run:
    """Fine-tune a model on a task, on its own, within a budget.

    Args:
        task: a task id, or the path of a folder with ``task.toml``.
        budget: wall-clock as ``"5m"``, ``"1h30m"`` or seconds.
        on_event: see ``OnEvent``.
        answer: see ``Answer``.
        policy: who decides: a name as of ``--policy``, an object with any of the five methods of
            ``roles.policy.Policy``, or a mapping from roles to functions, objects or names.
        options: ``base_model``, ``seed``, ``memory``, ``runs_dir``, ``max_rows``, ``target``... as
            ``graph.settings.RunSettings`` describes them.

    Raises:
        InputError: the task, the model, the budget or a folder is wrong.
        HarnessFault: the harness could not go on; continue with ``resume``.
    """
    from graph.run import run as start

    chosen = settings(task, budget=budget, policy=policy, **options)
    return _result(start(chosen, on_event, answer), Path(chosen.runs_dir))


def resume(
    run_dir: str | Path,
    on_event: OnEvent | None = None,
    answer: Answer | None = None,
    policy: Given | None = None,
) -> Run:
    """Continue a run that was cut off; see ``run``. A policy that is an object is handed in again."""
    from graph.run import resume as go_on

    path = Path(run_dir).expanduser().resolve()
    if policy is not None:
        from graph.policies import hand_in
        from graph.session import read_settings

        hand_in(policy, read_settings(path).policy)
    return _result(go_on(path, on_event, answer), path.parent)


def _result(summary: Mapping[str, Any], runs_dir: Path) -> Run:
    folder = runs_dir.expanduser().resolve() / str(summary["run"])
    return Run(summary, Path(str(summary.get("run_dir", folder))))


def fork(run_dir: str | Path, experiment: str, runs_dir: str | Path) -> Path:
    """A new run that shares everything up to the end of an experiment; ``resume`` goes on with it."""
    from graph.forking.fork import fork as fork_run

    return fork_run(Path(run_dir), experiment, Path(runs_dir))


def build_graph(checkpointer: Any = None) -> Graph:
    """The compiled LangGraph state machine: ``invoke({}, context=ftdojo.settings("aime25"))``."""
    from graph.build import build_graph as build

    return build(checkpointer)


def tool(
    most: str, tasks: Sequence[str] = (), policy: Given = "playbook", **options: Unpack[Options]
) -> StructuredTool:
    """A LangChain tool with which a chat model has a model fine-tuned; see ``graph.tool``.

    Raises:
        InputError: an option is unknown or out of range.
    """
    from graph.policies import hand_in
    from graph.tool import fine_tune_tool

    return fine_tune_tool(most, tuple(tasks), policy=hand_in(policy), **options)


def journal(run_dir: str | Path) -> Journal:
    """A run's journal, opened for reading."""
    from memory.journal.log import Journal

    return Journal.open(Path(run_dir) / "journal.jsonl", write=False)


def tasks() -> tuple[str, ...]:
    """The ids of the registered tasks."""
    from tasks.registry import ids

    return ids()
