"""Model of the gain: extremely randomised trees over the features, and errors measured on held-out runs.

Of ridge regression, Gaussian processes, random forests, boosted trees and these, these erred least on runs
that were held out (docs/forecast.md has the figures). They take unknown features as they are (Geurts et al.
2006; in scikit-learn since 1.6 with missing values), and a fit takes a fraction of a second.

What is learned is the share of what was left to gain: 2 points from 90 are more than 2 points from 10. How
far the trees disagree says where a forecast is worth less, and scales the interval.

scikit-learn is imported when something is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from memory.forecast.features import Features
from memory.forecast.interval import half_width
from memory.forecast.past import PastExperiment

Moment = Literal["planned", "drafted"]
LEAST_EXPERIMENTS = 5
"""Scored experiments under which nothing is learned."""
LEAST_RUNS = 2
"""Runs under which no run can be held out."""
TREES, LEAF, FEATURE_SHARE = 100, 2, 0.5
FOLDS = 8
"""Runs are held out in so many groups, to measure the errors."""
LEAST_SPREAD = 2.0
"""Points: trees that agree are not sure, and less than that cannot be measured on some hundred items."""
LEAST_ROOM = 10.0
"""Points that a gain is told as a share of, at the least: above 90 a share of the rest would be all noise."""


def room(features: Features) -> float:
    """Points that were left to gain."""
    left = features["left to gain"]
    return 100.0 if math.isnan(left) else max(left, LEAST_ROOM)


@dataclass(frozen=True)
class Foreseen:
    """A gain with an interval, in points."""

    gain: float
    low: float
    high: float


class GainModel:
    """The gain of an experiment, learned from others. Made by ``learn``.

    Args:
        names: of the features, in their order.
        trees: the fitted ensemble.
        scale: an interval's half width, in spreads; may be infinite.
    """

    def __init__(self, names: tuple[str, ...], trees: Any, scale: float) -> None:
        self.names, self.trees, self.scale = names, trees, scale

    def foresee(self, features: Features) -> Foreseen:
        """What to expect, no less than losing all and no more than all that is left."""
        (gain,), (spread,) = _predicted(self.trees, self.names, [features])
        start = features["start score"]
        most = room(features)
        least = -100.0 if math.isnan(start) or start < 0 else -start
        half = self.scale * spread
        gain = min(max(gain, least), most)
        return Foreseen(gain, max(gain - half, least), min(gain + half, most))


def usable(experiments: Sequence[PastExperiment], moment: Moment) -> list[PastExperiment]:
    """The experiments that have a gain, and features of this moment."""
    return [e for e in experiments if e.gain is not None and getattr(e, moment) is not None]


def learns_from(experiments: Sequence[PastExperiment]) -> bool:
    """Whether so many are enough."""
    return len(experiments) >= LEAST_EXPERIMENTS and len({e.run for e in experiments}) >= LEAST_RUNS


def learn(experiments: Sequence[PastExperiment], moment: Moment, scale: float | None = None) -> GainModel:
    """A model of usable experiments.

    Args:
        experiments: enough of them, see ``learns_from``.
        moment: whose features are looked at.
        scale: of the interval; measured anew where it is None.
    """
    names = tuple(getattr(experiments[0], moment))
    trees = _fitted(experiments, moment, names)
    return GainModel(names, trees, measured_scale(experiments, moment) if scale is None else scale)


def measured_scale(experiments: Sequence[PastExperiment], moment: Moment) -> float:
    """Half width of an interval in spreads, from the errors on runs that were held out in turn."""
    runs = list(dict.fromkeys(e.run for e in experiments))
    names = tuple(getattr(experiments[0], moment))
    errors, held_out = [], []
    for fold in range(min(FOLDS, len(runs))):
        out = set(runs[fold::FOLDS])
        rest = [e for e in experiments if e.run not in out]
        those = [e for e in experiments if e.run in out]
        gains, spreads = _predicted(_fitted(rest, moment, names), names, [getattr(e, moment) for e in those])
        for each, gain, spread in zip(those, gains, spreads, strict=True):
            errors.append(abs((each.gain or 0.0) - gain) / spread)
            held_out.append(each.run)
    return half_width(errors, held_out)


def _fitted(experiments: Sequence[PastExperiment], moment: Moment, names: tuple[str, ...]) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(
        n_estimators=TREES, min_samples_leaf=LEAF, max_features=FEATURE_SHARE, random_state=0
    )
    rows = [getattr(e, moment) for e in experiments]
    shares = [(e.gain or 0.0) / room(row) for e, row in zip(experiments, rows, strict=True)]
    return trees.fit(_matrix(rows, names), shares)


def _predicted(
    trees: Any, names: tuple[str, ...], rows: Sequence[Features]
) -> tuple[list[float], list[float]]:
    """(gains, spreads) in points; a spread is how far the trees disagree."""
    import numpy

    matrix, rooms = _matrix(rows, names), numpy.asarray([room(row) for row in rows])
    each = numpy.stack([tree.predict(matrix) for tree in trees.estimators_])
    gains, spreads = each.mean(axis=0) * rooms, each.std(axis=0) * rooms
    return gains.tolist(), numpy.maximum(spreads, LEAST_SPREAD).tolist()


def _matrix(rows: Sequence[Features], names: tuple[str, ...]) -> Any:
    """Shape (rows, names), 32-bit; a feature that a row lacks is NaN."""
    import numpy

    return numpy.asarray([[row.get(name, math.nan) for name in names] for row in rows], dtype=numpy.float32)
