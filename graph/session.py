"""One open run (its settings, its Dojo, its policy), and the runs that a graph holds open.

The graph's state is JSON-plain and names a run by its folder. ``OpenRuns`` belongs to one compiled
graph and is handed to its steps (``graph.step``). LangGraph's runtime context cannot carry the open run:
it is given anew with each invocation, Studio sends it as a form, and an answer to a question comes
without one, while the run must stay open between question and answer. A process that meets a
folder for the first time (after a kill, in a notebook, in the Studio server) opens it from
``run.json`` and the journal.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from graph.ahead import Ahead
from graph.beginning import edition_of, from_anywhere, refuse_changed, refuse_hopeless, refuse_short, run_info
from graph.deciding import models_of, probed, seat
from graph.eval_server import find_eval_server
from graph.executors import ahead_of, worker_of
from graph.policies import require_policy
from graph.refused import removing
from graph.settings import RunSettings
from graph.task_names import load_options, load_task, on_disk
from graph.trackers import require_trackers, tracker_variables, tracking_of
from graph.unchanged import record_foundations, refuse_changes
from memory.budget.clocks import Ledger
from memory.budget.heartbeat import Heartbeat
from memory.experience.store import Experience, ExperienceStore, NullStore
from memory.forecast.forecaster import Forecaster
from memory.journal.evidence import subjects_on_record
from memory.journal.log import Journal
from memory.records import PolicyName
from roles import playbook
from roles.least_budget import least_budget_seconds
from roles.policy import Policy
from tasks.base import TaskData, TaskSpec
from tasks.custom.hub_id import hub_id
from tasks.errors import InputError, or_input_error
from tasks.load import load
from tools.checks.lengths import EDITION_ROW_TOKENS
from tools.contamination.check import Decontaminator
from tools.curation.profile import answered_rows
from tools.dojo import Dojo
from tools.evaluation.confirmation import split_validation
from tools.evaluation.score_answers import score_answers
from tools.evaluation.workload import lengths_of
from tools.forgetting.lm_eval_tasks import check_tasks
from tools.forgetting.watched import Watched
from tools.models.base_model import BaseModel, resolve_base_model, token_counter
from tools.models.check import look_in_child
from tools.models.recorded_base import BUNDLED
from tools.process.machine import VISIBLE
from tools.process.worker import Worker
from tools.sealed_test import SealedTest
from tools.training.progress import Hear
from tools.training.tokenise import loss_in_words
from tools.training.tracking import Audience
from tools.workspace import Workspace, make_run_id

SETTINGS_FILE = "run.json"
BASE_MODEL = "base_model"
"""What a note of the journal is ``about`` that was made when the base model was looked at."""


@dataclass
class Session:
    """A run that is open in this process."""

    settings: RunSettings
    dojo: Dojo
    policy: Policy
    heartbeat: Heartbeat | None = None
    """Keeps its clocks on the disk."""
    ahead: Ahead | None = None
    """What is begun ahead of its turn, where there are several workers."""

    @property
    def run_dir(self) -> Path:
        """The run's folder."""
        return self.dojo.workspace.run_dir

    def audience(self, experiment: str, hear: Hear) -> Audience:
        """Who looks at an experiment's training: whoever hears its progress, and the trackers."""
        dojo, names = self.dojo, self.settings.report_to
        return Audience(hear, tracking_of(names, dojo.spec.id, dojo.workspace, experiment, os.environ))

    def close(self) -> None:
        """Release its children, its store and its journal; without effect the second time."""
        self.dojo.close()
        if self.heartbeat is not None:
            self.heartbeat.close()


class OpenRuns:
    """The runs that one graph has open in this process, by folder; closed with it as a context manager.

    Args:
        began: when the command began, in monotonic seconds: the first run's clocks count from there. By
            default each run's count from when it is opened.
        begins: told of a new run's folder before anything is written into it.
    """

    def __init__(self, began: float | None = None, begins: Callable[[Path], None] | None = None) -> None:
        self._open: dict[Path, Session] = {}
        self._moved: dict[Path, Path] = {}
        self._began, self._begins = began, begins
        self._lock = threading.Lock()

    def start(self, settings: RunSettings, decider: PolicyName | None = None) -> Session:
        """A new run; see ``start``."""
        return self._held(start(settings, decider, self._first_began(), self._begins))

    def open(self, run_dir: Path, accept_changes: bool = False) -> Session:
        """The run in a folder, or where it was moved to; opened when it is not open yet. See ``reopen``."""
        with self._lock:
            place = self._moved.get(run_dir.resolve(), run_dir)
            session = self._open.get(place.resolve())
        return session or self._held(reopen(place, accept_changes, self._first_began()))

    def moved(self, old: Path, new: Path) -> None:
        """A run whose state names the folder ``old`` lies in ``new``: a copy never touches its original."""
        with self._lock:
            self._moved[old.resolve()] = new.resolve()

    def _first_began(self) -> float | None:
        began, self._began = self._began, None
        return began

    def close(self, session: Session) -> None:
        """Release one run."""
        with self._lock:
            self._open.pop(session.run_dir.resolve(), None)
        session.close()

    def _held(self, session: Session) -> Session:
        with self._lock:
            self._open[session.run_dir.resolve()] = session
        return session

    def __enter__(self) -> OpenRuns:
        return self

    def __exit__(self, *ended: object) -> None:
        for session in tuple(self._open.values()):
            self.close(session)


