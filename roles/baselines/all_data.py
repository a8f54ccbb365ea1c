"""The all-data baseline: every source that can be read, as it is, trained on once by the textbook.

Sources are concatenated, and nothing is cleaned but what validation and test hold (without that a score
would mean nothing). Three epochs at the default rate, or as many as the budget holds.
"""

from __future__ import annotations

from memory.recipe import Cap, DataCard, DataRecipe, Decontaminate, Filter, Map, Select
from memory.records import Plan, TrainingPlan
from roles.hyperparameters import default_hyperparameters
from roles.method import method_for
from roles.stopping import Stop
from tools.dojo import Dojo

EPOCHS = 3.0
"""As a textbook has it."""


class AllData:
    """One training on everything."""

    def plan(self, dojo: Dojo, experiment: str) -> Plan | Stop:
        """The one experiment, with the whole budget; then the end."""
        if dojo.journal.experiments():
            return Stop("this baseline trains once, on all data")
        return one_training(dojo, experiment, readable(dojo), "everything concatenated, as it is")

    def write_recipe(self, dojo: Dojo, plan: Plan) -> DataRecipe:
        """Concatenation."""
        return everything(dojo, plan.rows, plan.sources)

    def draft_training(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """The defaults."""
        return by_default(dojo, plan, card, EPOCHS)


def readable(dojo: Dojo) -> tuple[str, ...]:
    """The sources whose columns can be read."""
    return tuple(name for name, profile in dojo.profiles().items() if profile.suggested_columns)


def everything(dojo: Dojo, rows: int, sources: tuple[str, ...] = ()) -> DataRecipe:
    """Sources one after the other, uncleaned and decontaminated; all that can be read by default."""
    names = sources or readable(dojo)
    columns = {name: dict(dojo.profiles()[name].suggested_columns) for name in names}
    return DataRecipe(
        operations=(
            Select(sources=names),
            Map(columns=columns),
            Filter(rule="nonempty"),
            Decontaminate(),
            Cap(rows=rows),
        ),
        seed=dojo.seed,
    )


def one_training(dojo: Dojo, experiment: str, sources: tuple[str, ...], hypothesis: str) -> Plan:
    """A plan from the base weights that takes what is left of the budget."""
    said = {"hypothesis": hypothesis, "reason": "a baseline, fixed beforehand"}
    seconds = max(dojo.remaining_budget_seconds(), 1.0)
    return Plan.first(experiment, sources, seconds, rows=dojo.max_rows, **said)


def by_default(dojo: Dojo, plan: Plan, card: DataCard, epochs: float) -> TrainingPlan:
    """Method by the model's size and the playbook's first rate; the gate cuts epochs to the time."""
    method = method_for(dojo)
    default = default_hyperparameters(method, dojo.base_model.hidden_size)
    return TrainingPlan(
        method=method,
        learning_rate=default.learning_rate,
        per_device_train_batch_size=min(default.batch_size, card.rows),
        num_train_epochs=epochs,
        max_length=dojo.max_length,
        timeout_seconds=max(min(plan.max_seconds, dojo.remaining_budget_seconds()), 1.0),
        seed=dojo.seed,
        init_from=plan.init_from,
    )
