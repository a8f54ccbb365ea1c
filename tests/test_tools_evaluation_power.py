"""Power of the confirmation: against simulation, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.base import Score
from tools.evaluation.confirmation import LEVEL
from tools.evaluation.paired_test import mcnemar
from tools.evaluation.power import BROKEN_SHARE, POWER, detectable, power, smallest_gain


def score(value: float, higher_is_better: bool = True) -> Score:
    return Score(
        metric="accuracy",
        value=value,
        low=value - 5,
        high=value + 5,
        n=150,
        higher_is_better=higher_is_better,
    )


@pytest.mark.parametrize(("n", "gain", "base"), [(40, 0.3, 0.2), (150, 0.1, 0.4), (300, 0.05, 0.6)])
def test_the_formula_agrees_with_simulated_tests(n: int, gain: float, base: float) -> None:
    broken = BROKEN_SHARE * base * (1 - base - gain)
    random = np.random.default_rng(0)
    drawn = random.multinomial(n, (gain + broken, broken, 1 - gain - 2 * broken), 4000)
    passed = [f > b and mcnemar(int(f), int(b)) / 2 <= LEVEL for f, b, _ in drawn]
    assert np.mean(passed) == pytest.approx(power(n, gain, base), abs=0.025)


def test_without_a_gain_the_test_keeps_its_level() -> None:
    for n in (20, 100, 500):
        assert power(n, 0.0, 0.5) <= LEVEL


@pytest.mark.parametrize("base", [0.0, 0.07, 0.4, 0.9])
def test_more_items_confirm_smaller_gains(base: float) -> None:
    gains = [smallest_gain(n, base) for n in (100, 400, 1600)]
    assert None not in gains
    assert gains == sorted(gains, reverse=True)
    assert 0.3 * gains[0] > gains[2] > 0.0


def test_the_smallest_gain_has_the_power_that_is_said() -> None:
    found = smallest_gain(150, 0.3)
    assert found is not None
    assert power(150, found, 0.3, 0.045) >= POWER > power(150, 0.9 * found, 0.3, 0.045)


def test_what_a_run_can_claim_is_said_with_what_would_make_it_smaller() -> None:
    said = detectable(300, 150, score(40.0))
    assert said.startswith("150 of 300 validation items are kept to confirm the final model")
    assert "about 12.0 points or more" in said
    assert "with 1,200 validation items" in said


@pytest.mark.parametrize(("items", "kept", "value"), [(3, 2, 10.0), (1, 0, 10.0), (300, 150, 99.5)])
def test_where_nothing_could_be_confirmed_that_is_said_before_the_run(
    items: int, kept: int, value: float
) -> None:
    assert "too few to confirm any gain" in detectable(items, kept, score(value))


def test_of_a_metric_that_is_no_share_no_figure_is_made_up() -> None:
    assert "points" not in detectable(300, 150, score(12.0, higher_is_better=False))
