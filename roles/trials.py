"""Trials of a search: the journal's trainings of one method, and what those of another length are worth.

Trainings of a run differ in length. A longer one reaches more whatever its rate, and the best rate of a
short one is too high for a long one. So trials are ranked among those of like length, the rank of another
length is drawn towards the middle, and a rate that a shorter training was made with is lowered by a
published law before it counts for a longer one. A short trial thus says where to look, and a long one,
where there is one, decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memory.calibration import FAILED_WORTH
from memory.forecast.past import PastExperiment
from memory.records import Experiment, RunInfo
from memory.training import rate_used
from roles.search_space import searched_values
from tools.training.learning_rate import Method

LIKE = 2.0
"""Trainings within this factor of each other are of like length."""
HORIZON_EXPONENT = 0.32
"""The best rate falls with the tokens that are trained on to this power (Bjorck et al. 2024,
arXiv:2409.19913, on pre-training; for fine-tuning nothing as broad is known to us)."""
MOST_LOWERED = 3.0
"""An extrapolation is not followed further than by this factor."""

MOST_EARLIER = 30
"""Trials of earlier runs that a search begins with: enough to say where to look, and soon outnumbered where
their runs were about something else."""


@dataclass(frozen=True)
class Trial:
    """One finished training as the optimiser sees it."""

    learning_rate: float
    batch_size: int
    worth: float
    """Share of the remaining error that training removed; 0.0 or less when it did not help."""
    experiment: str = ""
    rows_read: float = 0.0
    """How long it was: rows in all its steps, a repeated row counted again; 0.0 where it is not known."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """Its values of the other fields that are searched (``roles.search_space``)."""


def is_trial(experiment: Experiment, method: Method) -> bool:
    """Whether it tried hyperparameters of a method; a look, which compares sources, does not."""
    plan = experiment.training_plan
    return plan is not None and plan.method == method and not experiment.plan.steps


def trials_from(experiments: Sequence[Experiment], base_score: float, method: Method) -> list[Trial]:
    """The journal's finished trainings of one method, with their worth.

    Worth is the share of the remaining error that was removed, (score - start) /
    (100 - start) with start the score of the weights that training began from. Unlike
    the bare score it does not reward late experiments for starting from a champion.
    """
    scores = {e.id: e.evaluation.paired_score.value for e in experiments if e.evaluation}
    trials = []
    for experiment in experiments:
        plan, done = experiment.training_plan, experiment.training
        if plan is None or not is_trial(experiment, method):
            continue
        start = scores.get(plan.init_from, base_score)
        reached = scores.get(experiment.id)
        worth = FAILED_WORTH if reached is None else (reached - start) / max(100.0 - start, 1.0)
        steps = done.steps if done else max(plan.max_steps, 0)
        read = float(steps * plan.effective_batch_size)
        further = searched_values(plan)
        if done and experiment.card and done.steps < plan.max_steps:
            further["num_train_epochs"] = read / max(experiment.card.rows, 1)  # it ended before its time
        trials.append(
            Trial(rate_used(plan, done), plan.effective_batch_size, worth, experiment.id, read, further)
        )
    return trials


def earlier_trials(experiments: Sequence[PastExperiment], info: RunInfo, method: Method) -> list[list[Trial]]:
    """Trials of earlier runs with this base model and method, by run, those of the same task first and of
    these the newest first; ``MOST_EARLIER`` at most."""
    runs: dict[str, list[PastExperiment]] = {}
    for e in experiments:
        known = e.setup.training
        if e.base_model != info.base_model or known.get("method") != method or e.setup.steps:
            continue
        if e.gain is not None and e.drafted is not None:
            runs.setdefault(e.run, []).append(e)
    order = sorted(runs.values(), key=lambda found: (found[-1].task == info.task, found[-1].ended))
    chosen: list[list[Trial]] = []
    for found in reversed(order):
        left = MOST_EARLIER - sum(map(len, chosen))
        if left > 0:
            chosen.append([_earlier(e) for e in found][-left:])
    return chosen


def _earlier(e: PastExperiment) -> Trial:
    known = e.setup.training
    return Trial(
        learning_rate=float(known["rate"]),
        batch_size=int(float(known["batch"])),
        worth=(e.gain or 0.0) / max(100.0 - e.planned["start score"], 1.0),
        experiment=f"{e.run}/{e.experiment}",
        rows_read=float(known["rows_read"]),
    )


def standings(trials: Sequence[Trial], rows_read: float) -> list[float]:
    """How good each trial is for a training of some length: 0.0 to 1.0, 0.5 where it says nothing.

    It is the share of the trials of like length that a trial is not worse than, itself by half; of another
    length it is drawn towards 0.5, by twice the length by nothing, by eight times to a quarter.

    Args:
        trials: the history.
        rows_read: the length of the training to come; 0.0 where it is not known.
    """
    found = []
    for trial in trials:
        alike = [other for other in trials if _ratio(trial.rows_read, other.rows_read) <= LIKE]
        below = sum(other.worth < trial.worth for other in alike)
        equal = sum(other.worth == trial.worth for other in alike)
        rank = (below + 0.5 * equal) / len(alike) if trial.worth > FAILED_WORTH else 0.0
        trust = min(1.0, LIKE / _ratio(trial.rows_read, rows_read))
        found.append(0.5 + (rank - 0.5) * trust)
    return found


def rate_for(trial: Trial, rows_read: float) -> float:
    """A trial's learning rate for a training of another length: lower for one that is clearly longer."""
    ratio = _ratio(trial.rows_read, rows_read)
    if rows_read <= trial.rows_read or ratio <= LIKE:
        return trial.learning_rate
    return trial.learning_rate / float(min(ratio**HORIZON_EXPONENT, MOST_LOWERED))


def _ratio(one: float, other: float) -> float:
    """How many times longer the longer is; 1.0 where one is not known."""
    return max(one, other) / min(one, other) if one > 0.0 and other > 0.0 else 1.0
