"""The samplers without judgement on simulated runs: mixtures and rates by TPE, or at random, as the benchmark
of real runs draws them."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from memory.records import Experiment, TrainingPlan
from roles import stopping, training_gate
from roles.hyperparameters import batch_sizes
from roles.method import method_for
from roles.search_space import MAX_EPOCHS
from roles.time_split import experiment_seconds
from tasks.errors import ExperimentFailed
from tests.bench.search.dojo import ITEMS, OVERHEAD_SECONDS, SimulatedDojo
from tests.bench.search.run import NOTHING, Result, failed_as, result_of
from tests.bench.search.surface import made_surface
from tests.support.run_records import plan as made_plan
from tools.checks.champion import outcome_of
from tools.training.learning_rate import learning_rate_range

START_TRIALS = 3
"""Random trials before TPE decides, as in the search of mixtures on real runs."""
LEAST_WEIGHT = 0.1
"""A source with less of a weight (0 to 1) is left out."""


def sampled_run(seed: int, sampler: str, budget: float = 300.0) -> Result:
    """Trials until the budget ends, each from the base; the best of them goes to the confirmation."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draws = (
        optuna.samplers.RandomSampler(seed=seed)
        if sampler == "random"
        else optuna.samplers.TPESampler(seed=seed, n_startup_trials=START_TRIALS)
    )
    study = optuna.create_study(direction="maximize", sampler=draws)
    dojo: Any = SimulatedDojo(made_surface(seed, ITEMS), seed, "greedy", budget)
    reached: list[tuple[float, float]] = []
    while (end := stopping.ending(dojo)) is None:
        trial = study.ask()
        done = _trial(dojo, trial)
        dojo.journal.done.append(done)
        if done.evaluation is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        study.tell(trial, done.evaluation.score.value)
        if done.outcome == "kept":
            reached.append((dojo.seconds, 100.0 * fmean(dojo.skills[done.id])))
    return result_of(dojo, reached, end[0])


def _trial(dojo: Any, trial: Any) -> Experiment:
    drawn = {name: trial.suggest_float(name, 0.0, 1.0) for name in dojo.profiles()}
    order = sorted(drawn, key=lambda name: -drawn[name])
    kept = [name for name in order if drawn[name] >= LEAST_WEIGHT] or order[:1]
    weights = {name: max(drawn[name], LEAST_WEIGHT) for name in kept}
    history, method = dojo.journal.experiments(), method_for(dojo)
    low, high = learning_rate_range(method, dojo.base_model.hidden_size)
    plan = made_plan(
        f"e{len(history) + 1:02d}",
        expected_gain=0.0,
        sources=tuple(weights),
        weights=weights,
        max_seconds=experiment_seconds(dojo, history, method, 1.0),
        rows=dojo.max_rows,
    )
    draft = TrainingPlan(
        method=method,
        learning_rate=trial.suggest_float("learning_rate", low, high, log=True),
        per_device_train_batch_size=int(trial.suggest_categorical("batch_size", batch_sizes(0.0))),
        num_train_epochs=MAX_EPOCHS,
    )
    card = dojo.card(plan)
    training = training_gate.timed(dojo, plan, card, draft, None)
    done = Experiment.model_construct(
        **NOTHING
        | {
            "id": plan.experiment,
            "number": len(history) + 1,
            "plan": plan,
            "card": card,
            "training_plan": training,
        }
    )
    try:
        trained = dojo.train(plan, card, training, None)
    except ExperimentFailed as failed:
        return failed_as(done, failed).model_copy(update={"outcome": "failed"})
    found = {"training": trained, "evaluation": dojo.measure(plan.experiment)}
    found["comparison"] = dojo.compare(plan.experiment, dojo.journal.incumbent_id())
    dojo.seconds += OVERHEAD_SECONDS
    done = done.model_copy(update=found)
    return done.model_copy(update={"outcome": outcome_of(done)})
