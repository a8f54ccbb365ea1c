"""Search without judgement: mixtures of the sources drawn at random, or by TPE, in the agent's own budget.

A trial is a weight for each usable source, a learning rate and a batch size. Rows are cleaned by the
playbook's recipe, training passes the agent's gate, the time left is divided as the agent divides it, and
what scores best on validation is tested, without a confirmation. Else only who decides what is tried next
differs from the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from graph import session as sessions
from graph.bench.mini_tasks import scores
from graph.session import Session
from graph.settings import RunSettings
from memory.journal.log import BASE
from memory.records import Failure, Plan, TrainingPlan
from roles import stopping, training_gate
from roles.data_curator import write_recipe
from roles.hyperparameters import batch_sizes
from roles.method import method_for
from roles.search_space import MAX_EPOCHS
from roles.time_split import experiment_seconds, mean_row_tokens
from tasks.errors import ExperimentFailed
from tools.checks.source_kinds import kind_of
from tools.dojo import Dojo
from tools.training.learning_rate import learning_rate_range

if TYPE_CHECKING:
    import optuna

Sampler = Literal["random", "tpe"]
LEAST_WEIGHT = 0.1
"""A source with less of a weight (0 to 1) is left out: otherwise no trial would be without a faulty one."""
START_TRIALS = 3
"""Random trials before TPE decides; optuna's ten would leave it nothing of eight."""


def by_search(settings: RunSettings, sampler: Sampler) -> dict[str, Any]:
    """Trials until the budget ends, and one reading of the sealed test with the best of them.

    Raises:
        InputError: as ``graph.session.start``.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=_sampler(sampler, settings.seed))
    session = sessions.start(settings)
    dojo, journal = session.dojo, session.dojo.journal
    try:
        dojo.evaluate(BASE)
        ending = None
        while ending is None:
            _trial(session, study)
            ending = stopping.ending(dojo, settings.target, settings.max_experiments)
        best = journal.incumbent_id()
        journal.append("champion_chosen", {"champion": best})
        base, final, _ = dojo.final_test(best)
        journal.append("run_ended", {"outcome": ending[0], "reason": ending[1]})
    finally:
        session.close()
    return {
        **scores(base.score, final.score),
        "champion": best,
        "experiments": len(journal.experiments()),
        "counts": journal.counts(),
        "seconds": round(dojo.ledger.elapsed_seconds, 1),
        "run": str(session.run_dir),
    }


def _sampler(name: Sampler, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=START_TRIALS)


def _trial(session: Session, study: optuna.Study) -> None:
    """One mixture, trained and scored; a training that fails is a trial that failed."""
    import optuna

    dojo, journal = session.dojo, session.dojo.journal
    experiment = journal.next_experiment_id()
    trial = study.ask()
    plan = _plan(dojo, experiment, trial)
    journal.append("plan", plan, experiment)
    try:
        card = dojo.curate(experiment, write_recipe(dojo, plan))
        draft = _draft(dojo, trial)
        needed = training_gate.needs_probe(dojo, draft, card)
        probe = dojo.probe(experiment, draft, card) if needed else None
        dojo.train(experiment, training_gate.timed(dojo, plan, card, draft, probe))
        score = dojo.evaluate(experiment).score
    except ExperimentFailed as failed:
        failure = Failure(stage=failed.stage, code=failed.code, message=failed.message)
        journal.append("failure", failure, experiment)
        journal.finish(experiment, "failed")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    comparison = dojo.compare(experiment, journal.incumbent_id())
    journal.append("comparison", comparison, experiment)
    journal.finish(experiment, "kept" if comparison.delta > 0 else "discarded")
    study.tell(trial, score.value if score.higher_is_better else -score.value)


def _plan(dojo: Dojo, experiment: str, trial: optuna.Trial) -> Plan:
    usable = [name for name, profile in dojo.profiles().items() if kind_of(profile) != "unusable"]
    drawn = {name: trial.suggest_float(f"weight {name}", 0.0, 1.0) for name in usable}
    weights = kept_weights(drawn)
    history, method = dojo.journal.experiments(), method_for(dojo)
    return Plan(
        experiment=experiment,
        parent=None,
        hypothesis="another mixture",
        reason="drawn by the sampler",
        change="sources",
        expected_gain=0.0,
        sources=tuple(weights),
        weights=weights,
        max_seconds=experiment_seconds(dojo, history, method, 1.0),
        rows=dojo.max_rows,
    )


def kept_weights(drawn: Mapping[str, float]) -> dict[str, float]:
    """The sources that take part, heaviest first; the heaviest alone where none has a weight to speak of."""
    order = sorted(drawn, key=lambda name: -drawn[name])
    kept = [name for name in order if drawn[name] >= LEAST_WEIGHT] or order[:1]
    return {name: max(drawn[name], LEAST_WEIGHT) for name in kept}


def _draft(dojo: Dojo, trial: optuna.Trial) -> TrainingPlan:
    method = method_for(dojo)
    low, high = learning_rate_range(method, dojo.base_model.hidden_size)
    sizes = batch_sizes(mean_row_tokens(dojo))
    return TrainingPlan(
        method=method,
        learning_rate=trial.suggest_float("learning_rate", low, high, log=True),
        per_device_train_batch_size=int(trial.suggest_categorical("batch_size", sizes)),
        num_train_epochs=MAX_EPOCHS,
        max_length=dojo.max_length,
        seed=dojo.seed,
    )
