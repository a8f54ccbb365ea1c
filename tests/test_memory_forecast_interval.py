"""Intervals hold their share on runs that were never seen, and are honestly wide where runs are few."""

from __future__ import annotations

import math
import random

import pytest

from memory.forecast.interval import LEVEL, half_width


def test_three_runs_are_too_few_for_a_finite_width_however_many_experiments_they_have() -> None:
    assert half_width([1.0] * 300, [f"r{index % 3}" for index in range(300)]) == math.inf
    assert half_width([], []) == math.inf


def test_from_four_runs_on_it_is_the_largest_error_that_the_level_asks_for() -> None:
    assert half_width([1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "d"]) == 4.0
    errors = [float(error) for error in range(1, 10)]
    assert half_width(errors, [str(error) for error in errors]) == 8.0


def test_a_run_of_many_experiments_weighs_no_more_than_one_of_few() -> None:
    many = [0.0] * 90 + [5.0] * 9
    runs = ["long"] * 90 + [f"r{index}" for index in range(9)]
    assert half_width(many, runs) == 5.0


@pytest.mark.parametrize("runs", [4, 9, 30])
def test_it_holds_its_share_where_experiments_of_a_run_are_alike(runs: int) -> None:
    rng = random.Random(runs)
    inside = total = 0
    for _ in range(400):
        errors, names = [], []
        for run in range(runs + 1):
            scale = rng.lognormvariate(0.0, 1.0)  # what the experiments of a run share
            errors += [abs(rng.gauss(0.0, scale)) for _ in range(5)]
            names += [str(run)] * 5
        width = half_width(errors[:-5], names[:-5])
        inside += sum(error <= width for error in errors[-5:])
        total += 5
    assert inside / total >= LEVEL - 0.03
