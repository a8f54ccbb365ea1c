"""The numeric hyperparameters: Optuna's TPE with the journal as its history.

Structure (which data, from which weights, how long) is the planner's business; learning rate, batch size and
the fields of ``roles.search_space`` are a numeric search, at which tree-structured Parzen
estimators (Bergstra et al. 2011) beat language models (arXiv 2603.24647). The study
is rebuilt from the journal at every call, so that a resumed run goes on as if
nothing had happened.

Optuna's own use of trials of several lengths ranks every short one behind every long one, and then tells
the search to stay away from it; a history of few trials, most of them short, would be lost
(``roles.trials`` ranks them instead).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memory.records import Experiment
from roles.search_space import ask, moved, told
from roles.trials import Trial, is_trial, rate_for, standings
from tools.training.batch_size import rate_factor, usual_batch_size
from tools.training.learning_rate import Method, learning_rate_range

EARLIER_TRUST = 0.5
"""Of its distance from the middle, what the rank of a trial of another run keeps: it was of other data, or of
another start. A judgement, not measured."""
FEW_TRIALS = 10
"""Before as many, Optuna's own default draws at random (``TPESampler(n_startup_trials=10)``)."""


@dataclass(frozen=True)
class Hyperparameters:
    """One suggestion."""

    learning_rate: float
    batch_size: int
    origin: str
    """Where it came from: ``default``, ``lesson`` or ``tpe after N trials``."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """Values of other fields of a training plan; those that are left out stay at its defaults."""


def batch_sizes(row_tokens: float) -> tuple[int, int]:
    """Rows in a step that are searched: the usual ones, and twice as many."""
    usual = usual_batch_size(row_tokens)
    return usual, 2 * usual


def default_hyperparameters(method: Method, hidden_size: int, row_tokens: float = 0.0) -> Hyperparameters:
    """The first guess: a third of the way down from the top of the range, in logarithm; less for batches of
    few rows."""
    low, high = learning_rate_range(method, hidden_size)
    rate = high * (low / high) ** (1 / 3)
    rows = usual_batch_size(row_tokens)
    return Hyperparameters(max(low, rate * rate_factor(rows)), rows, "default")


def best_so_far(trials: Sequence[Trial], rows_read: float) -> Hyperparameters | None:
    """What the best of the trials was made with; None where none of them helped."""
    helped = [trial for trial in trials if trial.worth > 0]
    if not helped:
        return None
    best = max(
        zip(standings(helped, rows_read), helped, strict=True), key=lambda pair: (pair[0], pair[1].worth)
    )[1]
    return Hyperparameters(rate_for(best, rows_read), best.batch_size, "best so far")


def caution(experiments: Sequence[Experiment], method: Method, suggested: Hyperparameters) -> tuple[str, ...]:
    """How far a suggestion of the search can be trusted, as a line; none for what is no search's.

    Args:
        experiments: the finished ones.
        method: full or LoRA.
        suggested: what is cautioned about.
    """
    tried = [e for e in experiments if is_trial(e, method)]
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


def suggest(
    trials: Sequence[Trial],
    method: Method,
    hidden_size: int,
    seed: int,
    ceiling: float | None = None,
    rows_read: float = 0.0,
    row_tokens: float = 0.0,
    earlier: Sequence[Sequence[Trial]] = (),
) -> Hyperparameters:
    """The next hyperparameters.

    The first call returns the default; after that TPE is asked. It is told first what earlier runs tried,
    each run's trials ranked among themselves, so that it begins where they did well.

    Args:
        trials: what has been tried, oldest first.
        method: full or LoRA.
        hidden_size: the model's width.
        seed: of the sampler.
        ceiling: highest rate allowed, for training that goes on from trained weights: a restart above
            the rate that made them undoes more than it teaches (each of SGDR's restarts may decay
            its peak, arXiv 1608.03983). Never below twice the range's lower end.
        rows_read: how long the training will be (``Trial.rows_read``); 0.0 where it is not known.
        row_tokens: tokens of a row on average (``tools.training.batch_size``).
        earlier: the trials of earlier runs, by run.
    """
    if not trials:
        return default_hyperparameters(method, hidden_size, row_tokens)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    low, high = learning_rate_range(method, hidden_size)
    high = min(high, max(ceiling, 2 * low)) if ceiling else high
    fields, sizes = moved(method, len(trials)), batch_sizes(row_tokens)
    first = {
        "learning_rate": optuna.distributions.FloatDistribution(low, high, log=True),
        "batch_size": optuna.distributions.CategoricalDistribution(sizes),
    }
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed + len(trials), n_startup_trials=2),
    )
    told_before = [(trial, EARLIER_TRUST * (rank - 0.5) + 0.5) for trial, rank in _ranked(earlier, rows_read)]
    for trial, worth in (*told_before, *zip(trials, standings(trials, rows_read), strict=True)):
        size = min(sizes, key=lambda known: abs(known - trial.batch_size))
        rate = min(max(rate_for(trial, rows_read), low), high)
        params, space = told(trial.further, fields, hidden_size)
        study.add_trial(
            optuna.trial.create_trial(
                params={"learning_rate": rate, "batch_size": size} | params,
                distributions=first | space,
                value=worth,
            )
        )
    asked = study.ask(first)
    return Hyperparameters(
        float(asked.params["learning_rate"]),
        int(asked.params["batch_size"]),
        f"tpe after {len(trials)} trials{f' and {len(told_before)} of earlier runs' if told_before else ''}",
        ask(asked, fields, hidden_size),
    )


def _ranked(runs: Sequence[Sequence[Trial]], rows_read: float) -> list[tuple[Trial, float]]:
    """Trials of other runs with their standings among those of their own run, the last told first."""
    return [
        pair for trials in reversed(runs) for pair in zip(trials, standings(trials, rows_read), strict=True)
    ]
