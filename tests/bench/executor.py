"""Executor: eight looks on one worker and on several, the same decisions, and a worker killed in the middle.

    python -m tests.bench.executor [--sources 8] [--executor ray] [--workers 2] [--no-kill] [--waiting 5]

Every run is of the bundled model on the example task with its rows cut into eight sources, one look at each.
Each worker has one thread: the run on one worker is pinned to one core, so that training sums alike.
With ``--waiting`` nothing is trained: each training sleeps so many seconds and each answering a fifth of it,
which shows what the order of the work leaves to gain where processors are no limit, and nothing of training.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from graph import executors
from tasks.errors import ExperimentFailed
from tests.support.cheap_run import quick_children
from tests.support.side_by_side import Looks, first_difference, kill_child, looks_of, make_looks, task_of


def main() -> None:
    """Prints a Markdown table, a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--executor", default="local")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--waiting", type=float, default=0.0)
    parser.add_argument("--play", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.play:
        return _play(**json.loads(chosen.play))
    with tempfile.TemporaryDirectory() as name:
        _compare(Path(name), chosen)


def _compare(folder: Path, chosen: argparse.Namespace) -> None:
    task = task_of(folder / "task", chosen.sources)
    one_alone: dict[str, Any] = {"workers": 1, "cores": 1, "executor": "local", "waiting": chosen.waiting}
    several = one_alone | {"workers": chosen.workers, "cores": chosen.workers, "executor": chosen.executor}
    plans = {"one": one_alone, "several": several}
    if not chosen.no_kill:
        plans["killed"] = several | {"kill": "e03"}
    typer.echo("| run | workers | looks | seconds | against one | decisions | done once more |")
    typer.echo("|---|---|---|---|---|---|---|")
    one: Looks | None = None
    for name, plan in plans.items():
        found = _in_process(task, folder / name, chosen.sources, plan)
        one = one or found
        different = first_difference(one.decisions, found.decisions)
        cells = [
            f"{plan['executor']}{', one killed' if 'kill' in plan else ''}",
            plan["workers"],
            chosen.sources,
        ]
        cells += [
            f"{found.seconds:.1f}",
            f"{one.seconds / found.seconds:.2f}",
            "differ" if different else "the same",
        ]
        typer.echo(f"| {' | '.join(map(str, cells))} | {'; '.join(found.repeated)} |")
        if different:
            typer.echo(f"\n{different}\n")


def _in_process(task: Path, runs: Path, looks: int, plan: dict[str, Any]) -> Looks:
    """A run in a process of its own, pinned before it loads anything."""
    given = json.dumps({"task": str(task), "runs": str(runs), "looks": looks, **plan})
    subprocess.run([sys.executable, "-m", "tests.bench.executor", "--play", given], check=True)
    (run_dir,) = (path.parent for path in runs.glob("*/journal.jsonl"))
    return looks_of(run_dir, looks)


def _play(
    task: str,
    runs: str,
    looks: int,
    workers: int,
    cores: int,
    executor: str,
    waiting: float,
    kill: str = "",
) -> None:
    os.sched_setaffinity(0, range(cores))

    def strike(session: Any, event: dict[str, Any]) -> None:
        if event["kind"] == "plan" and event["experiment"] == "e01":
            threading.Thread(target=kill_child, args=(session.run_dir, kill), daemon=True).start()

    with pytest.MonkeyPatch.context() as patch:
        # As given: what else looks after the machine may have moved this process meanwhile.
        patch.setattr(executors, "cpu_count", lambda: cores)
        if waiting:
            _let_wait(patch, Path(task), waiting, kill)
        on_event = strike if kill and not waiting else None
        make_looks(Path(task), Path(runs), workers, looks, executor, on_event)


def _let_wait(patch: pytest.MonkeyPatch, task: Path, seconds: float, kill: str) -> None:
    """Children that sleep; of one experiment the first training is lost half-way."""
    lost: list[str] = []

    def watch(function: str, payload: dict[str, Any]) -> None:
        job = function.partition(":")[2]
        if job == "train" and Path(payload["out_dir"]).parent.name == kill and not lost:
            lost.append(kill)
            time.sleep(seconds / 2)
            raise ExperimentFailed("train", "crashed", "killed from outside (signal 9)")
        time.sleep({"train": seconds, "answer_sets": seconds / 5}.get(job, 0.0))

    quick_children(patch, task).watch = watch  # type: ignore[assignment]


if __name__ == "__main__":
    main()