def start(
    settings: RunSettings,
    decider: PolicyName | None = None,
    began: float | None = None,
    begins: Callable[[Path], None] | None = None,
) -> Session:
    """Make a new run: check everything that can be wrong, then write the first journal line.

    Args:
        settings: what to do.
        decider: who decides, where that is not the policy of the settings.
        began: when the command began, in monotonic seconds; by default now.
        begins: told of its folder before anything is written into it.

    Raises:
        InputError: any part of the settings is wrong; no run folder is left behind by a bad
            task, model or budget, nor by missing files.
    """
    require_trackers(settings.report_to)
    check_tasks(settings.do_no_harm)
    require_policy(settings.policy)
    spec = load_task(settings.task, settings.edition)
    if hub_id(settings.task) is not None and not on_disk(settings.task):
        # The run goes on with the rows that it began with, whatever becomes of the data set.
        settings = settings.model_copy(update={"task": spec.source})
    refuse_short(settings)
    base_model = _base_model(settings)
    models = models_of(settings, spec)
    server, told = find_eval_server(settings, base_model)
    with ExitStack() as on_error:
        worker, data = _read(settings, spec, on_error)
        test = SealedTest.seal(data.load_test)
        counter = token_counter(base_model)
        spent = 0.0 if began is None else time.monotonic() - began
        least = least_budget_seconds(base_model, counter, data.validation, test.n)
        refuse_hopeless(settings, spent + least, spent)
        remarks = _looked_at(settings, base_model, data, worker)
        probes = probed(settings, models)
        if spec.check_gold is not None and spec.script is not None:
            spec.check_gold(data.validation, partial(score_answers, spec))
        now = datetime.now(UTC)
        run = make_run_id(spec.id, settings.seed, now)
        workspace = Workspace.create(Path(settings.runs_dir).expanduser(), run)
        on_error.enter_context(removing(workspace.run_dir))
        if begins is not None:
            begins(workspace.run_dir)
        kept_settings = from_anywhere(settings).model_dump_json(indent=2) + "\n"
        workspace.write_text(workspace.run_dir / SETTINGS_FILE, kept_settings)
        info = run_info(settings, spec, workspace, data, base_model, test, now, decider)
        journal = Journal.create(workspace.journal_path, info)
        on_error.callback(journal.close)
        kept = _kept(journal, began, on_error)
        session = _build(settings, spec, workspace, worker, data, kept, on_error)
        record_foundations(settings, spec, data, session.dojo)
        probes.write(session.dojo.journal)
        session = seat(session, models)
        session.ahead = ahead_of(session)
        session.dojo.eval_server = server
        for remark in filter(None, (told, *data.understood)):
            session.dojo.journal.note(remark)
        for remark in remarks:
            session.dojo.journal.note(remark, about=BASE_MODEL)
        on_error.pop_all()
        return session


def reopen(run_dir: Path, accept_changes: bool = False, began: float | None = None) -> Session:
    """Open an existing run's folder.

    Args:
        run_dir: the folder.
        accept_changes: go on although something that the run rests on has changed, and mark it.
        began: when the command began, in monotonic seconds; by default now.

    Raises:
        InputError: not a run of FT-Dojo, it is open elsewhere, or something changed.
    """
    settings = read_settings(run_dir)
    require_trackers(settings.report_to)
    with ExitStack() as on_error:
        # The journal first: a second process is refused at once, and what follows is spent time.
        workspace = Workspace(run_dir.resolve())
        journal = Journal.open(workspace.journal_path)
        on_error.callback(journal.close)
        kept = _kept(journal, began, on_error)
        spec = load_task(settings.task, settings.edition)
        models = models_of(settings, spec)
        worker, data = _read(settings, spec, on_error)
        session = _build(settings, spec, workspace, worker, data, kept, on_error)
        refuse_changes(settings, spec, data, session.dojo, accept_changes)
        session = seat(session, models)
        session.ahead = ahead_of(session)
        session.dojo.eval_server, _ = find_eval_server(settings, session.dojo.base_model)
        on_error.pop_all()
        return session


def read_settings(run_dir: Path) -> RunSettings:
    """The settings a run was started with.

    Raises:
        InputError: no readable ``run.json`` in the folder.
    """
    path = run_dir / SETTINGS_FILE
    try:
        return RunSettings.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            str(run_dir),
            f"is not a run of FT-Dojo (no readable {SETTINGS_FILE})",
            "see `ftdojo status` for runs",
        ) from error


