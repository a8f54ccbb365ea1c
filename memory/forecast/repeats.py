"""Near repeats of an experiment: what was done before in the same way, and what it came to."""

from __future__ import annotations

from collections.abc import Iterable

from memory.calibration import LEAST_POINTS
from memory.forecast.past import PastExperiment
from memory.forecast.setup import Setup
from memory.forecast_record import Tried
from memory.records import RunInfo


def tried_alike(experiments: Iterable[PastExperiment], info: RunInfo, setup: Setup) -> Tried | None:
    """What training on the same sources from the same weights for about as long came to, whatever its data
    recipe and hyperparameters were; None where it was never done."""
    return together([e for e in comparable(experiments, info) if setup.same_start_and_sources(e.setup)])


def repeated(experiments: Iterable[PastExperiment], info: RunInfo, setup: Setup) -> Tried | None:
    """What this very experiment came to; None where it was never done, or is not decided far enough."""
    return together([e for e in comparable(experiments, info) if setup.repeats(e.setup)])


def excludes_a_gain(tried: Tried) -> bool:
    """Whether no interval of what was tried holds a gain worth the name."""
    return tried.high < LEAST_POINTS


def comparable(experiments: Iterable[PastExperiment], info: RunInfo) -> list[PastExperiment]:
    """Those with a score, of this run, or on the same data and base model."""
    same = (info.base_model, info.data_digest)
    return [
        e
        for e in experiments
        if e.gain is not None and (e.run == info.run or (info.data_digest and (e.base_model, e.data) == same))
    ]


def together(experiments: Iterable[PastExperiment]) -> Tried | None:
    """The mean gain of some experiments, and an interval that holds those of all; None where none has a
    score."""
    found = [e for e in experiments if e.gain is not None]
    if not found:
        return None
    latest = max(found, key=lambda e: e.ended)
    return Tried(
        run=latest.run,
        experiment=latest.experiment,
        gain=sum(e.gain or 0.0 for e in found) / len(found),
        low=min(e.low for e in found),
        high=max(e.high for e in found),
        times=len(found),
    )
