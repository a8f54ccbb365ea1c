"""Pace of a training: what a typical optimiser step took. No torch here."""

from __future__ import annotations

from collections.abc import Sequence


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
