"""The context in front of a role: one experiment, what it builds on, and what was tried beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from memory.journal.log import BASE, Journal
from memory.records import Diagnosis, Evaluation, Experiment, Plan, Prediction
from tools.dojo import Dojo

LATEST = 5
SIBLINGS = 6
ANCESTORS = 4


@dataclass(frozen=True)
class ExperimentContext:
    """Facts about one experiment, from the journal."""

    dojo: Dojo
    experiment: str

    @property
    def journal(self) -> Journal:
        """The run's journal."""
        return self.dojo.journal

    @cached_property
    def current(self) -> Experiment | None:
        """The experiment as far as it has come; None while the Planner decides."""
        return self.journal.experiment(self.experiment)

    @property
    def plan(self) -> Plan | None:
        """None while the Planner decides."""
        return self.current.plan if self.current else None

    # ---- what is around it

    @cached_property
    def history(self) -> tuple[Experiment, ...]:
        """The finished experiments, oldest first, without this one."""
        return tuple(e for e in self.journal.experiments() if e.id != self.experiment)

    @cached_property
    def champion(self) -> Experiment | None:
        """The incumbent, the best so far; None when it is the base model."""
        return self.journal.best()

    @property
    def champion_id(self) -> str:
        """``base`` as long as nothing was kept."""
        return self.champion.id if self.champion else BASE

    @property
    def parent_id(self) -> str:
        """What it builds on; while nothing is planned, what it would most likely build on: the champion."""
        return (self.plan.parent or BASE) if self.plan else self.champion_id

    @cached_property
    def parent(self) -> Experiment | None:
        """None when it builds on the base model."""
        return self.finished(self.parent_id)

    @cached_property
    def siblings(self) -> tuple[Experiment, ...]:
        """The other experiments with the same parent, oldest first."""
        return tuple(e for e in self.history if (e.plan.parent or BASE) == self.parent_id)

    @cached_property
    def listed(self) -> tuple[Experiment, ...]:
        """The experiments that are told one by one: the lineage's end, siblings, and the latest."""
        line = self.journal.lineage(self.parent_id)[-ANCESTORS:] if self.parent_id != BASE else ()
        chosen = {
            *line,
            self.champion_id,
            *(e.id for e in self.siblings[-SIBLINGS:]),
            *(e.id for e in self.history[-LATEST:]),
        }
        return tuple(e for e in self.history if e.id in chosen)

    @cached_property
    def prediction(self) -> tuple[str, Diagnosis, Prediction] | None:
        """The newest prediction that no plan has put to the test yet, with its diagnosis and experiment."""
        tested = {e.plan.tests for e in self.history}
        for e in reversed(self.history):
            if e.diagnosis and e.diagnosis.prediction and e.id not in tested:
                return e.id, e.diagnosis, e.diagnosis.prediction
        return None

    def finished(self, experiment: str) -> Experiment | None:
        """A finished experiment by its id."""
        return next((e for e in self.history if e.id == experiment), None)

    def evaluated(self, experiment: str) -> Evaluation | None:
        """The validation evaluation of ``base`` or of an experiment."""
        return self.journal.evaluation(experiment)
