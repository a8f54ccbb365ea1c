"""The journal: what a run did, append-only, one event a line. It is the truth.

Champion, lineage and counts are derived from it, never stored beside it. Every
append is idempotent by (kind, experiment), because a step may run twice after a kill;
the first record stands. When ``append`` has returned, the record is on the disk.

    with Journal.open(path) as journal:
        journal.append("plan", plan, experiment="e01")
        journal.champion_id()
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pydantic import ValidationError

from memory.journal.durable import FileLock, append_line, set_aside, sync_folder, unwritable
from memory.journal.events import ABOUT_EXPERIMENTS, KINDS, ONCE, STAGES, Event, Kind, encode, plain, read_log
from memory.recipe import DataCard, DataRecipe, Record
from memory.records import (
    Comparison,
    Diagnosis,
    Evaluation,
    Experiment,
    Failure,
    Outcome,
    Plan,
    RunInfo,
    Training,
    TrainingPlan,
    Verdict,
)
from tasks.errors import HarnessFault, InputError

BASE = "base"
"""The experiment id under which the base model's stages are filed."""
_R = TypeVar("_R", bound=Record)


class Journal:
    """One run's journal. Made by ``Journal.create`` or ``Journal.open``."""

    def __init__(self, path: Path, events: list[Event], lock: FileLock | None) -> None:
        self.path = path
        self.events = events
        """Every event, in order."""
        self.recovered: str | None = None
        """What was set aside on opening, in one sentence; None when nothing was."""
        self.clock_source: Callable[[], dict[str, float]] | None = None
        """Set by the ledger: its totals are written with every event."""
        self.info = _run_info(path, events)
        self._index = {(event.kind, event.experiment): event for event in reversed(events)}
        self._finished: dict[str, Experiment] = {}
        self._lock = lock
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND) if lock else None
        self._threads = threading.Lock()

    # ---- opening and closing

    @classmethod
    def create(cls, path: Path, info: RunInfo) -> Journal:
        """Start a run: the folder is made, and the first event holds ``info``.

        Raises:
            InputError: a journal is there already, or the folder cannot be written.
            HarnessFault: the disk is full.
        """
        first = Event(0, _now(), "run_started", None, info.model_dump(mode="json"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path.with_suffix(".lock"))
            lock.acquire()
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            if path.exists() and path.stat().st_size:
                raise InputError(
                    str(path.parent), "holds a run already", "resume it, or choose another folder"
                )
            # Written aside and renamed, so that no journal without its first record ever exists.
            partial = path.with_suffix(".new")
            with partial.open("wb") as file:
                file.write(encode(first))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
            return cls(path, [first], lock)
        except OSError as error:
            lock.release()
            raise unwritable(path, error) from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: Path, *, write: bool = True) -> Journal:
        """Read a run's journal; with ``write``, become its one writer and mend a torn end.

        A last record that was cut or altered is moved to ``journal.torn`` beside the
        journal, and a note says so. A reader (``write=False``) takes no lock, changes
        nothing and leaves such a record out.

        Raises:
            InputError: missing, foreign, altered before its end, or written by another process.
        """
        if not path.is_file():
            raise InputError(str(path), "there is no journal", "name the folder of a run")
        lock = FileLock(path.with_suffix(".lock")) if write else None
        if lock:
            lock.acquire()
        try:
            contents = read_log(path)
            _run_info(path, list(contents.events))  # before anything is mended: a foreign file stays as it is
            torn = set_aside(path, contents.torn, contents.good_bytes) if lock and contents.torn else None
            journal = cls(path, list(contents.events), lock)
            if journal._fd is not None and contents.missing_newline:
                append_line(journal._fd, b"\n", path)
        except BaseException as error:
            if lock:
                lock.release()
            if isinstance(error, OSError):
                raise unwritable(path, error) from error
            raise
        if contents.torn:
            journal._report_torn(len(contents.torn), torn)
        return journal

    def _report_torn(self, torn_bytes: int, torn: Path | None) -> None:
        what = f"the last record was cut or altered ({torn_bytes} bytes)"
        if torn is None:
            self.recovered = f"{what}; it is left out, the {len(self.events)} before it are whole"
            return
        self.recovered = f"{what} and was moved to {torn.name}; the {len(self.events)} before it are whole"
        self.note(self.recovered)

    def close(self) -> None:
        """Give up writing; what was read stays readable."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- writing

    def append(self, kind: Kind, data: Record | dict[str, Any], experiment: str | None = None) -> bool:
        """Record one event; it is on the disk when this returns.

        Returns:
            False when the run or the experiment has this record already: the first one stands.

        Raises:
            ValueError: an unknown kind, or a stage without its experiment (a bug of ours).
            HarnessFault: the disk is full, or the journal was opened for reading.
        """
        if kind not in KINDS or not (
            experiment is not None if kind in STAGES else _may_name(kind, experiment)
        ):
            raise ValueError(f"{kind!r} of experiment {experiment!r} is not an event of the journal")
        with self._threads:
            if self._fd is None:
                raise HarnessFault(f"{self.path}: opened for reading only")
            if self._has(kind, experiment):
                return False
            content = plain(data.model_dump(mode="json") if isinstance(data, Record) else data)
            clocks = self.clock_source() if self.clock_source else None
            event = Event(len(self.events), _now(), kind, experiment, content, clocks)
            try:
                self.events.append(event)
                append_line(self._fd, encode(event), self.path)
            except BaseException:
                del self.events[event.seq :]
                raise
            self._index.setdefault((kind, experiment), event)
            self._finished.pop(experiment or "", None)
            return True

    def note(self, text: str, experiment: str | None = None, **facts: Any) -> None:
        """Record something worth saying that is no stage: ``{"text": text, **facts}``."""
        self.append("note", {"text": text, **facts}, experiment)

    def heartbeat(self) -> None:
        """Record the ledger's totals now, so that a kill loses less of the time spent."""
        self.append("heartbeat", {})

    def finish(self, experiment: str, outcome: Outcome) -> bool:
        """Close an experiment. Its clocks are derived from the ledger's totals in the journal."""
        return self.append("finished", {"outcome": outcome}, experiment)

    def _has(self, kind: str, experiment: str | None) -> bool:
        if kind == "run_ended":
            return self.ended is not None and self.ended.get("outcome") != "harness_fault"
        return kind in STAGES | ONCE and (kind, experiment) in self._index

    # ---- stages

    def stage(self, experiment: str, kind: Kind) -> dict[str, Any] | None:
        """The data of one stage; None when the experiment has not come so far."""
        event = self._index.get((kind, experiment))
        return event.data if event else None

    def _record(self, experiment: str, kind: Kind, record: type[_R]) -> _R | None:
        data = self.stage(experiment, kind)
        return None if data is None else record.model_validate(data)

    def plan(self, experiment: str) -> Plan | None:
        """The experiment's hypothesis."""
        return self._record(experiment, "plan", Plan)

    def recipe(self, experiment: str) -> DataRecipe | None:
        """How its data was made."""
        return self._record(experiment, "recipe", DataRecipe)

    def card(self, experiment: str) -> DataCard | None:
        """What its data is."""
        return self._record(experiment, "card", DataCard)

    def training_plan(self, experiment: str) -> TrainingPlan | None:
        """Its method and hyper-parameters."""
        return self._record(experiment, "training_plan", TrainingPlan)

    def training(self, experiment: str) -> Training | None:
        """What its training did; None when training failed or was cut by a kill."""
        return self._record(experiment, "training", Training)

    def evaluation(self, experiment: str) -> Evaluation | None:
        """Its validation score."""
        return self._record(experiment, "evaluation", Evaluation)

    def comparison(self, experiment: str) -> Comparison | None:
        """It against the champion of its time."""
        return self._record(experiment, "comparison", Comparison)

    def verdict(self, experiment: str) -> Verdict | None:
        """What the Evaluator made of its result."""
        return self._record(experiment, "verdict", Verdict)

    def diagnosis(self, experiment: str) -> Diagnosis | None:
        """What the Diagnostician made of it."""
        return self._record(experiment, "diagnosis", Diagnosis)

    def failure(self, experiment: str) -> Failure | None:
        """Why it ended early; None when it did not."""
        return self._record(experiment, "failure", Failure)

    def test_evaluation(self, experiment: str) -> Evaluation | None:
        """Its score on the sealed test."""
        return self._record(experiment, "test_evaluation", Evaluation)

    @property
    def base_evaluation(self) -> Evaluation | None:
        """The base model's validation score."""
        return self.evaluation(BASE)

    # ---- the run, derived

    def experiments(self) -> tuple[Experiment, ...]:
        """The finished experiments, in order."""
        done = [event for event in self.events if event.kind == "finished"]
        return tuple(self._experiment(number, event) for number, event in enumerate(done, start=1))

    def _experiment(self, number: int, finished: Event) -> Experiment:
        id = str(finished.experiment)
        if id not in self._finished:
            plan = self.plan(id)
            if plan is None:
                raise HarnessFault(f"{self.path}: experiment {id} is finished and was never planned")
            self._finished[id] = Experiment(
                id=id,
                number=number,
                plan=plan,
                recipe=self.recipe(id),
                card=self.card(id),
                training_plan=self.training_plan(id),
                training=self.training(id),
                evaluation=self.evaluation(id),
                comparison=self.comparison(id),
                verdict=self.verdict(id),
                diagnosis=self.diagnosis(id),
                failure=self.failure(id),
                outcome=finished.data["outcome"],
                clocks=self._clocks_of(finished),
            )
        return self._finished[id]

    def _clocks_of(self, finished: Event) -> dict[str, float]:
        """The ledger's totals at the end of an experiment less those at the end of the one before."""
        before: dict[str, float] = {}
        for event in self.events[: finished.seq]:
            if event.kind == "finished" or (event.kind == "evaluation" and event.experiment == BASE):
                before = event.clocks or {}
        totals = finished.clocks or {}
        return {
            clock: round(seconds - before.get(clock, 0.0), 3)
            for clock, seconds in totals.items()
            if clock in ("think", "data", "train", "evaluate")
        }

    def unfinished(self) -> str | None:
        """The experiment that has a plan and is not finished."""
        for event in reversed(self.events):
            if event.kind == "plan":
                return None if ("finished", event.experiment) in self._index else event.experiment
        return None

    def next_experiment_id(self) -> str:
        """``e01``, ``e02``...; an experiment that is planned and not finished keeps its id."""
        return f"e{sum(event.kind == 'finished' for event in self.events) + 1:02d}"

    def best(self) -> Experiment | None:
        """The champion: the experiment kept last, for each was kept against the one before it."""
        kept = [experiment for experiment in self.experiments() if experiment.outcome == "kept"]
        return kept[-1] if kept else None

    def champion_id(self) -> str:
        """The champion's id, or ``base``."""
        champion = self.best()
        return champion.id if champion else BASE

    def lineage(self, experiment: str) -> tuple[str, ...]:
        """The experiment and what it builds on, oldest first; the base model is not named."""
        line: list[str] = []
        current: str | None = experiment
        while current not in (None, BASE, *line):
            line.append(str(current))
            plan = self.plan(str(current))
            current = plan.parent if plan else None
        return tuple(reversed(line))

    def counts(self) -> dict[str, int]:
        """How many experiments were ``kept``, ``discarded`` and ``failed``."""
        outcomes = [event.data["outcome"] for event in self.events if event.kind == "finished"]
        return {outcome: outcomes.count(outcome) for outcome in ("kept", "discarded", "failed")}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted, in order."""
        return tuple(str(event.data.get("text", "")) for event in self.events if event.kind == "note")

    @property
    def ended(self) -> dict[str, Any] | None:
        """The data of ``run_ended``; None while the run goes on, also when it goes on after a fault."""
        resumed = False
        for event in reversed(self.events):
            if event.kind == "run_ended":
                return None if resumed and event.data.get("outcome") == "harness_fault" else event.data
            resumed = resumed or event.kind not in ("note", "heartbeat")
        return None

    @property
    def test_reads(self) -> int:
        """How often the sealed test was opened."""
        return sum(event.kind in ("test_opened", "test_reopened") for event in self.events)

    @property
    def clocks(self) -> dict[str, float]:
        """The ledger's totals as last written, in seconds; empty when there is none."""
        for event in reversed(self.events):
            if event.clocks is not None:
                return event.clocks
        return {}


def _may_name(kind: str, experiment: str | None) -> bool:
    """Whether an event that is no stage may be filed under this experiment, or under none."""
    return experiment is None or kind in ABOUT_EXPERIMENTS


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _run_info(path: Path, events: list[Event]) -> RunInfo:
    """What the first event says; a file without it is not ours."""
    try:
        if events[0].kind != "run_started":
            raise ValueError(events[0].kind)
        return RunInfo.model_validate(events[0].data)
    except (IndexError, ValueError, ValidationError) as error:
        raise InputError(
            str(path), "is not the journal of an FT-Dojo run", "name a folder that `ftdojo run` wrote"
        ) from error
