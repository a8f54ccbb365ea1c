"""Tools that act: they plan, make data, train, evaluate and finish an experiment, and journal what they did.

For an agent that runs a Dojo alone; no role is given one. What it asks for passes the checks that a
language model's and a person's decisions pass (``tools.checks``), and the incumbent is chosen by the
same rule. A call that fails leaves nothing behind, so it can be mended and made again.
"""

from __future__ import annotations

from collections.abc import Callable

from memory.journal.log import BASE
from memory.recipe import DataCard, DataRecipe
from memory.records import Plan, TrainingPlan
from tasks.errors import InputError, InvalidDecision
from tools.chat.untrusted_text import one_line
from tools.checks import forgetting
from tools.checks.champion import outcome_of
from tools.checks.plan import check_plan
from tools.checks.recipe import check_recipe
from tools.checks.training import check_training_plan
from tools.dojo import Dojo
from tools.toolkit.answers import known_experiment


def acting_tools(dojo: Dojo) -> list[Callable[..., str]]:
    """The functions, bound to one run."""
    return [_planning(dojo), _curating(dojo), *_training(dojo), _evaluating(dojo), _finishing(dojo)]


def _planned(dojo: Dojo, experiment: str) -> Plan:
    """The plan of the experiment under way."""
    plan = dojo.journal.plan(experiment)
    if plan is None:
        what = f"experiment {one_line(experiment)!r}"
        raise InputError(what, "is not planned", "call plan_experiment first")
    if dojo.journal.stage(experiment, "finished") is not None:
        raise InputError(f"experiment {experiment}", "is finished", "plan the next one")
    return plan


def _card(dojo: Dojo, experiment: str) -> DataCard:
    card = dojo.journal.card(experiment)
    if card is None:
        what = f"experiment {one_line(experiment)!r}"
        raise InputError(what, "has no data yet", "call run_data_recipe first")
    return card


def _planning(dojo: Dojo) -> Callable[..., str]:
    def plan_experiment(plan: Plan) -> str:
        """Plan the next experiment: one hypothesis, one parent, one change. One at a time is under way.

        Args:
            plan: its experiment is the next free id: e01, then e02.
        """
        journal = dojo.journal
        if (under_way := journal.unfinished()) is not None:
            raise InputError(f"experiment {under_way}", "is under way", "call finish_experiment first")
        if plan.experiment != journal.next_experiment_id():
            raise InvalidDecision(f"experiment: the next one is {journal.next_experiment_id()}")
        if journal.evaluation(BASE) is None:
            raise InputError("base", "was not evaluated yet", "call evaluate_model with base first")
        check_plan(dojo, plan)
        journal.append("plan", plan, plan.experiment)
        return f"{plan.experiment} is planned; run_data_recipe makes its data"

    return plan_experiment


def _curating(dojo: Dojo) -> Callable[..., str]:
    def run_data_recipe(experiment: str, recipe: DataRecipe) -> str:
        """Build the training set of an experiment by typed operations, in order; returns its data card.

        Start with select (the plan's sources), then map (columns to prompt and answer), then filter,
        normalise, deduplicate, verify, decontaminate, mix, sample, cap. Rows of the validation or test
        split block it.

        Args:
            experiment: the id of the planned experiment.
            recipe: the operations and a seed.
        """
        plan = _planned(dojo, experiment)
        if dojo.journal.card(experiment) is not None:
            raise InputError(f"experiment {experiment}", "has its data", "train it, or finish it")
        check_recipe(dojo, plan, recipe)
        forgetting.fetch_replay(dojo, recipe)
        return dojo.curate(experiment, recipe).model_dump_json(indent=1)

    return run_data_recipe


def _training(dojo: Dojo) -> list[Callable[..., str]]:
    def estimate_training(experiment: str, plan: TrainingPlan) -> str:
        """Estimate seconds per epoch and peak memory of a training before it runs.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        return dojo.estimate(plan, _card(dojo, experiment)).model_dump_json()

    def probe_training(experiment: str, plan: TrainingPlan) -> str:
        """Run a few real training steps, to see that the loss is finite and memory suffices.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        card = _card(dojo, experiment)
        check_training_plan(dojo, _planned(dojo, experiment), card, plan)
        return dojo.probe(experiment, plan, card).model_dump_json()

    def train_model(experiment: str, plan: TrainingPlan) -> str:
        """Fine-tune on the experiment's data; returns steps, loss curve, speed and peak memory.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        card = _card(dojo, experiment)
        if dojo.journal.training(experiment) is not None:
            raise InputError(f"experiment {experiment}", "was trained", "evaluate it, then plan the next one")
        check_training_plan(dojo, _planned(dojo, experiment), card, plan)
        return dojo.train(experiment, plan).model_dump_json()

    return [estimate_training, probe_training, train_model]


def _evaluating(dojo: Dojo) -> Callable[..., str]:
    def evaluate_model(experiment: str) -> str:
        """Score base or an experiment's model on validation: score with interval, error clusters.

        Args:
            experiment: base, or an experiment's id.
        """
        journal = dojo.journal
        if experiment != BASE and journal.training(known_experiment(journal, experiment)) is None:
            raise InputError(f"experiment {experiment}", "was not trained", "call train_model first")
        evaluation = dojo.evaluate(experiment)
        if experiment != BASE and journal.comparison(experiment) is None:
            comparison = dojo.compare(experiment, journal.incumbent_id())
            journal.append("comparison", comparison, experiment)
            forgetting.measure(dojo, comparison)
        if experiment == BASE:
            forgetting.look_at_base(dojo)
        return evaluation.model_dump_json(indent=1)

    return evaluate_model


def _finishing(dojo: Dojo) -> Callable[..., str]:
    def finish_experiment(experiment: str) -> str:
        """Close the experiment under way; it becomes the incumbent when the paired test allows it.

        Args:
            experiment: its id; one that was not evaluated counts as failed.
        """
        _planned(dojo, experiment)
        done = dojo.journal.experiment(experiment)
        assert done is not None
        outcome = outcome_of(done)
        dojo.journal.finish(experiment, outcome)
        return f"{experiment} is {outcome}; the incumbent is {dojo.journal.incumbent_id()}"

    return finish_experiment
