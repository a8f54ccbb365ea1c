"""The numeric hyperparameters: Optuna's TPE with the journal as its history.

Structure (which data, from which weights, how long) is the planner's business;
learning rate and batch size are a numeric search, at which tree-structured Parzen
estimators (Bergstra et al. 2011) beat language models (arXiv 2603.24647). The study
is rebuilt from the journal at every call, so that a resumed run goes on as if
nothing had happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memory.records import Experiment
from tools.training.learning_rate import Method, learning_rate_range

BATCH_SIZES = (16, 32)
FEW_TRIALS = 10
"""Before as many, Optuna's own default draws at random (``TPESampler(n_startup_trials=10)``)."""


@dataclass(frozen=True)
class Hyperparameters:
    """One suggestion."""

    learning_rate: float
    batch_size: int
    origin: str
    """Where it came from: ``default``, ``lesson`` or ``tpe after N trials``."""


@dataclass(frozen=True)
class Trial:
    """One finished training as the optimiser sees it."""

    learning_rate: float
    batch_size: int
    worth: float
    """Share of the remaining error that training removed; 0.0 or less when it did not help."""


def default_hyperparameters(method: Method, hidden_size: int) -> Hyperparameters:
    """The first guess: a third of the way down from the top of the range, in logarithm."""
    low, high = learning_rate_range(method, hidden_size)
    rate = high * (low / high) ** (1 / 3)
    return Hyperparameters(learning_rate=rate, batch_size=16, origin="default")


def trials_from(experiments: Sequence[Experiment], base_score: float, method: Method) -> list[Trial]:
    """The journal's finished trainings of one method, with their worth; a look, which compares sources, tries
    no hyperparameters.

    Worth is the share of the remaining error that was removed, (score - start) /
    (100 - start) with start the score of the weights that training began from. Unlike
    the bare score it does not reward late experiments for starting from a champion.
    """
    scores = {e.id: e.evaluation.score.value for e in experiments if e.evaluation}
    trials = []
    for experiment in experiments:
        plan = experiment.training_plan
        if plan is None or not _is_trial(experiment, method):
            continue
        start = scores.get(plan.init_from, base_score)
        reached = scores.get(experiment.id)
        worth = -1.0 if reached is None else (reached - start) / max(100.0 - start, 1.0)
        trials.append(Trial(plan.learning_rate, plan.effective_batch_size, worth))
    return trials


def caution(experiments: Sequence[Experiment], method: Method, suggested: Hyperparameters) -> tuple[str, ...]:
    """How far a suggestion of the search can be trusted, as a line; none for what is no search's.

    Args:
        experiments: the finished ones.
        method: full or LoRA.
        suggested: what is cautioned about.
    """
    tried = [e for e in experiments if _is_trial(e, method)]
    if not suggested.origin.startswith("tpe") or not tried:
        return ()
    kinds = {(frozenset(e.plan.sources), e.training_plan and e.training_plan.init_from) for e in tried}
    lengths = {e.training_plan.num_train_epochs for e in tried if e.training_plan}
    mixed = (
        f", and they differ in data or start ({len(kinds)} kinds) and duration ({len(lengths)}) as well: "
        "what they came to is not their rate's and batch size's alone"
        if len(kinds) > 1 or len(lengths) > 1
        else ""
    )
    few = "; so few make it little more than a guess" if len(tried) < FEW_TRIALS else ""
    return (f"- the search has seen {len(tried)} trials{mixed}{few}",)


def _is_trial(experiment: Experiment, method: Method) -> bool:
    """A look, which compares sources, tries no hyperparameters."""
    plan = experiment.training_plan
    return plan is not None and plan.method == method and not experiment.plan.steps


def suggest(
    trials: Sequence[Trial], method: Method, hidden_size: int, seed: int, ceiling: float | None = None
) -> Hyperparameters:
    """The next learning rate and batch size.

    The first call returns the default; after that TPE is asked.

    Args:
        trials: what has been tried, oldest first.
        method: full or LoRA.
        hidden_size: the model's width.
        seed: of the sampler.
        ceiling: highest rate allowed, for training that goes on from trained weights: a restart above
            the rate that made them undoes more than it teaches (each of SGDR's restarts may decay
            its peak, arXiv 1608.03983). Never below twice the range's lower end.
    """
    if not trials:
        return default_hyperparameters(method, hidden_size)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    low, high = learning_rate_range(method, hidden_size)
    high = min(high, max(ceiling, 2 * low)) if ceiling else high
    space = {
        "learning_rate": optuna.distributions.FloatDistribution(low, high, log=True),
        "batch_size": optuna.distributions.CategoricalDistribution(BATCH_SIZES),
    }
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed + len(trials), n_startup_trials=2),
    )
    for trial in trials:
        size = min(BATCH_SIZES, key=lambda known: abs(known - trial.batch_size))
        rate = min(max(trial.learning_rate, low), high)
        study.add_trial(
            optuna.trial.create_trial(
                params={"learning_rate": rate, "batch_size": size}, distributions=space, value=trial.worth
            )
        )
    asked = study.ask(space)
    return Hyperparameters(
        float(asked.params["learning_rate"]),
        int(asked.params["batch_size"]),
        f"tpe after {len(trials)} trials",
    )
