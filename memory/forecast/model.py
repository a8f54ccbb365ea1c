"""Model of the gain: the mean of a ridge regression and of extremely randomised trees, with an interval.

On journals that were held out run by run the mean of the two erred less and ranked better than either, than
a Gaussian process, neighbours, a random forest or boosted trees (docs/forecast.md has the figures). With few
runs the straight line carries it, with many the trees (Geurts et al. 2006), which take unknown features as
they are.

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
TREES, LEAF, FEATURE_SHARE = 60, 2, 0.5
PENALTY = 30.0
"""Of the ridge, over features of unit variance: 10 to 100 did about as well on runs that were held out."""
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
        fitted: regressors of the share of what was left to gain.
        scale: an interval's half width, in spreads; may be infinite.
    """

    def __init__(self, fitted: _Fitted, scale: float) -> None:
        self._fitted, self.scale = fitted, scale

    def foresee(self, features: Features) -> Foreseen:
        """What to expect, no less than losing all and no more than all that is left."""
        (gain,), (spread,) = self._fitted.predicted([features])
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
    return GainModel(
        _Fitted(experiments, moment), measured_scale(experiments, moment) if scale is None else scale
    )


def measured_scale(experiments: Sequence[PastExperiment], moment: Moment) -> float:
    """Half width of an interval in spreads, from the errors on runs that were held out in turn."""
    runs = list(dict.fromkeys(e.run for e in experiments))
    errors, held_out = [], []
    for fold in range(min(FOLDS, len(runs))):
        out = set(runs[fold::FOLDS])
        rest = [e for e in experiments if e.run not in out]
        those = [e for e in experiments if e.run in out]
        gains, spreads = _Fitted(rest, moment).predicted([getattr(e, moment) for e in those])
        for each, gain, spread in zip(those, gains, spreads, strict=True):
            errors.append(abs((each.gain or 0.0) - gain) / spread)
            held_out.append(each.run)
    return half_width(errors, held_out)


class _Fitted:
    """Both regressors on the same rows."""

    def __init__(self, experiments: Sequence[PastExperiment], moment: Moment) -> None:
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.names = tuple(getattr(experiments[0], moment))
        rows = [getattr(e, moment) for e in experiments]
        matrix = self._matrix(rows)
        shares = [(e.gain or 0.0) / room(row) for e, row in zip(experiments, rows, strict=True)]
        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        line = make_pipeline(filled, StandardScaler(), Ridge(PENALTY))
        trees = ExtraTreesRegressor(
            n_estimators=TREES, min_samples_leaf=LEAF, max_features=FEATURE_SHARE, random_state=0
        )
        self.line, self.trees = line.fit(matrix, shares), trees.fit(matrix, shares)

    def predicted(self, rows: Sequence[Features]) -> tuple[list[float], list[float]]:
        """(gains, spreads) in points; a spread is how far the trees disagree."""
        import numpy

        matrix, rooms = self._matrix(rows), numpy.asarray([room(row) for row in rows])
        each = numpy.stack([tree.predict(matrix) for tree in self.trees.estimators_])
        line = numpy.clip(self.line.predict(matrix), -1.0, 1.0)  # a line goes on where no experiment was
        gains = (each.mean(axis=0) + line) / 2 * rooms
        return gains.tolist(), numpy.maximum(each.std(axis=0) * rooms, LEAST_SPREAD).tolist()

    def _matrix(self, rows: Sequence[Features]) -> Any:
        """Shape (rows, features), 32-bit; a feature that a row lacks is NaN."""
        import numpy

        return numpy.asarray(
            [[row.get(name, math.nan) for name in self.names] for row in rows], dtype=numpy.float32
        )
