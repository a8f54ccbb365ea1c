"""The seat of an agent at one run: opened, played through the verbs, and closed. The Python door.

    with open_seat(make_settings(task="aime25", budget_seconds=300)) as seat:
        seat.call("list_sources")

The run is prepared and ended by the functions of the graph's own nodes, so that a run of an agent and one of
the graph differ in who decides, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from graph import nodes, preparation
from graph.extras import require
from graph.refused import leaving_no_trace
from graph.session import OpenRuns, Session
from graph.settings import RunSettings
from graph.state import RunState
from graph.step import Step, noting_its_end
from graph.unchanged import SUMMARY
from memory.journal.log import BASE, Journal
from memory.records import Ending
from roles import lesson
from tasks.errors import InputError, or_fault
from tools.report.html import write_report
from tools.verbs.answer import Answer
from tools.verbs.card import CARD_FILE, RULES, task_card
from tools.verbs.closing import Harness
from tools.verbs.folder import AgentFolder
from tools.verbs.referee import Referee, VerbSchema
from tools.verbs.standing import Standing

OnEvent = Callable[[dict[str, Any]], None]
AGENT_FOLDER = "agent"
"""In the run's folder: where an agent may leave files, unless another folder is named."""
RECENT_EVENTS = 40
"""Lines of the journal that a client is shown."""


