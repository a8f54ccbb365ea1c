"""Ranks of policies over tasks, and whether they mean anything.

A task counts once, its seeds averaged: runs of one task share its sources, so seeds are no further tasks
(Demsar 2006, JMLR 7:1). Three policies or more on five tasks or more: the Friedman test, and after it the
critical difference of Nemenyi. Each pair: the signed-rank test of Wilcoxon, corrected after Holm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from graph.bench.gap import Group

LEVEL = 0.05
LEAST_TASKS = 5
"""Under which no test is made: with four tasks the signed-rank test cannot come below p = 0.125."""
LEAST_POLICIES = 3
"""Of the Friedman test; two are a pair."""


@dataclass(frozen=True)
class Pair:
    """Two policies on the same tasks."""

    better: str
    worse: str
    difference: float
    """Mean over tasks, in points."""
    p_value: float
    """Of the signed-rank test, two-sided, after Holm."""


@dataclass(frozen=True)
class Ranking:
    """Policies by their mean rank over the tasks that all of them played."""

    tasks: int
    ranks: Mapping[str, float]
    """1.0 is best; equal scores share their ranks."""
    friedman_p: float | None = None
    critical_difference: float | None = None
    """Of mean ranks, at 5% (Nemenyi)."""
    pairs: Sequence[Pair] = ()

    def text(self) -> str:
        """What may be said, in words."""
        if not self.ranks:
            return "No task was played by every policy: nothing is ranked."
        if self.tasks < LEAST_TASKS:
            return (
                f"Ranks are over {self.tasks} {'task' if self.tasks == 1 else 'tasks'}: too few to test "
                f"(at least {LEAST_TASKS}), so no policy is said to be better than another."
            )
        said = []
        if self.friedman_p is not None and self.critical_difference is not None:
            verdict = (
                "policies differ" if self.friedman_p < LEVEL else "no difference between policies is shown"
            )
            said.append(f"Friedman over {self.tasks} tasks: p = {self.friedman_p:.2g}, {verdict}.")
            said.append(
                f"Mean ranks differ at 5% where they lie {self.critical_difference:.2f} apart (Nemenyi)."
            )
        sure = [pair for pair in self.pairs if pair.p_value < LEVEL]
        for pair in sure:
            said.append(
                f"{pair.better} beats {pair.worse} by {pair.difference:.1f} points on average "
                f"(Wilcoxon, Holm: p = {pair.p_value:.2g})."
            )
        if self.pairs and not sure:
            said.append("No pair differs by the signed-rank test (Wilcoxon, Holm).")
        return " ".join(said)


def ranking(groups: Sequence[Group], policies: Sequence[str]) -> Ranking:
    """Rank the policies over the groups that all of them played."""
    rows = []
    for group in groups:
        found = [group.scores(policy) for policy in policies]
        if all(each is not None for each in found):
            sign = 1.0 if _upwards(group) else -1.0
            rows.append([sign * each.mean for each in found if each is not None])
    if not rows or not policies:
        return Ranking(0, {})
    scores = np.array(rows)
    means = _ranks(scores).mean(axis=0)
    ranks = {policy: float(mean) for policy, mean in zip(policies, means, strict=True)}
    if len(rows) < LEAST_TASKS or len(policies) < 2:
        return Ranking(len(rows), ranks)
    friedman, critical = _friedman(scores)
    return Ranking(len(rows), ranks, friedman, critical, _pairs(scores, policies))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction, in the order given (Holm 1979, Scand. J. Stat. 6:65)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    found, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        found[index] = highest
    return found


def nemenyi(policies: int, tasks: int) -> float:
    """How far mean ranks of so many policies over so many tasks must lie apart at 5%."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - LEVEL, policies, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(policies * (policies + 1) / (6 * tasks))


def _friedman(scores: NDArray[np.float64]) -> tuple[float | None, float | None]:
    from scipy.stats import friedmanchisquare

    tasks, policies = scores.shape
    if policies < LEAST_POLICIES:
        return None, None
    if np.all(scores == scores[:, :1]):
        return 1.0, nemenyi(policies, tasks)  # all ties: the statistic is 0 by 0
    return float(friedmanchisquare(*scores.T).pvalue), nemenyi(policies, tasks)


def _pairs(scores: NDArray[np.float64], policies: Sequence[str]) -> list[Pair]:
    from scipy.stats import wilcoxon

    found = []
    for one, other in combinations(range(len(policies)), 2):
        differences = scores[:, one] - scores[:, other]
        p_value = float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0
        first, second = (one, other) if differences.mean() >= 0 else (other, one)
        found.append((policies[first], policies[second], abs(float(differences.mean())), p_value))
    corrected = holm([each[3] for each in found])
    return [Pair(*each[:3], p) for each, p in zip(found, corrected, strict=True)]


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(tasks, policies): rank of each score in its row, the highest first."""
    from scipy.stats import rankdata

    found: NDArray[np.float64] = rankdata(-scores, axis=1)
    return found


def _upwards(group: Group) -> bool:
    return all(run.score.higher_is_better for runs in group.runs.values() for run in runs.values())
