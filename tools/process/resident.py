"""The resident child as its caller holds it: started with the first job, replaced when it fails or leaks."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.process.machine import available_gib, cpu_seconds
from tools.process.prefork import JsonLines

LEAK_FACTOR, LEAK_GIB = 2.0, 1.0
"""A child that holds so many times what it held after its second job, and so much more, is replaced."""
SETTLED_JOBS = 2
"""Jobs after which it has loaded what it keeps: the base answers first, then a few steps are tried."""
LOOK_SECONDS = 5.0
"""How often the caller of a job looks whether its process still works."""
STALL_SECONDS, STALL_CPU_SECONDS = 60.0, 0.02
"""A process that in so much time used so little of a processor hangs: whoever trains, answers or loads needs
more, and so does one that waits for its GPU."""
LEAST_FREE_SHARE = 0.5
"""Of the free memory, the most that it may hold between two jobs."""


class Hung(TimeoutError):
    """A job's process is there and does nothing."""


@dataclass
class Resident:
    """One live resident child.

    Args:
        control: the connection that its life hangs on; the fork server reports its end over it.
        jobs: the socket over which jobs go and results come.
    """

    control: socket.socket
    jobs: socket.socket
    done: int = 0
    settled_gib: float = 0.0
    held_gib: float = 0.0
    pid: int = 0
    """Known from its first word on."""

    def __post_init__(self) -> None:
        self.lines = JsonLines(self.jobs.fileno(), self.jobs.fileno())

    def do(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any] | None:
        """One job's answer; None when the child ended without one.

        Raises:
            Hung: it stopped working before the deadline.
            TimeoutError: at the deadline, a monotonic time.
        """
        try:
            if not self.pid:
                self.pid = int((self.lines.receive(max(0.0, deadline - time.monotonic())) or {})["pid"])
            self.lines.send(request, max(0.1, deadline - time.monotonic()))
            answer = self._answer(deadline)
        except (ConnectionError, KeyError):
            return None
        if answer is not None:
            self.done += 1
            self.held_gib = float(answer["held_gib"])
            if self.done <= SETTLED_JOBS:
                self.settled_gib = max(self.settled_gib, self.held_gib)
        return answer

    def _answer(self, deadline: float) -> dict[str, Any] | None:
        used, since = cpu_seconds(self.pid), time.monotonic()
        while True:
            try:
                return self.lines.receive(max(0.0, min(LOOK_SECONDS, deadline - time.monotonic())))
            except TimeoutError:
                now, by_now = time.monotonic(), cpu_seconds(self.pid)
                if now >= deadline:
                    raise
                if by_now - used > STALL_CPU_SECONDS:
                    used, since = by_now, now
                elif now - since >= STALL_SECONDS:
                    raise Hung from None

    @property
    def leaks(self) -> bool:
        """Whether it holds far more than it should between two jobs."""
        grown = self.held_gib > LEAK_FACTOR * self.settled_gib + LEAK_GIB
        return grown or self.held_gib > LEAST_FREE_SHARE * (available_gib() + self.held_gib)

    def close(self) -> None:
        """Ends it: without its sockets it has nothing to do and nobody to live for."""
        for end in (self.jobs, self.control):
            with contextlib.suppress(OSError):
                end.close()
