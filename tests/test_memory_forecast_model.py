"""The model learns what decides a gain, says how sure it is, and says nothing from too little."""

from __future__ import annotations

import math
import random

import pytest

from memory.forecast.forecaster import Forecaster, seconds_for
from memory.forecast.model import learn, learns_from, measured_scale, usable
from memory.forecast.past import PastExperiment
from tests.bench.forecast_family import family

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def runs() -> list[PastExperiment]:
    return family(14)


def test_it_learns_from_five_experiments_of_two_runs_on(runs: list[PastExperiment]) -> None:
    assert not learns_from([]) and not learns_from(runs[:4])
    assert not learns_from(runs[:9])  # all of one run
    assert learns_from(runs[:4] + runs[9:10])


def test_it_ranks_the_experiments_of_a_run_that_it_has_not_seen(runs: list[PastExperiment]) -> None:
    from scipy.stats import spearmanr

    held = [e for e in runs if e.run in ("run012", "run013")]
    model = learn([e for e in runs if e not in held], "planned")
    foreseen = [model.foresee(e.planned) for e in held]
    assert spearmanr([f.gain for f in foreseen], [e.gain for e in held]).statistic > 0.3
    assert all(f.low <= f.gain <= f.high for f in foreseen)


def test_an_interval_stays_within_what_a_score_can_do(runs: list[PastExperiment]) -> None:
    few = [e for e in runs if e.run in ("run000", "run001")]
    assert measured_scale(few, "planned") == math.inf
    model = learn(few, "planned")
    for e in runs[18:40]:
        foreseen, start = model.foresee(e.planned), e.planned["start score"]
        assert foreseen.low == pytest.approx(-start)
        assert foreseen.high == pytest.approx(max(100.0 - start, 10.0))


def test_the_same_experiments_give_the_same_forecast(runs: list[PastExperiment]) -> None:
    one, other = (learn(runs[:40], "drafted", scale=1.5) for _ in range(2))
    features = runs[50].drafted
    assert features is not None
    assert one.foresee(features) == other.foresee(features)


def test_what_is_not_known_is_no_obstacle(runs: list[PastExperiment]) -> None:
    model = learn(runs[:40], "planned", scale=1.0)
    unknown = dict.fromkeys(runs[0].planned, math.nan)
    foreseen = model.foresee(unknown)
    assert foreseen.low < foreseen.high and not math.isnan(foreseen.gain)


def test_without_journals_nothing_is_foreseen() -> None:
    assert Forecaster().past.experiments == ()
    assert not usable([], "planned")


def test_seconds_are_those_that_this_run_takes_of_what_it_asks_for(runs: list[PastExperiment]) -> None:
    from dataclasses import replace

    rng = random.Random(0)
    slow = [replace(e, seconds=e.asked_seconds * rng.uniform(1.4, 1.6)) for e in runs[:9]]
    assert seconds_for(slow, "another", 100.0) == pytest.approx(150.0, abs=10.0)
    assert seconds_for([*slow, *runs[9:18]], "run001", 100.0) == pytest.approx(100.0)
    assert seconds_for([], "run001", 60.0) == 60.0
