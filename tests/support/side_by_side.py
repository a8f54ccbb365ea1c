"""Runs side by side: a task with many sources, a run that ends after its looks, and what it decided.

Two runs of one seed decide the same where ``decisions`` of their journals are equal: every event in its
order, with all that it says but what a clock says.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.run import run
from graph.session import Session
from graph.settings import make_settings
from memory.journal.log import BASE, Journal
from tasks.custom.folder import write_example
from tasks.errors import Interrupted

BY_A_CLOCK = re.compile(r"seconds|per_second|gib|forecast|^created$|^cached$|^command$")
"""Names of fields that a clock decides, or whether a file was there already."""
FILES = ("workshop-sheet", "helper-notes", "old-forum")
LEAST_AFTER = 2
"""Experiments that must be left after the looks, or none are made (``roles.source_looks``)."""


def task_of(folder: Path, sources: int) -> Path:
    """The example task, its three files of training rows cut into so many sources."""
    write_example(folder)
    train, rows = folder / "train", {}
    for name in FILES:
        path = train / f"{name}.jsonl"
        rows[name] = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.unlink()
        path.with_suffix(".md").unlink()
    parts = [sources // 3 + (number < sources % 3) for number in range(3)]
    for name, count in zip(FILES, parts, strict=True):
        size = len(rows[name]) // count
        for part in range(count):
            cut = rows[name][part * size : (part + 1) * size]
            (train / f"{name}-{part + 1}.jsonl").write_text("".join(cut), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Looks:
    """The looks of one run."""

    run_dir: Path
    seconds: float
    """Wall-clock from the base model's score to the end of the last look."""
    decisions: list[tuple[str, str | None, Any]]
    repeated: list[str]
    """Notes on jobs that were done once more."""


def make_looks(
    task: Path,
    runs: Path,
    workers: int,
    looks: int,
    executor: str = "local",
    on_event: Callable[[Session, dict[str, Any]], None] | None = None,
) -> Looks:
    """Run a task until so many looks are finished; the run is ended there, like one that is interrupted.

    Args:
        task: its folder; all of its sources are looked at, however good one is.
        runs: the folder of runs.
        workers: as ``--workers``.
        looks: how many there are.
        executor: as ``--executor``.
        on_event: called with each event beside.
    """
    settings = make_settings(
        task=str(task),
        runs_dir=str(runs),
        budget_seconds="2h",
        memory="off",
        answer_cache="off",
        max_experiments=looks + LEAST_AFTER,
        workers=workers,
        executor=executor,
    )
    opened: list[Session] = []

    def hear(event: dict[str, Any]) -> None:
        if on_event is not None:
            on_event(opened[0], event)
        if event["kind"] == "finished" and event["experiment"] == f"e{looks:02d}":
            opened[0].dojo.worker.interrupt()

    with contextlib.suppress(Interrupted):
        run(settings, hear, without=["early-stopping"], opened=opened.append)
    (run_dir,) = (path.parent for path in runs.glob("*/journal.jsonl"))
    return looks_of(run_dir, looks)


def looks_of(run_dir: Path, looks: int) -> Looks:
    """The looks of a run that has made them."""
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    until = next(
        n for n, e in enumerate(journal.events) if (e.kind, e.experiment) == ("finished", f"e{looks:02d}")
    )
    events = journal.events[: until + 1]
    base = next(e for e in events if (e.kind, e.experiment) == ("evaluation", BASE))
    began, ended = ((e.clocks or {})["elapsed"] for e in (base, events[-1]))
    repeated = [
        str(e.data["text"]) for e in events if e.kind == "note" and "once more" in str(e.data["text"])
    ]
    return Looks(run_dir, ended - began, decisions(journal, until + 1), repeated)


def decisions(journal: Journal, until: int) -> list[tuple[str, str | None, Any]]:
    """(kind, experiment, data) of the first events, without what a clock says."""
    kept = [e for e in journal.events[1:until] if e.kind not in ("heartbeat", "evidence")]
    told = [(e.kind, e.experiment, _timeless(e.data, journal.info.run)) for e in kept]
    return [each for each in told if not (each[0] == "note" and "once more" in str(each[2].get("text")))]


def _timeless(value: Any, run_name: str) -> Any:
    if isinstance(value, dict):
        return {n: _timeless(item, run_name) for n, item in value.items() if not BY_A_CLOCK.search(n)}
    if isinstance(value, list):
        return [_timeless(item, run_name) for item in value]
    if isinstance(value, str):
        return re.sub(r"-?\d+(\.\d+)? s\b", "N s", value.replace(run_name, "RUN"))
    return value


def kill_child(run_dir: Path, experiment: str, seconds: float = 120.0) -> int:
    """Kill the process that trains an experiment, as soon as it has made a step; its id."""
    progress = run_dir / "experiments" / experiment / "progress.jsonl"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for process in Path("/proc").iterdir():
            if (
                process.name.isdigit()
                and progress.exists()
                and _holds(process, progress.parent / "train.log")
            ):
                os.kill(int(process.name), signal.SIGKILL)
                return int(process.name)
        time.sleep(0.02)
    raise TimeoutError(f"nobody trained {experiment}")


def _holds(process: Path, log: Path) -> bool:
    """Whether a process's output goes into a log."""
    try:
        return os.readlink(process / "fd" / "1") == str(log.resolve())
    except OSError:
        return False


def first_difference(one: list[Any], other: list[Any]) -> str:
    """In a line; empty where there is none."""
    for left, right in zip(one, other, strict=False):
        if left != right:
            return f"{json.dumps(left, default=str)[:600]}\n!=\n{json.dumps(right, default=str)[:600]}"
    return "" if len(one) == len(other) else f"{len(one)} events against {len(other)}"
