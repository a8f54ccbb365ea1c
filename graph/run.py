"""Run and resume: one compiled graph, one checkpoint file, one stream of events."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from langgraph.types import Command

from graph.approval.gates import read_answer
from graph.build import Graph, build_graph
from graph.extras import require
from graph.interruption import Interruption, interruptible
from graph.refused import leaving_no_trace
from graph.session import SETTINGS_FILE, OpenRuns, Session
from graph.settings import RunSettings
from graph.state import RunInput
from graph.unchanged import SUMMARY
from memory.journal.log import Journal
from tasks.errors import InputError, InvalidDecision, or_fault
from tasks.paths import existing

OnEvent = Callable[[dict[str, Any]], None]
Question = dict[str, Any]
"""What a gate asks; see ``graph.approval.gates``."""
AskPerson = Callable[[Question], dict[str, Any] | None]
"""Asks a person; None when there is no answer now."""
WAITING = "waiting"
"""The outcome of a run that stopped in order at a question."""
STEPS_AT_MOST = 1_000_000
"""LangGraph's own limit is out of the way: the budget stops a run."""


def run(
    settings: RunSettings,
    on_event: OnEvent | None = None,
    answer: AskPerson | None = None,
    without: Sequence[str] = (),
    opened: Callable[[Session], None] | None = None,
    began: float | None = None,
) -> dict[str, object]:
    """Run a task from the start to its ending.

    Args:
        settings: what to do; see ``RunSettings``.
        on_event: called with every event (kinds of the journal, plus ``stage``).
        answer: asks a person, where the settings say so; without it the run stops at the first question.
        without: parts of the agent that a benchmark switches off (``graph.bench.ablations``).
        opened: what a benchmark does to the open run before its first step.
        began: when the command began, in monotonic seconds: its budget counts from there. By default now.

    Returns:
        The summary: the keys of the printed block. Of a run that stopped at a question: ``run``,
        ``run_dir``, ``outcome`` (``waiting``) and ``question``; ``approve`` goes on.

    Raises:
        InputError: something in the settings is wrong.
        HarnessFault: the harness could not go on; the run can be resumed.
        Interrupted: by Ctrl-C or a signal; the text says how to go on.
    """
    began = time.monotonic() if began is None else began
    require(f"run {settings.task}", "run", "train")
    with (
        interruptible() as interruption,
        OpenRuns(began, interruption.begins) as runs,
        or_fault("the run"),
    ):
        session = runs.start(settings)
        if without:
            session.dojo.journal.note(f"an ablation: without {', '.join(without)}", without=list(without))
        if opened is not None:
            opened(session)
        with leaving_no_trace(session):
            return _drive(runs, session, on_event, answer, interruption, fresh=True)


def approve(
    run_dir: Path,
    said: dict[str, Any],
    on_event: OnEvent | None = None,
    answer: AskPerson | None = None,
    began: float | None = None,
) -> dict[str, object]:
    """Answer the question at which a run waits, and go on; see ``graph.approval.gates`` for answers.

    Raises:
        InputError: the run does not wait for an answer, or ``said`` is none.
    """
    try:
        read_answer(said)
    except InvalidDecision as invalid:
        raise InputError(
            "the answer", str(invalid), 'say {"verdict": "approve"}, or "edit" with "changes", or "reject"'
        ) from None
    return _go_on(run_dir, on_event, answer, said, began)


def resume(
    run_dir: Path,
    on_event: OnEvent | None = None,
    answer: AskPerson | None = None,
    accept_changes: bool = False,
    began: float | None = None,
) -> dict[str, object]:
    """Go on with a run that was cut off, at the step it was cut off at; a question is asked again.

    Its folder may have been moved, renamed or copied since: what lies in it is found from there.

    Args:
        run_dir: the run's folder.
        on_event: called with every event.
        answer: asks a person.
        accept_changes: go on although code, data, weights or files have changed, and mark the run for ever.
        began: when the command began, in monotonic seconds. By default now.

    Raises:
        InputError: the run has already finished, something has changed, or the folder is not a run.
    """
    return _go_on(run_dir, on_event, answer, None, began, accept_changes)


def _go_on(
    run_dir: Path,
    on_event: OnEvent | None,
    answer: AskPerson | None,
    said: dict[str, Any] | None,
    began: float | None,
    accept_changes: bool = False,
) -> dict[str, object]:
    began = time.monotonic() if began is None else began
    require(f"run {run_dir.name}", "run", "train")
    with interruptible() as interruption, OpenRuns(began) as runs, or_fault(f"run {run_dir.name}"):
        interruption.run_dir = run_dir
        session = runs.open(run_dir, accept_changes)
        _refuse_finished(session.dojo.journal, run_dir)
        if session.dojo.journal.info.policy == "agent":
            raise InputError(run_dir.name, "is an agent's run", "`ftdojo mcp --run RUN` goes on with it")
        if on_event and session.dojo.journal.recovered:
            on_event({"kind": "note", "experiment": None, "data": {"text": session.dojo.journal.recovered}})
        return _drive(runs, session, on_event, answer, interruption, said, fresh=False)


def _refuse_finished(journal: Journal, run_dir: Path) -> None:
    """Raise where nothing is left to be done in a run."""
    ended = journal.ended
    if ended is not None and (run_dir / SUMMARY).exists():
        raise InputError(
            str(run_dir),
            f"has already finished ({ended['outcome']})",
            "start a new run, or see `ftdojo report`",
        )
    if ended is not None and journal.refused:
        wrong = f"was refused when it began ({ended['outcome'].replace('_', ' ')}: {ended['reason']})"
        raise InputError(str(run_dir), wrong, "start a new run, with a larger --budget or a smaller model")


