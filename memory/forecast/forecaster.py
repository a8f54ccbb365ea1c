"""Forecaster of one run: past journals read once, models fitted when what they are learned from has changed.

How wide an interval is, in spreads of the trees, is measured on past runs, once; a finished experiment of
the run at hand is one more row to learn from. In a process a run costs one measurement, and one fit for each
of its experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from memory.forecast.features import Features
from memory.forecast.model import Foreseen, GainModel, Moment, learn, learns_from, measured_scale, usable
from memory.forecast.past import NOTHING, Past, PastExperiment, experiments_of, read_past
from memory.journal.log import Journal


class Forecaster:
    """What a run can know of its experiments before they are made.

    Args:
        runs_dir: the folder that holds the runs; None where nothing is remembered.
        cache: the file for what was read of them; safe to lose.
        run: the name of the run at hand.
        past: what the journals say, where they were read already.
    """

    def __init__(
        self,
        runs_dir: Path | None = None,
        cache: Path | None = None,
        run: str = "",
        past: Past | None = None,
    ) -> None:
        self._place = runs_dir, cache, run
        self._past = past
        self._scales: dict[Moment, float] = {}
        self._models: dict[Moment, tuple[int, GainModel]] = {}
        self._own: tuple[int, list[PastExperiment]] = (0, [])

    @property
    def past(self) -> Past:
        """The experiments of other runs, as they were when first asked for."""
        if self._past is None:
            runs_dir, cache, run = self._place
            self._past = NOTHING if runs_dir is None else read_past(runs_dir, cache, without=run)
        return self._past

    def experiments(self, journal: Journal) -> list[PastExperiment]:
        """Those of other runs and the finished ones of this."""
        count = sum(event.kind == "finished" for event in journal.events)
        if self._own[0] != count:
            self._own = count, experiments_of(journal)
        return [*self.past.experiments, *self._own[1]]

    def foresee(
        self, journal: Journal, features: Features, moment: Moment
    ) -> tuple[Foreseen, int, int] | None:
        """What to expect, with the number of experiments and of runs that it was learned from.

        None where there is too little to learn from.
        """
        others = usable(self.past.experiments, moment)
        if not learns_from(others):
            return None
        known = usable(self.experiments(journal), moment)
        return self._model(others, known, moment).foresee(features), len(known), len({e.run for e in known})

    def _model(
        self, others: Sequence[PastExperiment], known: Sequence[PastExperiment], moment: Moment
    ) -> GainModel:
        if moment not in self._scales:
            self._scales[moment] = measured_scale(others, moment)
        held = self._models.get(moment)
        if held is None or held[0] != len(known):
            self._models[moment] = held = len(known), learn(known, moment, self._scales[moment])
        return held[1]


def seconds_for(experiments: Sequence[PastExperiment], run: str, asked_seconds: float) -> float:
    """Wall-clock of an experiment that asks for so much: by what those of this run took of what they asked
    for, and before there are any, by those of all runs."""
    taken = [e for e in experiments if e.seconds > 0 and e.asked_seconds > 0]
    own = [e for e in taken if e.run == run]
    shares = [e.seconds / e.asked_seconds for e in own or taken]
    return asked_seconds * median(shares) if shares else asked_seconds
