"""Pace: a pause is no pace, and a machine that has become slower is noticed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from tools.training.pace import steps_in


def ends(*steps: Iterable[float]) -> list[float]:
    return list(itertools.accumulate(itertools.chain.from_iterable(steps)))


def test_a_pause_is_spread_over_half_of_the_steps_and_then_forgotten() -> None:
    steady = [2.0] * 40
    assert steps_in(100.0, ends(steady)) == 50
    paused = ends(steady, [32.0])
    assert 25 <= steps_in(100.0, paused) < 50
    assert steps_in(100.0, ends(steady, [32.0], [2.0] * 60)) == 50


@pytest.mark.parametrize("before", [25, 400])
def test_steps_that_have_become_slow_are_believed_after_a_few(before: int) -> None:
    slowed = ends([1.0] * before, [4.0] * 12)
    assert steps_in(100.0, slowed) == 25


def test_steps_that_take_no_time_by_the_clock_are_many_and_no_error() -> None:
    assert steps_in(10.0, [5.0] * 8) > 10**6
