"""Who decides: one method per role, the same records out, whoever thinks.

The playbook is the embedded default, the control in every comparison and the fallback;
``roles.llm.policy`` puts a chat model behind the same five methods.
"""

from __future__ import annotations

from typing import Protocol

from memory.recipe import DataCard, DataRecipe
from memory.records import Comparison, Diagnosis, Experiment, Plan, TrainingPlan, Verdict
from roles import data_curator, diagnostician, evaluator, planner, training_engineer
from tools.dojo import Dojo


class Policy(Protocol):
    """Five decisions. Each returns a record; none writes into the journal's stages."""

    def plan(self, dojo: Dojo, experiment: str) -> Plan | None:
        """The next experiment; None when nothing is left to try."""
        ...

    def write_recipe(self, dojo: Dojo, plan: Plan) -> DataRecipe:
        """The data for a plan."""
        ...

    def write_training_plan(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """Method, hyperparameters and duration. Raises ExperimentFailed when the gate does not let it
        pass."""
        ...

    def assess(self, dojo: Dojo, experiment: str, comparison: Comparison) -> Verdict:
        """Keep or discard. ``keep`` counts only where the paired test allows it."""
        ...

    def diagnose(self, dojo: Dojo, experiment: Experiment) -> Diagnosis:
        """Cause, evidence, next move for one finished or failed experiment."""
        ...


class Playbook:
    """The rules of the five roles, as they stand in their modules."""

    def plan(self, dojo: Dojo, experiment: str) -> Plan | None:
        """See ``roles.planner``."""
        return planner.plan(dojo, experiment)

    def write_recipe(self, dojo: Dojo, plan: Plan) -> DataRecipe:
        """See ``roles.data_curator``."""
        return data_curator.write_recipe(dojo, plan)

    def write_training_plan(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """See ``roles.training_engineer``."""
        return training_engineer.write_training_plan(dojo, plan, card)

    def assess(self, dojo: Dojo, experiment: str, comparison: Comparison) -> Verdict:
        """See ``roles.evaluator``."""
        return evaluator.assess(comparison)

    def diagnose(self, dojo: Dojo, experiment: Experiment) -> Diagnosis:
        """See ``roles.diagnostician``."""
        return diagnostician.diagnose(dojo, experiment)
