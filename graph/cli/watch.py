"""Watching a run of another process: its journal, followed into the view that ``ftdojo run`` has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from graph.cli.live import LiveView
from graph.run import find_run, list_runs
from memory.journal.events import Event
from memory.journal.log import Journal
from tasks.errors import InputError
from tools.training.progress import PROGRESS_FILE

LOOK_SECONDS = 2.0
TAIL_BYTES = 4096


def watch_run(
    console: Console, name: str | None, runs_dir: Path, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Show what happens in a run until it has ended; nothing of it is written.

    Args:
        console: where.
        name: the run; the newest without one.
        runs_dir: where runs are.
        sleep: waits between two looks.

    Raises:
        InputError: there is no such run, or its journal cannot be read.
    """
    run_dir = find_run(name, runs_dir) if name else _newest(runs_dir)
    seen = 0
    with LiveView(console) as view:
        while True:
            journal = Journal.open(run_dir / "journal.jsonl", write=False)
            for event in journal.events[seen:]:
                view.on_event(_as_told(event, journal))
            seen = len(journal.events)
            if journal.ended is not None:
                return
            for told in _progress(run_dir, journal):
                view.on_event(told)
            sleep(LOOK_SECONDS)


def _newest(runs_dir: Path) -> Path:
    found = list_runs(runs_dir)
    if not found:
        raise InputError(
            "ftdojo status --watch", f"there is no run in {runs_dir}", "start one, or name its folder"
        )
    return found[0][0]


def _as_told(event: Event, journal: Journal) -> dict[str, Any]:
    """A line of the journal as the run itself tells it."""
    data = event.data
    if event.kind == "finished":
        done = next((done for done in journal.experiments() if done.id == event.experiment), None)
        data = done.model_dump(mode="json") if done else data
    told: dict[str, Any] = {"kind": event.kind, "experiment": event.experiment, "data": data}
    if event.clocks is not None:
        left = journal.info.budget_seconds - event.clocks.get("elapsed", 0.0)
        told |= {"clocks": event.clocks, "remaining_seconds": max(0.0, left)}
    return told


def _progress(run_dir: Path, journal: Journal) -> Iterator[dict[str, Any]]:
    """The last line of the training that is under way; none where there is none, or none whole."""
    experiment = journal.unfinished()
    if experiment is None or journal.training(experiment) is not None:
        return
    try:
        with (run_dir / "experiments" / experiment / PROGRESS_FILE).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            lines = file.read().splitlines()
        data = json.loads(lines[-1]) if lines else None
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(data, dict):
        yield {"kind": "progress", "experiment": experiment, "data": data}
