"""The oracle-source baseline: one training on the sources that are known to be good.

It knows what every other policy has to find out, so it is told the sources by whoever made them and never
writes lessons. What it scores is about the most that choosing sources can bring within the same budget.
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.recipe import DataCard
from memory.records import Plan, TrainingPlan
from roles.baselines.all_data import by_default, one_training
from roles.stopping import Stop
from tools.dojo import Dojo

EPOCHS = 20.0
"""As many passes as the budget holds, on a clean source up to so many."""


class OracleSource:
    """One training on the known sources, cleaned as the playbook cleans.

    Args:
        sources: names of good sources.
        seconds: the most that the experiment may take; what is left of the budget when None.
    """

    def __init__(self, sources: Sequence[str], seconds: float | None = None) -> None:
        self.sources, self.seconds = tuple(sources), seconds

    def plan(self, dojo: Dojo, experiment: str) -> Plan | Stop:
        """The one experiment; then the end."""
        if dojo.journal.experiments():
            return Stop("this baseline trains once, on the sources that are known to be good")
        plan = one_training(dojo, experiment, self.sources, "the good sources, known beforehand")
        return plan if self.seconds is None else plan.model_copy(update={"max_seconds": self.seconds})

    def draft_training(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """The defaults, as long as the time lasts."""
        return by_default(dojo, plan, card, EPOCHS)
