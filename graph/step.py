"""One step of the graph: a node, the run that its state names, opened once, and who watches.

``as_node`` makes of a function of a ``Step`` what LangGraph calls. It opens the run, goes on in a
fork where the state lies behind the journal, notes a fault of the harness in the journal, and
closes the run when the step ends in an error: what is open then is found again from its folder.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from graph.forking.time_travel import behind, branch
from graph.happened import PASSING, Told, shown
from graph.refused import leaving_no_trace
from graph.run_log import log
from graph.session import OpenRuns, Session
from graph.settings import RunSettings, make_settings
from graph.state import RunInput, RunState
from memory.journal.log import BASE, Journal
from memory.recipe import Record
from roles.policy import Policy
from tasks.errors import DiskFull, FtDojoError, HarnessFault, Interrupted, or_fault
from tools import disk
from tools.dojo import Dojo
from tools.report.html import write_report
from tools.verbs.acts import Acts

FAULT_FILE = "fault.log"
"""In the run's folder: the traceback behind the one line that the user sees."""


@dataclass
class Step:
    """What a node works with."""

    name: str
    """The node's name."""
    state: RunState
    runs: OpenRuns
    session: Session
    write: Callable[[dict[str, Any]], None]
    """Sends one event to whoever watches the stream."""
    told: list[Told] = field(default_factory=list)
    """What it told so far."""
    moved: RunState = field(default_factory=lambda: RunState())
    """The fork's id and folder, once the step has gone on in one."""

    @property
    def dojo(self) -> Dojo:
        """The run's environment."""
        return self.session.dojo

    @property
    def journal(self) -> Journal:
        """The run's journal."""
        return self.session.dojo.journal

    @property
    def acts(self) -> Acts:
        """What changes the run: a node has no other hand."""
        return Acts(self.dojo)

    @property
    def policy(self) -> Policy:
        """Who decides."""
        return self.session.policy

    def to_present(self) -> None:
        """Let the clocks run, and go on in a fork where the journal knows more than the state."""
        self.dojo.ledger.go_on()
        if behind(self.journal, self.state, self.name):
            self.fork()

    def fork(self) -> None:
        """Go on in a fork that ends where the state does."""
        self.session, self.moved = branch(self.runs, self.session, self.state)

    def tell(self, kind: str, experiment: str | None, data: Record | dict[str, Any] | None) -> None:
        """An event for whoever watches the stream: the same shape as a journal line, plus the clocks."""
        ledger = self.dojo.ledger
        plain = data.model_dump(mode="json") if isinstance(data, Record) else data
        log(self.session.run_dir, kind, experiment, str((plain or {}).get("text", "")), plain)
        if kind not in PASSING:
            self.told.append(Told(kind, experiment or "", plain or {}))
        self.write(
            {
                "kind": kind,
                "experiment": experiment,
                "data": plain or {},
                "clocks": ledger.spent(),
                "remaining_seconds": ledger.remaining_seconds,
                "run_dir": str(self.session.run_dir),
            }
        )

    def note(self, text: str, experiment: str | None = None, **facts: Any) -> None:
        """Write a remark into the journal, once, and tell it."""
        if text not in self.journal.notes:
            self.journal.note(text, experiment, **facts)
        self.tell("note", experiment, {"text": text})

    def announce(self, role: str, text: str, experiment: str | None = None) -> None:
        """The ``stage`` event: what begins now, in words."""
        self.tell("stage", experiment, {"role": role, "text": text})

    @contextmanager
    def thinking(self) -> Iterator[None]:
        """A role decides: its time counts as ``think``, and what a language model decided is told."""
        journal, since = self.journal, len(self.journal.events)
        try:
            with self.dojo.ledger.measure("think"):
                yield
        finally:
            for event in journal.events[since:]:
                if event.kind == "decision":
                    self.tell("decision", event.experiment, event.data)


Work = Callable[[Step], RunState]
"""A node's work: from a step to what changes in the state."""


class Node(Protocol):
    """What the graph calls."""

    def __call__(self, state: RunState, runtime: Runtime[RunSettings]) -> RunState:
        """From the state to what changes in it."""
        ...


def first_node(name: str, work: Work, runs: OpenRuns) -> Node:
    """The node that opens a run: a new one, or the one in the input's folder."""

    def node(state: RunInput, runtime: Runtime[RunSettings]) -> RunState:
        run_dir = state.get("run_dir")
        session = runs.open(Path(run_dir)) if run_dir else runs.start(asked(state, runtime.context))
        # Whatever the thread did before, this run's state is its journal's.
        fresh: RunState = {"draft": {}, "rejected": False, "ending": "", "reason": ""}
        step = Step(name, RunState(), runs, session, runtime.stream_writer)
        with nullcontext() if run_dir else leaving_no_trace(session):
            return fresh | _taken(step, work)

    return cast(Node, node)


