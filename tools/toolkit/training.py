"""Tool that estimates a training from the run's own measurements; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable

from memory.recipe import DataCard
from memory.records import Estimate, Plan, TrainingPlan
from tasks.errors import InputError
from tools.chat.untrusted_text import one_line
from tools.checks.training import check_arguments
from tools.dojo import Dojo


def training_tools(dojo: Dojo) -> list[Callable[..., str]]:
    """The functions, bound to one run."""

    def estimate_training(experiment: str, plan: TrainingPlan) -> str:
        """Estimate seconds per epoch and peak memory of a training before it runs.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        return estimated(dojo, experiment, plan).model_dump_json()

    return [estimate_training]


def estimated(dojo: Dojo, experiment: str, training: TrainingPlan) -> Estimate:
    """What a training on an experiment's data would need; an estimate may say that it does not fit.

    Raises:
        InputError: there is no such experiment, or it has no data yet.
        InvalidDecision: an argument that a training would be refused for as well.
    """
    card, plan = card_of(dojo, experiment), dojo.journal.plan(experiment)
    assert plan is not None, "what has data was planned"
    whole = with_settled(dojo, plan, training)
    check_arguments(dojo, plan, card, whole)
    return dojo.estimate(whole, card)


def with_settled(dojo: Dojo, plan: Plan, training: TrainingPlan) -> TrainingPlan:
    """The training plan with what the run settles where whoever asks left it open."""
    left = max(dojo.remaining_budget_seconds(), 0.01)
    settled = {
        "init_from": plan.init_from,
        "max_length": dojo.max_length,
        "seed": dojo.seed,
        "timeout_seconds": min(plan.max_seconds, left),
    }
    open_ones = {name: value for name, value in settled.items() if name not in training.model_fields_set}
    return training.model_copy(update=open_ones)


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
