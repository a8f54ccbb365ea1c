"""Mixtures: in which shares the sources that looked good go together, found by short trainings.

Where several sources of a kind did about as well in their looks, a few mixtures of them are trained on from
the weights of the best look, as long as a look each; the better half goes on for twice as long, until one is
left (successive halving, Jamieson & Talwalkar 2016, arXiv 1502.07943). Which one wins is asked of validation.
Their number is small because the looks have done the larger part: the sources that do not teach are gone.

Trials are ordinary experiments with ``Plan.steps`` and ``Plan.weights``; everything here is derived from the
journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memory.explained import Explained, explained_share
from memory.records import Experiment
from roles.method import method_for
from roles.source_looks import Seen, counted, is_look, is_trial
from roles.time_split import look_seconds
from tools.dojo import Dojo

MOST_SOURCES = 3
"""Of a mixture: of more, none gets enough rows in a short training to show what it adds."""
TRIALS_SHARE = 0.1
"""Of the time left, the most that all trials may take: what mixing adds is small beside what choosing the
sources did. A judgement: no run has measured it."""
LEAST_SHARE = 0.05
"""Of the best source's weight, the least that another gets when it goes by agreement."""
ALIKE = 0.05
"""Shares that differ by less everywhere are the same mixture."""
Weights = dict[str, float]
By = Mapping[str, Mapping[str, Explained]]
"""By experiment and source, how an experiment's model finds a source's answers."""


@dataclass(frozen=True)
class Trial:
    """The next short training on a mixture."""

    weights: Weights
    init_from: str
    round: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Winner:
    """The mixture that was left, and the trial whose weights it goes on from."""

    weights: Weights
    experiment: str
    points: float


def mixtures(chosen: Sequence[Seen], rows: Mapping[str, int], by: By) -> tuple[Weights, ...]:
    """The mixtures that are tried, the plainest first; fewer than two where they come to the same.

    All rows together; the best source alone; the best as much as the others together; each by how much of
    what it teaches the best source's model has learned already.
    """
    if len(chosen) < 2:
        return ()
    best, *others = chosen[:MOST_SOURCES]
    all_rows = {seen.source: float(rows[seen.source]) for seen in (best, *others)}
    rest = sum(all_rows[seen.source] for seen in others)
    arms = [
        all_rows,
        {best.source: 1.0},
        {best.source: rest} | {seen.source: all_rows[seen.source] for seen in others},
        {best.source: 1.0} | {seen.source: _share(best, seen, by) for seen in others},
    ]
    found: list[Weights] = []
    for arm in map(_normal, arms):
        if not any(_alike(arm, other) for other in found):
            found.append(arm)
    return tuple(found) if len(found) > 1 else ()


def next_trial(
    dojo: Dojo, history: Sequence[Experiment], chosen: Sequence[Seen], rows: Mapping[str, int], by: By
) -> Trial | None:
    """The next trial; None when a mixture is chosen, there is nothing to mix, or time does not hold them.

    Args:
        dojo: the run.
        history: its experiments; trials come straight after looks.
        chosen: what the looks came to, best first.
        rows: of each source.
        by: who explains whom.
    """
    arms = mixtures(chosen, rows, by)
    looks = [experiment for experiment in history if is_look(experiment)]
    if not arms or len(looks) < len(history):
        return None
    steps, best = looks[0].plan.steps, chosen[0]
    trials = counted([experiment for experiment in looks if is_trial(experiment)])
    one = look_seconds(dojo, method_for(dojo), best.source, steps)
    if not trials and _all_rounds(len(arms)) * one > TRIALS_SHARE * dojo.remaining_budget_seconds():
        return None
    number, standing, waiting = _rounds(arms, trials)
    if not waiting:
        return None
    arm = waiting[0]
    init_from = next((each.experiment for each in standing if _alike(each.weights, arm)), best.experiment)
    steps *= 2**number
    seconds = look_seconds(dojo, method_for(dojo), best.source, steps)
    if len(waiting) * seconds > TRIALS_SHARE * dojo.remaining_budget_seconds():
        return None
    return Trial(arm, init_from, number, steps, seconds)


def winner(
    history: Sequence[Experiment], chosen: Sequence[Seen], rows: Mapping[str, int], by: By
) -> Winner | None:
    """The mixture that was left; None where no trial was made, or not all of them."""
    arms = mixtures(chosen, rows, by)
    trials = counted([experiment for experiment in history if is_look(experiment) and is_trial(experiment)])
    if not arms or not trials:
        return None
    _, standing, _ = _rounds(arms, trials)
    return standing[0] if standing else None


def _rounds(
    arms: Sequence[Weights], trials: Sequence[Experiment]
) -> tuple[int, tuple[Winner, ...], tuple[Weights, ...]]:
    """Play the rounds again: the current round, the standing of the last finished one, and who waits."""
    entrants, number = tuple(arms), 0
    standing: tuple[Winner, ...] = ()
    while True:
        made = [[each for each in trials if _alike(_normal(each.plan.weights), arm)] for arm in entrants]
        waiting = tuple(arm for arm, some in zip(entrants, made, strict=True) if len(some) <= number)
        if waiting:
            return number, standing, waiting
        ended = [_ended(arm, some[number]) for arm, some in zip(entrants, made, strict=True)]
        ranked = tuple(sorted(filter(None, ended), key=lambda each: -each.points))
        standing = ranked or standing
        if len(ranked) < 2 or (number and len(ranked) == 2):
            return number, standing, ()
        entrants = tuple(each.weights for each in ranked[: (len(ranked) + 1) // 2])
        if len(entrants) < 2:
            return number, standing, ()
        number += 1


def _ended(arm: Weights, trial: Experiment) -> Winner | None:
    if trial.evaluation is None:
        return None
    score = trial.evaluation.paired_score
    return Winner(arm, trial.id, score.value if score.higher_is_better else -score.value)


def _all_rounds(arms: int) -> int:
    """Looks' lengths that all rounds take together: each later round is twice as long for half as many."""
    return arms + (2 * ((arms + 1) // 2) if arms > 2 else 0)


def _share(best: Seen, other: Seen, by: By) -> float:
    """How much of what the other source teaches about itself the best one's model has learned."""
    of_best, of_other = by.get(best.experiment, {}), by.get(other.experiment, {})
    if other.source not in of_best or other.source not in of_other:
        return 1.0
    return min(max(explained_share(of_best[other.source], of_other[other.source]), LEAST_SHARE), 1.0)


def _normal(weights: Mapping[str, float]) -> Weights:
    total = sum(weights.values())
    return {name: round(weight / total, 3) for name, weight in weights.items()}


def _alike(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < ALIKE for name in {*one, *other})
