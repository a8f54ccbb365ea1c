"""The history of a run: its events in order, the records in them, and what follows from both.

Champion, lineage and counts are derived here, never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from memory.agreement import Agreement
from memory.confirmation import Confirmation
from memory.explained import Explained
from memory.forgetting import Forgetting, GeneralAnswers
from memory.journal.events import Event, Kind
from memory.recipe import DataCard, DataRecipe, Record, Repair
from memory.records import (
    Comparison,
    Diagnosis,
    Evaluation,
    Experiment,
    Failure,
    Lengths,
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


class History:
    """What the events of one run say."""

    def __init__(self, path: Path, events: list[Event]) -> None:
        self.path = path
        self.events = events
        """Every event, in order."""
        self.info = run_info(path, events)
        self._index = {(event.kind, event.experiment): event for event in reversed(events)}
        self._finished: dict[str, Experiment] = {}

    def _take_in(self, event: Event) -> None:
        """One more event, which stands in ``events`` already."""
        self._index.setdefault((event.kind, event.experiment), event)
        self._finished.pop(event.experiment or "", None)

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
        """Its method and hyper-parameters; the form that was trained at last, where the first ran out of
        memory."""
        written = self._index.get(("training_plan", experiment))
        if written is None:
            return None
        smaller = [
            event.data["instead"]
            for event in self.events[written.seq :]
            if event.kind == "note" and event.experiment == experiment and "instead" in event.data
        ]
        return TrainingPlan.model_validate(smaller[-1] if smaller else written.data)

    def training(self, experiment: str) -> Training | None:
        """What its training did; None when training failed or was cut by a kill."""
        return self._record(experiment, "training", Training)

    def evaluation(self, experiment: str) -> Evaluation | None:
        """Its validation score."""
        return self._record(experiment, "evaluation", Evaluation)

    def comparison(self, experiment: str) -> Comparison | None:
        """It against the incumbent of its time."""
        return self._record(experiment, "comparison", Comparison)

    def forgetting(self, experiment: str) -> Forgetting | None:
        """What it cost beside its task; None where nothing is watched, or it was no candidate."""
        return self._record(experiment, "forgetting", Forgetting)

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
        ids = [str(event.experiment) for event in self.events if event.kind == "finished"]
        return tuple(self._finished_one(id) for id in ids)

    def _finished_one(self, id: str) -> Experiment:
        if id not in self._finished:
            experiment = self.experiment(id)
            if experiment is None:
                raise HarnessFault(f"{self.path}: experiment {id} is finished and was never planned")
            self._finished[id] = experiment
        return self._finished[id]

    def experiment(self, id: str) -> Experiment | None:
        """One experiment as far as it has come; None before it is planned.

        Its outcome is ``unfinished`` and its clocks are empty as long as it is not finished.
        """
        plan = self.plan(id)
        if plan is None:
            return None
        ids = [event.experiment for event in self.events if event.kind == "finished"]
        finished = self._index.get(("finished", id))
        return Experiment(
            id=id,
            number=(ids.index(id) if finished else len(ids)) + 1,
            plan=plan,
            recipe=self.recipe(id),
            card=self.card(id),
            training_plan=self.training_plan(id),
            training=self.training(id),
            evaluation=self.evaluation(id),
            comparison=self.comparison(id),
            forgetting=self.forgetting(id),
            verdict=self.verdict(id),
            diagnosis=self.diagnosis(id),
            failure=self.failure(id),
            outcome=finished.data["outcome"] if finished else "unfinished",
            clocks=self._clocks_of(finished) if finished else {},
        )

    def _clocks_of(self, finished: Event) -> dict[str, float]:
        """The ledger's totals at the end of an experiment less those at the end of the one before."""
        return self._clocks_since(self.events[: finished.seq], finished.clocks or {})

    def clocks_under_way(self, totals: Mapping[str, float]) -> dict[str, float]:
        """Seconds by clock of the experiment that is under way, given the ledger's totals now."""
        return self._clocks_since(self.events, totals)

    @staticmethod
    def _clocks_since(events: Sequence[Event], totals: Mapping[str, float]) -> dict[str, float]:
        before: dict[str, float] = {}
        for event in events:
            of_base = event.kind == "evaluation" and event.experiment == BASE
            if event.kind == "finished" or of_base or _asked_base(event):
                before = event.clocks or {}
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
        """The incumbent, from which the search goes on: the experiment kept last, for each was kept against
        the one before it. It looks best; nothing is claimed of it."""
        kept = [experiment for experiment in self.experiments() if experiment.outcome == "kept"]
        return kept[-1] if kept else None

    def incumbent_id(self) -> str:
        """The incumbent's id, or ``base``."""
        incumbent = self.best()
        return incumbent.id if incumbent else BASE

    @property
    def over_budget(self) -> tuple[Experiment, ...]:
        """The experiments that scored above the incumbent of their time and forgot more than was allowed."""
        return tuple(e for e in self.experiments() if e.forgetting is not None and e.forgetting.beyond)

    @property
    def confirmation(self) -> Confirmation | None:
        """How the search's candidate did on items kept apart; None before that, and in runs of earlier
        versions."""
        data = self._index.get(("confirmation", None))
        return None if data is None else Confirmation.model_validate(data.data)

    def champion_id(self) -> str:
        """What the run claims to be better than the base: an experiment's id; ``base`` where it claims
        nothing, or has not come so far."""
        chosen = self._index.get(("champion_chosen", None))
        return BASE if chosen is None else str(chosen.data.get("champion", BASE))

    def leading_id(self) -> str:
        """The model of which a run tells most: its champion; without one the candidate that was tested, and
        before that the incumbent."""
        champion, tested = self.champion_id(), self.confirmation
        if champion != BASE:
            return champion
        return tested.candidate if tested else self.incumbent_id()

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
    def repairs(self) -> tuple[Repair, ...]:
        """The rules that audits found to make a source's answers right, oldest first."""
        notes = [event.data for event in self.events if event.kind == "note"]
        return tuple(Repair.model_validate(data["repair"]) for data in notes if "repair" in data)

    @property
    def agreements(self) -> dict[tuple[str, str], Agreement]:
        """The audits that diagnoses took down, by (experiment, source)."""
        made = [each.diagnosis.agreements for each in self.experiments() if each.diagnosis]
        return {(item.experiment, item.source): item for items in made for item in items}

    @property
    def did_not_fit(self) -> tuple[dict[str, Any], ...]:
        """What ran out of memory in this run: ``{"plan", "batch"}`` each, the training plan
        and its longest batch (rows, tokens, trained tokens)."""
        noted = [event.data.get("did_not_fit") for event in self.events if event.kind == "note"]
        return tuple(found for found in noted if isinstance(found, dict))

    @property
    def lengths(self) -> Lengths | None:
        """How long rows and answers may be; None before that was settled, and in runs of earlier versions."""
        found = [
            event.data["lengths"] for event in self.events if event.kind == "note" and "lengths" in event.data
        ]
        return Lengths.model_validate(found[-1]) if found else None

    @property
    def pruned(self) -> tuple[str, ...]:
        """The experiments whose weights were removed to keep the folder's size, in order."""
        noted = [event.data.get("pruned") for event in self.events if event.kind == "note"]
        return tuple(str(name) for names in noted for name in names or ())

    @property
    def without(self) -> frozenset[str]:
        """The parts of the agent that a benchmark switched off in this run; mostly none."""
        noted = [event.data.get("without") for event in self.events if event.kind == "note"]
        return frozenset(str(part) for parts in noted for part in parts or ())

    @property
    def explained(self) -> dict[str, dict[str, Explained]]:
        """By experiment and source, how its model finds the answers of that source."""
        noted = [event for event in self.events if event.kind == "note" and "explained" in event.data]
        return {
            str(event.experiment): {
                found.source: found for found in map(Explained.model_validate, event.data["explained"])
            }
            for event in noted
        }

    @property
    def general(self) -> GeneralAnswers | None:
        """Whether the base has general answers that can be forgotten; None where nobody looked."""
        found = [event.data.get("general") for event in self.events if event.kind == "note"]
        return next((GeneralAnswers.model_validate(each) for each in found if each), None)

    @property
    def baselines(self) -> dict[str, Any] | None:
        """What was noted on the sealed test of answering without a model; None where nothing was."""
        noted = [event.data.get("baselines") for event in self.events if event.kind == "note"]
        return next((found for found in reversed(noted) if isinstance(found, dict)), None)

    @property
    def served_baseline(self) -> dict[str, Any] | None:
        """What another model scored on the sealed test: ``model``, ``text`` and its score, if it answered."""
        noted = [event.data.get("served_baseline") for event in self.events if event.kind == "note"]
        return next((found for found in reversed(noted) if isinstance(found, dict)), None)

    @property
    def judge(self) -> dict[str, Any] | None:
        """How the language model that judges answers did on known ones; None where none does."""
        noted = [event.data.get("judge") for event in self.events if event.kind == "note"]
        return next((found for found in noted if isinstance(found, dict)), None)

    @property
    def unjudged(self) -> tuple[dict[str, Any], ...]:
        """Evaluations in which items got no verdict: experiment, split, items, of how many, by cause."""
        noted = [event.data.get("unjudged") for event in self.events if event.kind == "note"]
        return tuple(found for found in noted if isinstance(found, dict))

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
    def over(self) -> bool:
        """Whether nothing follows any more: it has ended, and not by a fault that can be mended."""
        ended = self.ended
        return ended is not None and ended.get("outcome") != "harness_fault"

    @property
    def refused(self) -> bool:
        """Whether it ended before anything was chosen: its beginning showed that it could not be made."""
        return self.over and ("champion_chosen", None) not in self._index

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


def _asked_base(event: Event) -> bool:
    """Whether it tells of the base's general answers, which belong to no experiment."""
    return event.kind == "note" and "general" in event.data


def run_info(path: Path, events: list[Event]) -> RunInfo:
    """What the first event says; a file without it is not ours."""
    try:
        if events[0].kind != "run_started":
            raise ValueError(events[0].kind)
        return RunInfo.model_validate(events[0].data)
    except (IndexError, ValueError, ValidationError) as error:
        raise InputError(
            str(path), "is not the journal of an FT-Dojo run", "name a folder that `ftdojo run` wrote"
        ) from error
