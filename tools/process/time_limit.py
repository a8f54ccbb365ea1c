"""Time limit of the job under way, as its own process knows it.

Whoever starts a job kills it at a limit that the run's budget may have made shorter than the job's plan. A
training that knows it ends before and is saved, instead of being lost with all its steps.
"""

from __future__ import annotations

import math
import time

TAIL_SECONDS, TAIL_SECONDS_PER_GIB, TAIL_SHARE = 15.0, 30.0, 0.1
"""What is kept for the end of a job: so much, and for each GiB that it writes then, which is at most that
share of its time; all of it never more than half. 0.5 GiB took 20 to 30 s on a busy core."""

_ends = math.inf


def begin(seconds: float | None) -> None:
    """A job begins in this process, or in one that forks into its parts, and is killed after so long."""
    global _ends
    _ends = math.inf if seconds is None else time.monotonic() + seconds


def last_moment(gib_to_write: float = 0.0) -> float:
    """The monotonic time at which a job had better turn to its end; infinite where nothing limits it."""
    if _ends == math.inf:
        return _ends
    left = max(_ends - time.monotonic(), 0.0)
    writing = min(TAIL_SECONDS_PER_GIB * gib_to_write, TAIL_SHARE * left)
    return _ends - min(TAIL_SECONDS + writing, left / 2)
