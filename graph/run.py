"""Run and resume: one compiled graph, one checkpoint file, one stream of events."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from graph import session as sessions
from graph.build import build_graph
from graph.settings import RunSettings
from graph.state import RunInput
from memory.journal import Journal
from tasks.errors import HarnessFault, InputError

OnEvent = Callable[[dict[str, Any]], None]
STEPS_AT_MOST = 1_000_000
"""LangGraph's own limit is out of the way: the budget stops a run."""


def run(settings: RunSettings, on_event: OnEvent | None = None) -> dict[str, object]:
    """Run a task from the start to its ending.

    Args:
        settings: what to do; see ``RunSettings``.
        on_event: called with every event (kinds of the journal, plus ``stage``).

    Returns:
        The summary: the keys of the printed block.

    Raises:
        InputError: something in the settings is wrong.
        HarnessFault: the harness could not go on; the run can be resumed.
    """
    session = sessions.start(settings)
    return _drive(session, on_event, fresh=True)


def resume(run_dir: Path, on_event: OnEvent | None = None) -> dict[str, object]:
    """Go on with a run that was cut off, at the step it was cut off at.

    Raises:
        InputError: the run has already finished, or the folder is not a run.
    """
    sessions.read_settings(run_dir)
    session = sessions.reopen(run_dir)
    ended = session.dojo.journal.ended
    if ended is not None and (run_dir / "summary.json").exists():
        sessions.close(session)
        raise InputError(
            str(run_dir),
            f"has already finished ({ended['outcome']})",
            "start a new run, or see `ftdojo report`",
        )
    if on_event and session.dojo.journal.recovered:
        on_event({"kind": "note", "experiment": None, "data": {"text": session.dojo.journal.recovered}})
    return _drive(session, on_event, fresh=False)


def _drive(session: sessions.Session, on_event: OnEvent | None, *, fresh: bool) -> dict[str, object]:
    run_dir = session.dojo.workspace.run_dir
    config: Any = {"configurable": {"thread_id": run_dir.name}, "recursion_limit": STEPS_AT_MOST}
    summary: dict[str, object] = {}
    try:
        with _checkpointer(session.dojo.workspace.checkpoints_path) as saver:
            graph = build_graph(saver)
            # A kill before the first checkpoint leaves nothing to continue from: the nodes then find
            # in the journal what is already done.
            pending = not fresh and bool(graph.get_state(config).next)
            if not fresh and on_event:
                _replay(session, on_event)
            stream = graph.stream(
                None if pending else RunInput(run=run_dir.name, run_dir=str(run_dir)),
                config,
                context=session.settings,
                durability="sync",
                stream_mode=["custom", "updates"],
            )
            for mode, event in cast(Iterator[tuple[str, dict[str, Any]]], stream):
                if mode == "custom" and on_event:
                    on_event(event)
                elif mode == "updates" and "finish" in event:
                    summary = event["finish"]["summary"]
    except HarnessFault as fault:
        _note_fault(session, fault)
        raise
    finally:
        sessions.close(session)
    return summary


def _replay(session: sessions.Session, on_event: OnEvent) -> None:
    """Show whoever watches what is already done."""
    journal, ledger = session.dojo.journal, session.dojo.ledger
    clocks = {"clocks": ledger.spent(), "remaining_seconds": ledger.remaining_seconds}
    on_event(
        {"kind": "run_started", "experiment": None, "data": journal.info.model_dump(mode="json")} | clocks
    )
    for experiment in journal.experiments():
        on_event(
            {"kind": "finished", "experiment": experiment.id, "data": experiment.model_dump(mode="json")}
            | clocks
        )


def _note_fault(session: sessions.Session, fault: HarnessFault) -> None:
    """End the run as ``harness_fault`` in the journal, if the journal can still be written."""
    with suppress(HarnessFault):
        session.dojo.journal.append("run_ended", {"outcome": "harness_fault", "reason": str(fault)})


@contextmanager
def _checkpointer(path: Path) -> Iterator[Any]:
    """A SqliteSaver on the run's own file; an unreadable file is set aside: the journal is the truth."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        connection = _connect(path)
    except sqlite3.DatabaseError:
        path.replace(path.with_suffix(".broken"))
        connection = _connect(path)
    try:
        yield SqliteSaver(connection)
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def find_run(name: str, runs_dir: Path) -> Path:
    """A run by folder path or by name under ``runs_dir``.

    Raises:
        InputError: there is no such run.
    """
    for candidate in (Path(name).expanduser(), runs_dir / name):
        if (candidate / sessions.SETTINGS_FILE).is_file():
            return candidate
    raise InputError(
        f"run {name}", f"not found here nor in {runs_dir}", "see `ftdojo status` for the runs there are"
    )


def list_runs(runs_dir: Path) -> list[tuple[Path, Journal]]:
    """Every readable run under a folder, newest first, opened for reading."""
    found = []
    for path in sorted(runs_dir.glob("*/" + sessions.SETTINGS_FILE), reverse=True):
        try:
            found.append((path.parent, Journal.open(path.parent / "journal.jsonl", write=False)))
        except InputError:
            continue
    return found
