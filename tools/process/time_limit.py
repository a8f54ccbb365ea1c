"""Time limit of the job under way, as its own process knows it.

Whoever starts a job kills it at a limit that the run's budget may have made shorter than the job's plan. A
training that knows it ends before and is saved, instead of being lost with all its steps.
"""

from __future__ import annotations

import math
import time

LEAST_TAIL_SECONDS, TAIL_SHARE = 15.0, 0.05
"""What is kept for the end of a job, such as writing weights: so much, or that share of its time, but never
more than half of it."""

_ends = math.inf


def begin(seconds: float | None) -> None:
    """A job begins in this process, or in one that forks into its parts, and is killed after so long."""
    global _ends
    _ends = math.inf if seconds is None else time.monotonic() + seconds


def last_moment() -> float:
    """The monotonic time at which a job had better turn to its end; infinite where nothing limits it."""
    if _ends == math.inf:
        return _ends
    left = max(_ends - time.monotonic(), 0.0)
    return _ends - min(max(LEAST_TAIL_SECONDS, TAIL_SHARE * left), left / 2)
