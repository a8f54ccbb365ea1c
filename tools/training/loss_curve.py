"""The loss curve of a training: whether it diverged, how far it fell, how it is kept. No torch here."""

from __future__ import annotations

import math
from collections.abc import Sequence

CURVE_POINTS = 200
STILL_FALLING = 0.1
"""Relative fall of the training loss over the last quarter from which training was too short. The value
that the planner's choices were measured with; the diagnosis, which only names the next move, takes it too."""
DECAY_SHARE = 0.2
"""Of a training, what the last part of ``warmup_stable_decay`` takes: a fifth, down by the square root, comes
as low as a cosine (Haegele et al. 2024, arXiv:2405.18392)."""
SETTLING_STEPS = 15
"""After the warm-up, before a rise counts: Adam's second moment needs some steps of its own."""


def divergence(losses: Sequence[float], warmup_steps: int) -> str:
    """Says how a training diverged, given its losses so far, one a step; empty when it did not.

    It diverged when the last loss is not finite, or when after the warm-up the mean of
    the last ten is more than twice the lowest of the first five, plus 0.5: a model that
    starts from a loss near zero may well rise above twice of it and come back.
    """
    if not losses:
        return ""
    if not math.isfinite(losses[-1]):
        return f"the loss is {losses[-1]} at step {len(losses)}"
    start = min(losses[:5])
    recent = sum(losses[-10:]) / len(losses[-10:])
    if len(losses) >= warmup_steps + SETTLING_STEPS and risen(recent, start):
        return f"the loss rose from {start:.3f} to {recent:.3f} by step {len(losses)}"
    return ""


def risen(recent: float, lowest: float) -> bool:
    """Whether a mean loss stands so far above an earlier one that training went astray between them."""
    return not recent <= 2.0 * lowest + 0.5


def loss_fall(losses: tuple[tuple[int, float], ...]) -> float | None:
    """Relative fall of the mean loss from the third to the last quarter; None with under 8 points."""
    if len(losses) < 8:
        return None
    quarter = len(losses) // 4
    third = sum(loss for _, loss in losses[-2 * quarter : -quarter]) / quarter
    last = sum(loss for _, loss in losses[-quarter:]) / quarter
    return (third - last) / third if third > 0 else 0.0


def thin(losses: Sequence[float], points: int = CURVE_POINTS) -> list[tuple[int, float]]:
    """(last step, mean loss) of equal stretches, at most ``points`` of them."""
    width = math.ceil(len(losses) / points) or 1
    stretches = [losses[start : start + width] for start in range(0, len(losses), width)]
    return [
        (min((number + 1) * width, len(losses)), sum(stretch) / len(stretch))
        for number, stretch in enumerate(stretches)
    ]


def rate(step: int, horizon: int, warmup_steps: int, schedule: str) -> float:
    """The learning rate at a step, as a share of its peak.

    A linear warm-up of at most a quarter of the training, then ``linear`` or ``cosine``
    to zero at ``horizon``, or constant, or constant until the last part (``warmup_stable_decay``). The
    formulas are those of ``transformers.get_scheduler``, whose schedules know their last step from
    the start; this one's may still move.
    """
    warmup = min(warmup_steps, horizon // 4)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = min(1.0, (step - warmup) / max(1, horizon - warmup))
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    if schedule == "warmup_stable_decay":
        to_go = (horizon - step) / max(1.0, DECAY_SHARE * horizon)
        return 1.0 - math.sqrt(min(1.0, max(0.0, 1.0 - to_go)))
    return 1.0 - done if schedule == "linear" else 1.0
