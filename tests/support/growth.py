"""Growth of time with length: linear reading of a text told from quadratic, by CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable

LONG = 1_000_000
SHORT = LONG // 8
MOST_RATIO = 32.0
"""Eight times the text: linear code takes 8 times as long, quadratic code 64 times."""
LEAST_CPU_SECONDS = 0.3
"""Below this for the long text, nothing can be wrong: the ratio would measure noise."""
ATTEMPTS = 3


def grows_quadratically(read: Callable[[str], object], junk: str) -> bool:
    """Whether ``read`` takes out of proportion longer for a megabyte of ``junk`` than for an eighth of it.

    Compares this thread's CPU time, which other processes do not lengthen, and believes no single attempt.
    """
    for _ in range(ATTEMPTS):
        long = _cpu_seconds(read, junk * (LONG // len(junk)))
        if long < LEAST_CPU_SECONDS or long <= MOST_RATIO * _cpu_seconds(read, junk * (SHORT // len(junk))):
            return False
    return True


def _cpu_seconds(read: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    read(text)
    return time.thread_time() - started
