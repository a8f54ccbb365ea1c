"""LangGraph can go back to any checkpoint; the journal cannot: it only grows.

A state that comes from an earlier checkpoint (replayed, or changed with ``update_state``) lies
behind its journal. The node that finds this goes on in a fork of the run, which ends where
the state does; the first run stays as it is. After a kill a journal is ahead of its state as well,
but only by what the interrupted node itself writes: that node goes on where it was.
"""

from __future__ import annotations

from graph.forking.fork import fork_at
from graph.session import OpenRuns, Session
from graph.state import RunState
from memory.journal.events import ONCE, STAGES, Event
from memory.journal.log import Journal

WRITES: dict[str, frozenset[str]] = {
    "planner": frozenset(),
    "approve_plan": frozenset({"plan"}),
    "data_curator": frozenset({"failure"}),
    "approve_data": frozenset({"recipe", "failure"}),
    "curate": frozenset({"card", "failure"}),
    "training_engineer": frozenset({"estimate", "failure"}),
    "approve_train": frozenset({"training_plan", "failure"}),
    "train": frozenset({"training", "failure"}),
    "evaluator": frozenset({"evaluation", "comparison", "forgetting", "verdict", "failure"}),
    "diagnostician": frozenset({"diagnosis", "lesson", "finished"}),
    "finish": frozenset(
        {
            "candidate_chosen",
            "confirmation",
            "champion_chosen",
            "test_opened",
            "test_evaluation",
            "test_comparison",
            "run_ended",
        }
    ),
}
"""What each node may have written before a kill."""


def branch(runs: OpenRuns, session: Session, state: RunState) -> tuple[Session, RunState]:
    """Leave a run as it is and go on in a fork of it, which ends where the state does.

    Returns:
        The fork, open, and what changes in the state.
    """
    journal, seen = session.dojo.journal, state["journal_events"]
    chosen = choice(journal)
    events = seen if chosen is None else min(seen, chosen.seq)
    forked = fork_at(journal, events, session.run_dir.parent, f"at line {events} of its journal")
    if journal.ended is not None:
        runs.close(session)
    return runs.open(forked), {"run": forked.name, "run_dir": str(forked)}


def behind(journal: Journal, state: RunState, node: str) -> bool:
    """Whether other nodes have written after this state, or the test may be read and this node trains."""
    seen = state.get("journal_events")
    if seen is None:
        return False
    chosen = choice(journal)
    if chosen is not None and chosen.seq < seen:
        return node not in ("planner", "finish")
    later = {
        event.kind
        for event in journal.events[seen:]
        if event.kind in STAGES | ONCE and event.data.get("outcome") != "harness_fault"
    }
    return bool(later - WRITES[node])


def choice(journal: Journal) -> Event | None:
    """The line from which on a run only finishes; None as long as it may train.

    Runs of earlier versions chose a champion without a confirmation.
    """
    ends = ("candidate_chosen", "champion_chosen")
    return next((event for event in journal.events if event.kind in ends), None)
