"""Pace of a training: what a typical optimiser step took. No torch here."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

SHORTEST_STEP_SECONDS = 1e-6
"""What a clock may not tell apart."""
LATEST_STEPS = 20
"""Steps by whose middle one a machine that has become slower is noticed."""


def step_seconds(ends: Sequence[float]) -> float:
    """All steps at the pace of those after the first, which also pays for the kernels' set-up.

    Args:
        ends: monotonic time at the end of each step.
    """
    return (ends[-1] - ends[0]) * len(ends) / (len(ends) - 1) if len(ends) > 1 else 0.0


def typical_step(ends: Sequence[float], tokens: Sequence[int], skipped: int) -> dict[str, float]:
    """Seconds and tokens of a step after the first ones.

    Args:
        ends: monotonic time at the end of each step.
        tokens: of each step.
        skipped: first steps that say nothing of the rest: they set up kernels, or have the longest rows.
    """
    first = min(skipped, len(ends) - 1)
    steps = len(ends) - first
    seconds = ends[-1] - ends[first - 1] if first else 0.0
    return {"seconds_per_step": seconds / steps, "tokens_per_step": sum(tokens[first:]) / steps}


def steps_in(seconds: float, ends: Sequence[float]) -> int:
    """Steps that so much time still holds: at the pace of the latest half of them, or of the latest few.

    A single long pause (a look at held-out rows, a copy of the weights) says nothing of the steps to come;
    all of the latest few being slower does.

    Args:
        seconds: that are left.
        ends: monotonic time at the end of each step so far, two at least.
    """
    half = ends[-max(LATEST_STEPS, len(ends) // 2) :]
    latest = ends[-LATEST_STEPS:]
    middle = statistics.median(after - before for before, after in itertools.pairwise(latest))
    pace = max((half[-1] - half[0]) / (len(half) - 1), middle)
    return int(seconds / max(pace, SHORTEST_STEP_SECONDS))
