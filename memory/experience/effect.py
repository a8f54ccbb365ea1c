"""Effect of a claim at one task: what all lessons on it say together, and how sure that is.

Lessons are small studies, and the field that pools studies has met their troubles before:

* A precise study counts for more: weights are inverse variances, with a random-effects term for the spread
  between studies (DerSimonian & Laird 1986, "Meta-analysis in clinical trials").
* A study of another task, another model or long ago counts for less: its precision is multiplied by a weight
  between 0 and 1, a power prior (Ibrahim & Chen 2000).
* Some studies are wrong. Their mean would follow a third of liars two thirds of the way to nothing, so the
  middle is the weighted median's, the spread that of the median deviation, and what lies far out counts for
  less (Huber 1964; both hold until half of the weight is wrong).
* What holds elsewhere is a guess here, as wide as tasks differ (the predictive interval of Higgins et al.
  2009); what was measured at the task itself is set against it by precision.

The experiments of a run share their validation items and their mistakes: one run has one vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, hypot, inf, sqrt
from typing import Any

LEAST_ERROR = 2.0
"""Points: no validation of a few hundred items knows a score better, whatever a lesson says of itself."""
SPREAD_WEIGHT = 2.0
"""For how many studies a guess at the spread between tasks counts: that they differ by as much as the effect
itself, for two lessons cannot tell."""
HUBER = 1.345
"""Standard deviations from which on a study counts for less; without outliers it costs 5% of efficiency."""
_NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation, for normal values."""
_ROUNDS = 5


@dataclass(frozen=True)
class Effect:
    """A pooled effect with its uncertainty."""

    points: float
    error: float
    """Standard error, as a guess at the task that was asked about."""
    runs: int
    tasks: int

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self.points - 1.96 * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95% interval."""
        return self.points + 1.96 * self.error

    @property
    def probability(self) -> float:
        """How likely it is above 0, from 0.0 to 1.0."""
        return above_zero(self.points, self.error)

    def text(self) -> str:
        """``+12.0 [+3.1, +20.9], 5 runs of 3 tasks``."""
        runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
        tasks = "1 task" if self.tasks == 1 else f"{self.tasks} tasks"
        return f"{self.points:+.1f} [{self.low:+.1f}, {self.high:+.1f}], {runs} of {tasks}"


def above_zero(points: float, error: float) -> float:
    """Probability that a normal value of this mean and standard error lies above 0."""
    return 0.5 * (1.0 + erf(points / (max(error, 1e-9) * sqrt(2.0))))


def effect_of(points: Any, errors: Any, weights: Any, runs: Any, tasks: Any, own: Any) -> Effect | None:
    """What findings say together, for the task whose findings are marked as its own; None where none counts.

    Args:
        points: what each found, array of shape (findings,).
        errors: their standard errors; no less than ``LEAST_ERROR`` is believed.
        weights: 0.0 to 1.0, by likeness and age; 0.0 leaves one out.
        runs: the run of each, as a number from 0 on.
        tasks: its task, as a number from 0 on.
        own: whether it was made at the task that is asked about.
    """
    import numpy

    points, errors = numpy.asarray(points, float), numpy.asarray(errors, float)
    precisions = numpy.asarray(weights, float) / numpy.maximum(errors, LEAST_ERROR) ** 2
    counted = (precisions > 0) & numpy.isfinite(points) & numpy.isfinite(precisions)
    if not counted.any():
        return None
    points, precisions = points[counted], precisions[counted]
    runs, tasks, own = (numpy.asarray(each)[counted] for each in (runs, tasks, own))
    total = numpy.bincount(runs, precisions)
    heard = total > 0
    means = numpy.bincount(runs, precisions * points)[heard] / total[heard]
    sharpest = numpy.zeros(len(total))
    numpy.maximum.at(sharpest, runs, precisions)
    sharpest, at_home = sharpest[heard], (numpy.bincount(runs, own) > 0)[heard]
    here = _pooled(means[at_home], sharpest[at_home], elsewhere=False)
    there = _pooled(means[~at_home], sharpest[~at_home], elsewhere=True)
    middle, error = _combined(here, there)
    return Effect(middle, error, int(heard.sum()), int((numpy.bincount(tasks) > 0).sum()))


def _pooled(means: Any, precisions: Any, elsewhere: bool) -> tuple[float, float]:
    """(middle, standard error) of some runs; for a task that is none of theirs the spread comes on top."""
    import numpy

    if not len(means):
        return 0.0, inf
    votes = numpy.minimum(precisions, numpy.median(precisions))  # or a loud liar would be the median
    middle = _median(means, votes)
    noise = float(numpy.mean(1.0 / precisions))
    deviation = (_NORMAL_MAD * _median(numpy.abs(means - middle), votes)) ** 2
    found, known = max(deviation - noise, 0.0), len(means) - 1
    guess = middle**2 if elsewhere else 0.0  # at one task runs differ by chance until they show more
    spread = (SPREAD_WEIGHT * guess + known * found) / (SPREAD_WEIGHT + known)
    scales = numpy.sqrt(1.0 / precisions + spread)
    for _ in range(_ROUNDS):
        far = numpy.abs(means - middle) / scales
        shares = numpy.minimum(1.0, HUBER / numpy.maximum(far, 1e-9)) / scales**2
        middle = float((shares * means).sum() / shares.sum())
    error = 1.0 / sqrt(float(shares.sum()))
    return middle, hypot(error, sqrt(spread)) if elsewhere else error


def _median(values: Any, weights: Any) -> float:
    """The value with half of the weight on either side; between two that share it, halfway."""
    import numpy

    order = numpy.argsort(values)
    values, climbed = values[order], numpy.cumsum(weights[order])
    half = climbed[-1] / 2.0
    low = int(numpy.searchsorted(climbed, half * (1 - 1e-9)))
    high = int(numpy.searchsorted(climbed, half * (1 + 1e-9)))
    return float(values[low] + values[min(high, len(values) - 1)]) / 2.0


def _combined(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Two independent guesses at one value, by precision."""
    first, second = one[1] ** -2, other[1] ** -2
    return (one[0] * first + other[0] * second) / (first + second), (first + second) ** -0.5
