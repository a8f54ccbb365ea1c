"""Tool that estimates a training from the run's own measurements; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable

from memory.recipe import DataCard
from memory.records import TrainingPlan
from tasks.errors import InputError
from tools.chat.untrusted_text import one_line
from tools.dojo import Dojo


def training_tools(dojo: Dojo) -> list[Callable[..., str]]:
    """The functions, bound to one run."""

    def estimate_training(experiment: str, plan: TrainingPlan) -> str:
        """Estimate seconds per epoch and peak memory of a training before it runs.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        return dojo.estimate(plan, card_of(dojo, experiment)).model_dump_json()

    return [estimate_training]


def card_of(dojo: Dojo, experiment: str) -> DataCard:
    """The data of an experiment.

    Raises:
        InputError: it has none yet, or there is no such experiment.
    """
    card = dojo.journal.card(experiment)
    if card is None:
        what, planned = f"experiment {one_line(experiment)!r}", dojo.journal.plan(experiment) is not None
        wrong, verb = (
            ("has no data yet", "run_data_recipe") if planned else ("is not planned", "plan_experiment")
        )
        under_way = None if planned else dojo.journal.unfinished()
        raise InputError(what, wrong, f"{under_way} is under way" if under_way else f"call {verb} first")
    return card