def _read(settings: RunSettings, spec: TaskSpec, on_error: ExitStack) -> tuple[Worker, TaskData]:
    """The task's data, while a worker loads its libraries."""
    variables = tracker_variables(settings.report_to, os.environ)
    worker = worker_of(settings, Worker, variables, os.environ.get(VISIBLE))
    on_error.callback(worker.close)
    worker.warm()
    with or_input_error(settings.task, "its rows cannot be read", "mend or remove what the message names"):
        return worker, load(spec, edition_of(settings, spec), settings.seed, load_options(settings))


def _base_model(settings: RunSettings) -> BaseModel:
    return resolve_base_model(settings.base_model, settings.allow_pickle)


def _looked_at(
    settings: RunSettings, base_model: BaseModel, data: TaskData, worker: Worker
) -> tuple[str, ...]:
    """What is out of the ordinary about the base model, a line each. The bundled one is our own.

    Raises:
        InputError: it cannot be trained or asked here.
    """
    if base_model.path.parent == BUNDLED.resolve():
        return ()
    found = look_in_child(base_model, settings.allow_pickle, worker)
    turns = (turn for source in data.sources for row in source.rows for turn in row.get("turns") or ())
    if not any(isinstance(turn, dict) and turn.get("role") == "assistant" for turn in turns):
        return found.notes
    rule, why = (
        (found.loss_on, found.loss_why) if settings.loss_on == "auto" else (settings.loss_on, "as set")
    )
    return (*found.notes, loss_in_words(rule, why))


@dataclass(frozen=True)
class _Kept:
    """What a run keeps of itself on the disk while it is open."""

    journal: Journal
    ledger: Ledger
    heartbeat: Heartbeat


def _kept(journal: Journal, began: float | None, on_error: ExitStack) -> _Kept:
    """The journal with its clocks running, on the disk as well."""
    ledger = Ledger.attach(journal, began=began)
    heartbeat = Heartbeat(journal.path.parent, ledger.snapshot).start()
    on_error.callback(heartbeat.withdraw)
    return _Kept(journal, ledger, heartbeat)


def _build(
    settings: RunSettings,
    spec: TaskSpec,
    workspace: Workspace,
    worker: Worker,
    data: TaskData,
    kept: _Kept,
    on_error: ExitStack,
    decider: PolicyName | None = None,
) -> Session:
    """The parts put together."""
    base_model, journal = _base_model(settings), kept.journal
    edition = edition_of(settings, spec)
    if edition == "official":
        spec = _within(spec, base_model)
    count_tokens = token_counter(base_model)
    test = SealedTest.seal(data.load_test, partial(lengths_of, count_tokens=count_tokens))
    task_rows = [source for source in data.sources if not source.replay]
    decontaminator = Decontaminator.build(data.validation, test, answered_rows(task_rows, spec))
    if not subjects_on_record(journal):
        refuse_changed(journal, data, test, spec.metric)
    search, confirmation = split_validation(data.validation)
    dojo = Dojo(
        spec=spec,
        edition=edition,
        base_model=base_model,
        validation=search,
        confirmation=confirmation,
        pool={source.name: source for source in task_rows},
        replay={source.name: source for source in data.sources if source.replay},
        test=test,
        decontaminator=decontaminator,
        workspace=workspace,
        journal=journal,
        ledger=kept.ledger,
        store=_store(settings.memory),
        forecaster=_forecaster(settings.memory, workspace),
        worker=worker,
        count_tokens=count_tokens,
        seed=settings.seed,
        max_rows=journal.info.max_rows,
        max_experiments=settings.max_experiments,
        max_disk_gb=settings.max_disk_gb,
        search=settings.search,
        loss_on=settings.loss_on,
        watched=Watched(settings.forgetting_budget, settings.do_no_harm),
        answer_cache=None if settings.answer_cache == "off" else Path(settings.answer_cache).expanduser(),
        max_length=min(EDITION_ROW_TOKENS[edition], base_model.max_positions or EDITION_ROW_TOKENS[edition]),
    )
    worker.limit = dojo.job_seconds
    if (settled := journal.lengths) is not None:
        dojo.apply_lengths(settled)
    return Session(settings=settings, dojo=dojo, policy=playbook, heartbeat=kept.heartbeat)


def _within(spec: TaskSpec, base_model: BaseModel) -> TaskSpec:
    """A published answer budget takes at most half of a model's positions: the rest is the prompt's."""
    half = base_model.max_positions // 2 if base_model.max_positions else spec.max_new_tokens
    return replace(spec, max_new_tokens=min(spec.max_new_tokens, max(1, half)))


def _store(memory: str) -> Experience:
    return NullStore() if memory == "off" else ExperienceStore(Path(memory).expanduser())


def _forecaster(memory: str, workspace: Workspace) -> Forecaster:
    """What the runs beside this one teach; nothing where memory is off."""
    if memory == "off":
        return Forecaster()
    run_dir = workspace.run_dir
    return Forecaster(run_dir.parent, Path(memory).expanduser() / "forecast.json", run_dir.name)
