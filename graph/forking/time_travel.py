"""LangGraph can go back to any checkpoint; the journal cannot: it only grows.

A state that comes from an earlier checkpoint (replayed, or changed with ``update_state``) lies
behind its journal. The node that finds this goes on in a fork of the run, which ends where
the state does; the first run stays as it is. After a kill a journal is ahead of its state as well,
but only by what the interrupted node itself writes: that node goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Protocol, cast

from langgraph.runtime import Runtime

from graph import session as sessions
from graph.forking.fork import fork_at
from graph.session import Session
from graph.settings import RunSettings
from graph.state import RunInput, RunState
from memory.journal.events import ONCE, STAGES, Event
from memory.journal.log import Journal


class Node(Protocol):
    """What the graph calls."""

    def __call__(self, state: RunState, runtime: Runtime[RunSettings]) -> RunState:
        """From the state to what changes in it."""
        ...


WRITES: dict[str, frozenset[str]] = {
    "planner": frozenset(),
    "approve_plan": frozenset({"plan"}),
    "data_curator": frozenset({"failure"}),
    "approve_data": frozenset({"recipe", "failure"}),
    "curate": frozenset({"card", "failure"}),
    "training_engineer": frozenset({"estimate", "failure"}),
    "approve_train": frozenset({"training_plan", "failure"}),
    "train": frozenset({"training", "failure"}),
    "evaluator": frozenset({"evaluation", "comparison", "verdict", "failure"}),
    "diagnostician": frozenset({"diagnosis", "lesson", "finished"}),
    "finish": frozenset(
        {"champion_chosen", "test_opened", "test_evaluation", "test_comparison", "run_ended"}
    ),
}
"""What each node may have written before a kill."""


def first(node: Callable[[RunInput, Runtime[RunSettings]], RunState]) -> Node:
    """The node that opens a run: its state is the journal's, whatever the thread did before."""

    @wraps(node)
    def run(state: RunInput, runtime: Runtime[RunSettings]) -> RunState:
        changed = node(state, runtime)
        session = sessions.reopen(Path(changed["run_dir"]))
        fresh: RunState = {"draft": {}, "rejected": False, "ending": "", "reason": ""}
        return fresh | changed | _seen(session)

    return cast(Node, run)


def at_present(name: str, node: Node) -> Node:
    """A node that works on the run as the state knows it: in a fork when the journal knows more."""

    @wraps(node)
    def run(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
        session, moved = session_for(state, name)
        chosen = _choice(session.dojo.journal)
        if name == "planner" and chosen is not None:
            # The test may have been read: this run can only finish.
            changed: RunState = {"ending": str(chosen.data["outcome"]), "reason": str(chosen.data["reason"])}
        else:
            changed = node(state | moved, runtime)
        return moved | changed | _seen(session)

    return run


def session_for(state: RunState, node: str) -> tuple[Session, RunState]:
    """The run that a state belongs to, and what changes in the state when that is a new one."""
    session = sessions.reopen(Path(state["run_dir"]))
    session.dojo.ledger.go_on()
    journal = session.dojo.journal
    if not _behind(journal, state, node):
        return session, {}
    return branch(session, state)


def branch(session: Session, state: RunState) -> tuple[Session, RunState]:
    """Leave a run as it is and go on in a fork of it, which ends where the state does."""
    journal, seen = session.dojo.journal, state["journal_events"]
    chosen = _choice(journal)
    events = seen if chosen is None else min(seen, chosen.seq)
    run_dir = session.dojo.workspace.run_dir
    forked = fork_at(journal, events, run_dir.parent, f"at line {events} of its journal")
    if journal.ended is not None:
        sessions.close(session)
    return sessions.reopen(forked), {"run": forked.name, "run_dir": str(forked)}


def _seen(session: Session) -> RunState:
    return {"journal_events": len(session.dojo.journal.events)}


def _behind(journal: Journal, state: RunState, node: str) -> bool:
    """Whether other nodes have written after this state, or the test may be read and this node trains."""
    seen = state.get("journal_events")
    if seen is None:
        return False
    chosen = _choice(journal)
    if chosen is not None and chosen.seq < seen:
        return node not in ("planner", "finish")
    later = {
        event.kind
        for event in journal.events[seen:]
        if event.kind in STAGES | ONCE and event.data.get("outcome") != "harness_fault"
    }
    return bool(later - WRITES[node])


def _choice(journal: Journal) -> Event | None:
    """The line from which on a run only finishes."""
    return next((event for event in journal.events if event.kind == "champion_chosen"), None)
