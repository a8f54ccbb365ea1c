"""Scores and shares of the gap: what a policy's runs on a task come to, with 95% intervals.

Runs of one task, base model, budget and row limit are held together. The gap goes from the base (or from
``all-data``) to ``oracle-source`` of the same seed; where the oracle is not ``LEAST_GAP`` ahead there is
none.
Intervals are bootstraps in which every score is drawn from its own interval: over seeds for one task, over
tasks, their seeds together, for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graph.bench.results import Result
from tasks.base import Score

Start = Literal["base", "all-data"]
ORACLE, PROMPTED = "oracle-source", "few-shot"
LEAST_GAP = 5.0
"""Points of the metric."""
DRAWS = 4000
WIDTH = 1.96
"""Standard deviations in half of a 95% interval."""
Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% interval, and how many runs it is of."""

    mean: float
    low: float
    high: float
    runs: int

    def text(self, unit: str = "") -> str:
        """``mean [low, high]``."""
        if unit == "%":
            return f"{self.mean:.0%} [{self.low:.0%}, {self.high:.0%}]"
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True)
class Setting:
    """What runs that may be held against each other have in common."""

    task: str
    base_model: str
    budget_seconds: float
    max_rows: int
    edition: str


@dataclass(frozen=True)
class Group:
    """The runs of one setting: by policy, by seed."""

    setting: Setting
    runs: Mapping[str, Mapping[int, Result]]

    def scores(self, policy: str) -> Interval | None:
        """Mean score of a policy over its seeds."""
        return over_seeds([run.score for run in self.runs.get(policy, {}).values()])

    def base(self) -> Interval | None:
        """Mean score of the untouched model over the seeds of the group."""
        found = {seed: run for runs in self.runs.values() for seed, run in runs.items() if not _prompted(run)}
        return over_seeds([run.base for run in found.values()])

    def shares(self, policy: str, start: Start) -> dict[int, float]:
        """By seed, the share of the gap that a policy closes; without seeds that have no gap."""
        found = {}
        for seed, run in self.runs.get(policy, {}).items():
            ends = self._ends(seed, start)
            if ends is not None:
                found[seed] = _share(run.score.value, ends[0].value, ends[1].value)
        return found

    def drawn_shares(self, policy: str, start: Start) -> list[Draws]:
        """(draws,) for each seed with a gap: the share with every score drawn from its interval."""
        found = []
        for seed, run in self.runs.get(policy, {}).items():
            ends = self._ends(seed, start)
            if ends is None:
                continue
            low, high, mine = (_drawn(score, index) for index, score in enumerate((*ends, run.score)))
            sign = 1.0 if ends[0].higher_is_better else -1.0
            found.append(sign * (mine - low) / np.maximum(sign * (high - low), LEAST_GAP))
        return found

    def _ends(self, seed: int, start: Start) -> tuple[Score, Score] | None:
        """The scores between which the gap lies; None where one is missing or they lie too near."""
        oracle = self.runs.get(ORACLE, {}).get(seed)
        if start == "base":
            others = (runs[seed] for runs in self.runs.values() if seed in runs and not _prompted(runs[seed]))
            low = next((run.base for run in others), None)
        else:
            run = self.runs.get(start, {}).get(seed)
            low = run.score if run else None
        if oracle is None or low is None:
            return None
        sign = 1.0 if low.higher_is_better else -1.0
        return (low, oracle.score) if sign * (oracle.score.value - low.value) >= LEAST_GAP else None


def grouped(results: Iterable[Result]) -> list[Group]:
    """Results by setting, policy and seed; the last line of a cell counts."""
    found: dict[Setting, dict[str, dict[int, Result]]] = {}
    for run in results:
        cell = run.cell
        setting = Setting(cell.task, cell.base_model, cell.budget_seconds, cell.max_rows, cell.edition)
        found.setdefault(setting, {}).setdefault(cell.policy, {})[cell.seed] = run
    return [Group(setting, runs) for setting, runs in found.items()]


def policies(groups: Sequence[Group]) -> list[str]:
    """Every policy, in the order in which they came."""
    return list(dict.fromkeys(policy for group in groups for policy in group.runs))


def over_seeds(scores: Sequence[Score]) -> Interval | None:
    """Mean of some seeds' scores; a lone one keeps its own interval. None of no scores."""
    if len(scores) == 1:
        return Interval(scores[0].value, scores[0].low, scores[0].high, 1)
    return _interval(
        [_drawn(each, index) for index, each in enumerate(scores)], [each.value for each in scores]
    )


def mean_share(groups: Sequence[Group], policy: str, start: Start) -> Interval | None:
    """Mean share of the gap over groups, their seeds together; None where none has a gap."""
    of_group = [
        (list(group.shares(policy, start).values()), group.drawn_shares(policy, start)) for group in groups
    ]
    of_group = [each for each in of_group if each[0]]
    if not of_group:
        return None
    means = np.array([float(np.mean(values)) for values, _ in of_group])
    drawn = np.array([np.mean(np.stack(draws), axis=0) for _, draws in of_group])
    rng = np.random.default_rng(0)
    picks = rng.integers(len(of_group), size=(DRAWS, len(of_group)))
    totals = drawn[picks, np.arange(DRAWS)[:, None]].mean(axis=1)
    low, high = np.quantile(totals, (0.025, 0.975))
    return Interval(float(means.mean()), float(low), float(high), sum(len(values) for values, _ in of_group))


def mean_score(runs: Sequence[Result]) -> Interval | None:
    """Mean score over tasks, their seeds together; None of no runs."""
    if len(runs) == 1:
        return over_seeds([runs[0].score])
    by_task: dict[str, list[Result]] = {}
    for run in runs:
        by_task.setdefault(run.cell.task, []).append(run)
    drawn = [
        np.mean(np.stack([_drawn(run.score, index) for index, run in enumerate(mine)]), axis=0)
        for mine in by_task.values()
    ]
    means = [float(np.mean([run.score.value for run in mine])) for mine in by_task.values()]
    found = _interval(drawn, means)
    return None if found is None else Interval(found.mean, found.low, found.high, len(runs))


def _interval(draws: Sequence[Draws], values: Sequence[float]) -> Interval | None:
    """Of the mean."""
    if not values:
        return None
    rng = np.random.default_rng(1)
    picks = rng.integers(len(values), size=(DRAWS, len(values)))
    totals = np.stack(draws)[picks, np.arange(DRAWS)[:, None]].mean(axis=1)
    low, high = np.quantile(totals, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high), len(values))


def _drawn(score: Score, seed: int) -> Draws:
    """(draws,): a score within its interval, which may be uneven about it."""
    below, above = (score.value - score.low) / WIDTH, (score.high - score.value) / WIDTH
    normal = np.random.default_rng((abs(int(1000 * score.value)), seed)).normal(size=DRAWS)
    drawn: Draws = score.value + normal * np.where(normal < 0, below, above)
    return drawn


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)


def _prompted(run: Result) -> bool:
    """Whether its base was asked with examples, and is another base than the others'."""
    return run.cell.plays == PROMPTED