def _drive(
    runs: OpenRuns,
    session: Session,
    on_event: OnEvent | None,
    answer: AskPerson | None,
    interruption: Interruption,
    said: dict[str, Any] | None = None,
    *,
    fresh: bool,
) -> dict[str, object]:
    """Take steps until the run ends or nobody answers its question."""
    interruption.run_dir = session.run_dir
    thread = _Thread(session, on_event)
    with _checkpointer(session.dojo.workspace.checkpoints_path) as saver:
        graph = build_graph(saver, runs)
        todo = thread.first_step(graph, said, fresh)
        if (old := thread.old_place(graph)) is not None:
            runs.moved(old, session.run_dir)
        if not fresh and said is None:
            _note_break(session)
        while True:
            with interruption.in_steps(session.dojo.worker.interrupt):
                question = thread.go_on(graph, todo)
            if question is None:
                return thread.summary
            reply = answer(question) if answer else None
            if reply is None:
                return thread.waiting(question)
            todo = Command(resume=reply)


class _Thread:
    """One thread of the graph: its checkpoints, and what its stream tells."""

    def __init__(self, session: Session, on_event: OnEvent | None) -> None:
        self.session = session
        self.on_event = on_event
        self.summary: dict[str, object] = {}
        self.run_dir = session.run_dir
        self.config: Any = {
            # The run's name in its journal: the folder's may change.
            "configurable": {"thread_id": session.dojo.journal.info.run},
            "recursion_limit": STEPS_AT_MOST,
        }

    def first_step(self, graph: Graph, said: dict[str, Any] | None, fresh: bool) -> Any:
        """What to hand the graph first: a new run, the answer to its question, or nothing new."""
        state = None if fresh else graph.get_state(self.config)
        if said is not None:
            if state is None or not state.interrupts:
                raise InputError(
                    self.run_dir.name, "does not wait for an answer", "`ftdojo resume` goes on with a run"
                )
            return Command(resume=said)
        if not fresh and self.on_event:
            _replay(self.session, self.on_event)
        # A kill before the first checkpoint leaves nothing to continue from: the nodes then find
        # in the journal what is already done.
        return None if state is not None and state.next else RunInput(run_dir=str(self.run_dir))

    def old_place(self, graph: Graph) -> Path | None:
        """The folder that the last state names for this run, where it has lain elsewhere; else None."""
        values = graph.get_state(self.config).values
        place, run = values.get("run_dir"), values.get("run")
        if not place or run != self.session.dojo.journal.info.run or Path(place) == self.run_dir:
            return None
        return Path(place)

    def go_on(self, graph: Graph, todo: Any) -> Question | None:
        """Go on to the end or to a question."""
        stream = graph.stream(todo, self.config, durability="sync", stream_mode=["custom", "updates"])
        question = None
        # Closed before the checkpoints are: a thread of LangGraph may be writing when a listener raises.
        with closing(cast(Generator[tuple[str, dict[str, Any]]], stream)) as events:
            for mode, event in events:
                if mode == "custom":
                    if self.on_event:
                        self.on_event(event)
                elif "__interrupt__" in event:
                    question = event["__interrupt__"][0].value
                else:
                    for changed in event.values():
                        self.summary = (changed or {}).get("summary", self.summary)
        return question

    def waiting(self, question: Question) -> dict[str, object]:
        """The summary of a run that has not ended."""
        return {
            "run": self.run_dir.name,
            "run_dir": str(self.run_dir),
            "outcome": WAITING,
            "question": question,
        }


def _note_break(session: Session) -> None:
    """Write down where the run goes on, and what of it is done again."""
    journal, spent = session.dojo.journal, session.dojo.ledger.elapsed_seconds
    if (under_way := journal.unfinished()) is not None:
        recorded = [event.kind for event in journal.events if event.experiment == under_way]
        what = f"{under_way} was under way (last recorded: {recorded[-1].replace('_', ' ')}); the rest of it"
    else:
        what = "no experiment was under way; the step that was cut off"
    journal.note(
        f"gone on with after a break, {spent:.0f} s into the budget: {what} is done anew", resumed=True
    )


def _replay(session: Session, on_event: OnEvent) -> None:
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
    under_way = journal.unfinished()
    if under_way is not None:
        data = journal.stage(under_way, "plan")
        on_event({"kind": "plan", "experiment": under_way, "data": data} | clocks)


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
        if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
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
    for candidate in (existing(name), existing(runs_dir / name)):
        if candidate is not None and (candidate / SETTINGS_FILE).is_file():
            return candidate
    raise InputError(
        f"run {name}", f"not found here nor in {runs_dir}", "see `ftdojo status` for the runs there are"
    )


def list_runs(
    runs_dir: Path, passed_over: list[tuple[Path, InputError]] | None = None
) -> list[tuple[Path, Journal]]:
    """Every readable run under a folder, newest first, opened for reading.

    Args:
        runs_dir: the folder.
        passed_over: takes the runs that cannot be read, with the reason.
    """
    found = []
    for path in runs_dir.glob("*/" + SETTINGS_FILE):
        try:
            found.append((path.parent, Journal.open(path.parent / "journal.jsonl", write=False)))
        except InputError as error:
            if passed_over is not None:
                passed_over.append((path.parent, error))
    return sorted(found, key=lambda run: (run[1].info.started, run[0].name), reverse=True)
