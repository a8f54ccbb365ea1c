"""FT-Dojo: fine-tunes language models on its own, end to end, and proves that they got better.

    import ftdojo

    run = ftdojo.run("tablebench_numerical_reasoning", budget="5m")
    print(run.gain, run.p_value)          # points on the sealed test, paired test
    run.generate(["..."])                 # the champion answers
    graph = ftdojo.build_graph()          # the compiled LangGraph graph: invoke, stream
    ftdojo.tasks()                        # the ids of the tasks

    with ftdojo.open("aime25", budget="5m") as seat:      # an agent of your own plays the run
        seat.call("list_sources").facts
    env = ftdojo.make("ftdojo/aime25-mini-v0", budget="5m")   # the same as a Gymnasium environment

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
    from graph.doors.seat import Seat
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
    "make",
    "open",
    "resume",
    "run",
    "settings",
    "tasks",
    "tool",
    "trajectory",
    "verbs",
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
    accept_changes: bool = False,
    policy: Given | None = None,
) -> Run:
    """Continue a run that was cut off; see ``run``.

    Args:
        run_dir: its folder.
        on_event: see ``OnEvent``.
        answer: see ``Answer``.
        accept_changes: go on although code, data, weights or files have changed, which marks the run.
        policy: the run's, where it is an object: it is handed in again.
    """
    from graph.run import resume as go_on

    path = Path(run_dir).expanduser().resolve()
    if policy is not None:
        from graph.policies import hand_in
        from graph.session import read_settings

        hand_in(policy, read_settings(path).policy)
    return _result(go_on(path, on_event, answer, accept_changes), path.parent)


def _result(summary: Mapping[str, Any], runs_dir: Path) -> Run:
    folder = runs_dir.expanduser().resolve() / str(summary["run"])
    return Run(summary, Path(str(summary.get("run_dir", folder))))


def fork(run_dir: str | Path, experiment: str, runs_dir: str | Path) -> Path:
    """A new run that shares everything up to the end of an experiment; ``resume`` goes on with it."""
    from graph.forking.fork import fork as fork_run

    return fork_run(Path(run_dir), experiment, Path(runs_dir))


def open(
    task: str,
    *,
    budget: str | float = "5m",
    folder: str | Path | None = None,
    on_event: OnEvent | None = None,
    **options: Unpack[Options],
) -> Seat:
    """Open a run for an agent of your own, which plays it by verbs: ``seat.call(verb, **arguments)``.

    The run's clock starts here and runs until ``submit``, or until the seat is closed.

    Args:
        task: as for ``run``.
        budget: as for ``run``.
        folder: where the agent may leave files; by default one in the run's folder.
        on_event: see ``OnEvent``.
        options: as for ``run``; ``policy`` is not asked.

    Raises:
        InputError: the task, the model, the budget or a folder is wrong.
        HarnessFault: the harness cannot go on.
    """
    from graph.doors.seat import open_seat

    chosen = settings(task, budget=budget, **options)
    return open_seat(chosen, Path(folder) if folder is not None else None, on_event)


def make(id: str, **options: Any) -> Any:
    """A Gymnasium environment: ``make("ftdojo/aime25-mini-v0", budget="5m", seed=0)``, or of any task.

    Args:
        id: ``ftdojo/TASK-mini-v0``, ``ftdojo/TASK-official-v0``, or a task as for ``run``.
        options: ``budget``, ``seed``, ``stand_still``, ``render_mode``, and settings as for ``run``.

    Raises:
        InputError: the name or an option is wrong, or the extra ``gym`` is missing.
    """
    from graph.extras import require

    require("ftdojo.make", "gym")
    from graph.doors.gym_env import make as make_env

    return make_env(id, **options)


def verbs() -> list[dict[str, Any]]:
    """The verbs of ``open``'s seat as functions that a language model may call, without a run.

    Returns:
        One mapping a verb, in the order of a run, as chat APIs and chat templates take tools: ``type``, and
        ``function`` with ``name``, ``description`` and ``parameters`` (JSON schema of the arguments).
    """
    from tools.verbs.trajectory import tool_schemas

    return tool_schemas()


def trajectory(run_dir: str | Path) -> dict[str, Any]:
    """A run as a conversation with tool calls, with its reward and outcome: a row for TRL's trainers."""
    from tools.verbs.trajectory import trajectory_of

    return trajectory_of(Path(run_dir))


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
