"""The policy: who decides. One function per role, the same records out, whoever thinks.

``roles.playbook``, a module, is the rule-based policy: the default, the control in every comparison and
the fallback; ``roles.llm.policy`` puts a chat model behind the same five functions, ``roles.baselines`` fixed
rules, and ``roles.composed`` whoever was named for each role. ``graph.policies`` finds them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from memory.recipe import DataCard, DataRecipe
from memory.records import Comparison, Diagnosis, Experiment, Plan, TrainingPlan, Verdict
from roles.stopping import Stop
from tools.dojo import Dojo


class Policy(Protocol):
    """Five decisions. Each returns a record; none acts, and none writes into the journal's stages."""

    @property
    def audited(self) -> bool:
        """Whether sources are audited after a kept experiment: only where someone may act on it."""
        ...

    def plan(self, dojo: Dojo, experiment: str) -> Plan | Stop | None:
        """The next experiment; None when nothing is left to try, ``Stop`` when a model says so."""
        ...

    def write_recipe(self, dojo: Dojo, plan: Plan) -> DataRecipe:
        """The data for a plan."""
        ...

    def draft_training(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """Method and hyperparameters; ``num_train_epochs`` is the most, ``roles.training_gate`` cuts it."""
        ...

    def assess(self, dojo: Dojo, comparison: Comparison) -> Verdict:
        """Keep or discard the challenger. ``keep`` counts only where the paired test allows it."""
        ...

    def diagnose(self, dojo: Dojo, experiment: Experiment, audit: Mapping[str, float]) -> Diagnosis:
        """Cause, evidence, next move for one experiment that has ended, given the audit of its sources."""
        ...