def asked(given: RunInput, context: object) -> RunSettings:
    """The settings of a new run: the context's, and over them what the input names.

    In a graph of a user's own the context may be theirs, and says nothing of a run.

    Raises:
        InputError: a value is none.
    """
    settings = context if isinstance(context, RunSettings) else RunSettings()
    named = {
        "task": given.get("task"),
        "budget_seconds": given.get("budget"),
        "base_model": given.get("base_model"),
    }
    over = {name: value for name, value in named.items() if value not in (None, "")}
    return make_settings(**settings.model_dump() | over) if over else settings


def as_node(name: str, work: Work, runs: OpenRuns) -> Node:
    """A node that works on the run which its state names."""

    def node(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
        session = runs.open(Path(state["run_dir"]))
        return _taken(Step(name, state, runs, session, runtime.stream_writer), work)

    return node


def _taken(step: Step, work: Work) -> RunState:
    """Take a step; the run stays open when it is done, or waits for a person."""
    before = len(step.journal.events)
    with noting_its_end(step):
        changed = work(step)
    if changed.get("ending") and all(each.kind != "run_ended" for each in step.told):
        why = {"outcome": changed["ending"], "reason": changed.get("reason", "")}
        step.told.append(Told("search_ended", "", why))
    said = shown(step.name, step.journal.info.run, step.told, before)
    # Where the run is now: its folder may have been moved or copied since the state was written.
    place: RunState = {"run_dir": str(step.session.run_dir)}
    return place | step.moved | changed | said | {"journal_events": len(step.journal.events)}


@contextmanager
def noting_its_end(step: Step) -> Iterator[None]:
    """Around a step's work: it is logged, and an error that ends the run is noted in it and closes it."""
    run_dir, experiment, began = step.session.run_dir, step.state.get("experiment"), time.monotonic()
    waiting: GraphBubbleUp | None = None
    log(run_dir, "step_began", experiment, facts={"step": step.name})
    try:
        with or_fault(f"the step {step.name}"):
            if step.dojo.worker.interrupted:
                raise Interrupted
            try:
                yield
            except GraphBubbleUp as bubble:
                waiting = bubble
    except BaseException as error:
        facts = {
            "step": step.name,
            "seconds": round(time.monotonic() - began, 3),
            "type": type(error).__name__,
        }
        error = _told_disk(step, error)
        log(run_dir, "step_failed", experiment, str(error), facts, logging.ERROR)
        _note_end(step, error)
        step.runs.close(step.session)
        raise error
    facts = {"step": step.name, "seconds": round(time.monotonic() - began, 3)}
    log(run_dir, "step_ended", experiment, "a person is asked" if waiting else "", facts)
    if waiting is not None:
        raise waiting


def _told_disk(step: Step, error: BaseException) -> BaseException:
    """A full disk with its name, what is needed and how to go on; any other error as it is."""
    if not isinstance(error, DiskFull) or "needed" in str(error):
        return error
    needed = disk.needed_bytes(step.dojo.base_model)
    what, known, _ = str(error).partition(": the disk is full")
    told = DiskFull(disk.space_text(step.session.run_dir, needed, what if known else f"the step {step.name}"))
    told.__cause__ = error
    return told


def _note_end(step: Step, error: BaseException) -> None:
    """Why the run stops here: in the journal, and in a report where something was measured.

    Whatever cannot be written (the disk may be full) is left out: the error itself says more. A run that
    has ended stays as it is, whatever a state of its past is asked for.
    """
    if not isinstance(error, FtDojoError) or step.journal.ended is not None:
        return
    with suppress(HarnessFault):
        if isinstance(error, HarnessFault):
            step.acts.end({"outcome": "harness_fault", "reason": str(error)})
        else:
            step.journal.note(f"the run stopped: {error}")
    if error.__cause__ is not None:
        trace = "".join(traceback.format_exception(error.__cause__))
        with suppress(HarnessFault):
            step.dojo.workspace.write_text(step.session.run_dir / FAULT_FILE, trace)
    if step.journal.evaluation(BASE) is not None:
        with suppress(FtDojoError), or_fault("the report"):
            write_report(step.journal, step.session.run_dir, step.dojo.validation)
