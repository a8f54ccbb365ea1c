"""Search without judgement: mixtures of the sources and rates, drawn at random or by TPE.

A trial is a weight for each usable source, a learning rate and a batch size. Rows are cleaned by the
playbook's recipe, and the time left is divided as the playbook divides it: only who decides what is tried
next differs. A trial's draw follows from the seed and the journal, so a resumed run goes on as if nothing
had happened. TPE: Bergstra et al. 2011, by Optuna.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from memory.recipe import DataCard
from memory.records import Experiment, Plan, TrainingPlan
from roles.hyperparameters import batch_sizes
from roles.method import method_for
from roles.search_space import MAX_EPOCHS
from roles.time_split import experiment_seconds, mean_row_tokens
from tools.checks.source_kinds import kind_of
from tools.dojo import Dojo
from tools.training.learning_rate import learning_rate_range

if TYPE_CHECKING:
    import optuna

Sampler = Literal["random", "tpe"]
LEAST_WEIGHT = 0.1
"""A source with less of a weight (0 to 1) is left out: otherwise no trial would be without a faulty one."""
START_TRIALS = 3
"""Random trials before TPE decides; Optuna's ten would leave it nothing of eight."""
RATE, BATCH, WEIGHT = "learning_rate", "batch_size", "weight "


@dataclass(frozen=True)
class Draw:
    """What one trial tries."""

    weights: dict[str, float]
    """By source, heaviest first."""
    learning_rate: float
    batch_size: int


class MixtureSearch:
    """One trial after the other until the budget ends."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def plan(self, dojo: Dojo, experiment: str) -> Plan:
        """The next mixture, from the base weights."""
        history = dojo.journal.experiments()
        weights = draw(dojo, self.sampler, history).weights
        return Plan(
            experiment=experiment,
            parent=None,
            hypothesis="another mixture",
            reason="drawn at random"
            if self.sampler == "random"
            else f"drawn by TPE after {len(history)} trials",
            change="sources" if history else "first",
            expected_gain=0.0,
            sources=tuple(weights),
            weights=weights,
            max_seconds=experiment_seconds(dojo, history, method_for(dojo), 1.0),
            rows=dojo.max_rows,
        )

    def draft_training(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """The rate and the batch of the same draw."""
        drawn = draw(dojo, self.sampler, dojo.journal.experiments())
        return TrainingPlan(
            method=method_for(dojo),
            learning_rate=drawn.learning_rate,
            per_device_train_batch_size=min(drawn.batch_size, card.rows),
            num_train_epochs=MAX_EPOCHS,
            max_length=dojo.max_length,
            timeout_seconds=max(min(plan.max_seconds, dojo.remaining_budget_seconds()), 1.0),
            seed=dojo.seed,
            init_from=plan.init_from,
            hyperparameters_from=self.sampler,
        )


def draw(dojo: Dojo, sampler: Sampler, history: tuple[Experiment, ...]) -> Draw:
    """The draw that follows this history."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = _space(dojo)
    # A seed for each draw: the sampler's own state does not outlive the process.
    study = optuna.create_study(
        direction="maximize", sampler=_sampler(sampler, 1000 * dojo.seed + len(history))
    )
    study.add_trials([trial for each in history if (trial := _told(each, space))])
    params = study.ask(space).params
    weights = {name.removeprefix(WEIGHT): value for name, value in params.items() if name.startswith(WEIGHT)}
    return Draw(kept_weights(weights), float(params[RATE]), int(params[BATCH]))


def kept_weights(drawn: Mapping[str, float]) -> dict[str, float]:
    """The sources that take part, heaviest first; the heaviest alone where none has a weight to speak of."""
    order = sorted(drawn, key=lambda name: -drawn[name])
    kept = [name for name in order if drawn[name] >= LEAST_WEIGHT] or order[:1]
    return {name: max(drawn[name], LEAST_WEIGHT) for name in kept}


def _space(dojo: Dojo) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    usable = [name for name, profile in dojo.profiles().items() if kind_of(profile) != "unusable"]
    low, high = learning_rate_range(method_for(dojo), dojo.base_model.hidden_size)
    weights = {f"{WEIGHT}{name}": FloatDistribution(0.0, 1.0) for name in usable}
    return weights | {
        RATE: FloatDistribution(low, high, log=True),
        BATCH: CategoricalDistribution(batch_sizes(mean_row_tokens(dojo))),
    }


def _sampler(name: Sampler, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=START_TRIALS)


def _told(experiment: Experiment, space: Mapping[str, Any]) -> optuna.trial.FrozenTrial | None:
    """A finished experiment as a trial; None where it never came to a training plan.

    The gate may have halved a batch, and a person may have set a rate: what lies outside of the space counts
    as what lies nearest inside.
    """
    from optuna.trial import TrialState, create_trial

    trained, answered = experiment.training_plan, experiment.evaluation
    score = answered.paired_score if answered else None
    if trained is None:
        return None
    rates = space[RATE]
    params = {name: experiment.plan.weights.get(name.removeprefix(WEIGHT), 0.0) for name in space}
    params[RATE] = min(max(trained.learning_rate, rates.low), rates.high)
    params[BATCH] = min(space[BATCH].choices, key=lambda size: abs(size - trained.effective_batch_size))
    worth = None if score is None else score.value if score.higher_is_better else -score.value
    return create_trial(
        state=TrialState.FAIL if worth is None else TrialState.COMPLETE,
        value=worth,
        params=params,
        distributions=dict(space),
    )