class Seat:
    """An open run in an agent's hands. Made by ``open_seat``.

    Args:
        runs: holds the run.
        session: the run, prepared.
        folder: where the agent may leave files.
        on_event: called with every event of preparation and ending.
        stand_still: let the run's clock run only while a verb works, for agents that play several in turn.
    """

    def __init__(
        self, runs: OpenRuns, session: Session, folder: AgentFolder, on_event: OnEvent, stand_still: bool
    ) -> None:
        self._runs, self._session, self._on_event = runs, session, on_event
        self.run_dir: Path = session.run_dir
        self.folder = folder
        self.summary: dict[str, Any] = {}
        """The run's summary, once it is submitted; see ``graph.result``."""
        harness = Harness(self._conclude, lesson.lesson_of)
        self.referee = Referee(session.dojo, harness, folder)
        self._stand_still = stand_still
        self._clock = ExitStack()
        if stand_still:
            session.dojo.ledger.pause()
        else:  # whoever thinks between two verbs spends the run's time, as a role does
            self._clock.enter_context(session.dojo.ledger.measure("think"))
        self._closed = False

    # ---- playing

    def call(self, verb: str, **arguments: Any) -> Answer:
        """Ask the referee; ``seat.call("profile_source", source="forum")``."""
        return self.ask(verb, arguments)

    def ask(self, verb: str, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Ask the referee, the arguments in one mapping; see ``tools.verbs.referee.Referee.call``.

        Raises:
            InputError: the seat is closed.
        """
        if self._closed:
            raise InputError(self.run_dir.name, "this seat is closed", "open the run again")
        ledger = self._session.dojo.ledger
        if self._stand_still:
            ledger.go_on()
        try:
            return self.referee.call(verb, arguments)
        finally:
            if self._stand_still:
                ledger.pause()

    @property
    def verbs(self) -> tuple[VerbSchema, ...]:
        """What may be asked, with JSON schemas of the arguments."""
        return tuple(self.referee.schemas.values())

    @property
    def standing(self) -> Standing:
        """What is left, and who leads."""
        return self.referee.standing

    @property
    def rules(self) -> str:
        """The house rules."""
        return RULES

    @property
    def card(self) -> str:
        """The task card."""
        return task_card(self._session.dojo, str(self.folder.path))

    @property
    def journal(self) -> Journal:
        """The run's journal, opened for reading."""
        return Journal.open(self.run_dir / "journal.jsonl", write=False)

    def report(self) -> Path:
        """Write the run's report as far as it has come, and return its path."""
        dojo = self._session.dojo
        return write_report(dojo.journal, self.run_dir, dojo.validation)

    # ---- ending

    def _conclude(self, ending: Ending, reason: str) -> dict[str, Any]:
        state = RunState(ending=ending, reason=reason)
        step = Step("finish", state, self._runs, self._session, self._on_event)
        with noting_its_end(step):
            self.summary = dict(nodes.finish(step)["summary"])
        return self.summary

    def close(self) -> None:
        """Release the run. One that was not submitted can be opened again; without effect the second time."""
        if self._closed:
            return
        self._closed = True
        self._clock.close()
        journal = self._session.dojo.journal
        if journal.ended is None:
            journal.note("the agent left its seat without submitting; the run can be opened again")
        journal.close()  # first: a verb that the closing cuts short is not recorded as having failed
        self._runs.close(self._session)

    def __enter__(self) -> Seat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_seat(
    settings: RunSettings,
    folder: Path | None = None,
    on_event: OnEvent | None = None,
    *,
    stand_still: bool = False,
    door: str = "Python",
) -> Seat:
    """Start a run for an agent: what is wrong is said, the pool profiled, the base model scored.

    Args:
        settings: as for a run of the graph; its policy is not asked.
        folder: where the agent may leave files; by default one in the run's folder.
        on_event: called with the events of preparation and ending.
        stand_still: see ``Seat``.
        door: through which the agent comes, for the journal.

    Raises:
        InputError: something in the settings is wrong.
        HarnessFault: the harness cannot go on.
    """
    require(f"a seat at {settings.task}", "run", "train")
    hear = on_event or _unheard
    runs = OpenRuns()
    with or_fault("opening the run"):
        session = runs.start(settings.model_copy(update={"policy": "playbook"}), decider="agent")
        session.dojo.journal.note(f"an agent decides, through the door {door}", door=door)
    with leaving_no_trace(session):
        return _seated(runs, session, folder, hear, stand_still)


def reopen_seat(
    run_dir: Path,
    folder: Path | None = None,
    on_event: OnEvent | None = None,
    *,
    stand_still: bool = False,
) -> Seat:
    """Go on with a run whose agent left without submitting.

    Raises:
        InputError: the folder is no run, or none of an agent, or it has ended.
    """
    runs, hear = OpenRuns(), on_event or _unheard
    with or_fault("opening the run"):
        session = runs.open(run_dir)
    journal = session.dojo.journal
    problem = ""
    if journal.info.policy != "agent":
        problem = f"is a run of the {journal.info.policy}"
    elif journal.over:
        problem = f"has ended ({(journal.ended or {})['outcome']})"
        _tell_the_end(runs, session, hear)
    if problem:
        runs.close(session)
        raise InputError(run_dir.name, problem, "open a new run")
    return _seated(runs, session, folder, hear, stand_still)


def _tell_the_end(runs: OpenRuns, session: Session, hear: OnEvent) -> None:
    """A kill may come between the last line of a run and its summary: that is then written now."""
    journal, ended = session.dojo.journal, session.dojo.journal.ended
    if ended is None or journal.refused or (session.run_dir / SUMMARY).exists():
        return
    state = RunState(ending=str(ended["outcome"]), reason=str(ended["reason"]))
    step = Step("finish", state, runs, session, hear)
    with noting_its_end(step):
        nodes.finish(step)


def _seated(runs: OpenRuns, session: Session, folder: Path | None, hear: OnEvent, stand_still: bool) -> Seat:
    step = Step("prepare", RunState(), runs, session, hear)
    with noting_its_end(step):
        preparation.prepare(step)
    place = (folder or session.run_dir / AGENT_FOLDER).expanduser()
    with or_fault("the agent's folder"):
        place.mkdir(parents=True, exist_ok=True)
    seat = Seat(runs, session, AgentFolder(place), hear, stand_still)
    session.dojo.workspace.write_text(CARD_FILE, seat.card)
    return seat


def journal_text(journal: Journal) -> str:
    """The last lines of a journal for a client: their number, time, kind and experiment."""
    shown = [event for event in journal.events if event.kind != "heartbeat"][-RECENT_EVENTS:]
    lines = [
        f"{event.seq} {event.time} {event.kind}" + (f" {event.experiment}" if event.experiment else "")
        for event in shown
    ]
    base = journal.evaluation(BASE)
    return "\n".join([f"base: {base.text()}" if base else "base: not scored yet", *lines])


def _unheard(event: dict[str, Any]) -> None:
    """Nobody listens."""
