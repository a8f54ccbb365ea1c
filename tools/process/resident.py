"""The resident child as its caller holds it: started with the first job, replaced when it fails or leaks."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.process.machine import available_gib
from tools.process.prefork import JsonLines

LEAK_FACTOR, LEAK_GIB = 2.0, 1.0
"""A child that holds so many times what it held after its second job, and so much more, is replaced."""
SETTLED_JOBS = 2
"""Jobs after which it has loaded what it keeps: one that trains, one that answers."""
LEAST_FREE_SHARE = 0.5
"""Of the free memory, the most that it may hold between two jobs."""


@dataclass
class Resident:
    """One live resident child.

    Args:
        control: the connection that its life hangs on; the fork server reports its end over it.
        jobs: the socket over which jobs go and results come.
        log_path: where the child prints.
    """

    control: socket.socket
    jobs: socket.socket
    done: int = 0
    settled_gib: float = 0.0
    held_gib: float = 0.0

    def __post_init__(self) -> None:
        self.lines = JsonLines(self.jobs.fileno(), self.jobs.fileno())

    def do(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any] | None:
        """One job's answer; None when the child ended without one.

        Raises:
            TimeoutError: at the deadline, a monotonic time.
        """
        try:
            self.lines.send(request, max(0.1, deadline - time.monotonic()))
            answer = self.lines.receive(max(0.0, deadline - time.monotonic()))
        except ConnectionError:
            return None
        if answer is not None:
            self.done += 1
            self.held_gib = float(answer["held_gib"])
            if self.done <= SETTLED_JOBS:
                self.settled_gib = max(self.settled_gib, self.held_gib)
        return answer

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
