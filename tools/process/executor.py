"""Executor: does jobs on several seats at once: submit, poll, cancel, read the log.

A seat is whoever does one job at a time: a ``tools.process.worker.Worker`` of this machine with its resident
child, or one in a Ray actor on any machine of a cluster (``tools.process.ray_seat``). Jobs wait in one queue,
urgent ones first, then as they came; the seat that is free takes the next.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tools.process.job import Job
from tools.process.worker import Usage

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})
LOG_BYTES = 1 << 16
"""The end of a log that ``logs`` returns."""


class Seat(Protocol):
    """Who does one job at a time."""

    def warm(self) -> None:
        """Begin to load what jobs need, and return at once."""
        ...

    def do(self, job: Job, resident: bool = False, all_devices: bool = False) -> tuple[dict[str, Any], Usage]:
        """Do a job; raises as ``tools.process.worker.Worker.measure`` does."""
        ...

    def interrupt(self) -> None:
        """End what runs, for good, and return at once; safe in a signal handler."""
        ...

    def close(self) -> None:
        """End what runs, and give back what it holds."""
        ...


@dataclass(frozen=True)
class Status:
    """How far a job has come."""

    state: State
    seat: int | None = None
    """Number of the seat that does it or did it, from 0."""
    result: dict[str, Any] | None = None
    usage: Usage | None = None
    error: Exception | None = None
    """Why it failed: as ``tools.process.worker.Worker.measure`` raises it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED


@dataclass(eq=False)
class Handle:
    """A job that was submitted."""

    job: Job
    resident: bool
    all_devices: bool
    status: Status = field(default_factory=lambda: Status("waiting"))


class Executor:
    """Seats and the queue before them.

    Args:
        seats: one thread is started for each.
    """

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.seats = tuple(seats)
        self._queue: list[tuple[int, int, Handle]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), name=f"seat-{number}", daemon=True)
            for number in range(len(self.seats))
        ]
        for thread in self._threads:
            thread.start()

    def warm(self) -> None:
        """Let every seat load what jobs need, and return at once."""
        for seat in self.seats:
            seat.warm()

    def submit(
        self, job: Job, *, resident: bool = False, all_devices: bool = False, urgent: bool = False
    ) -> Handle:
        """Put a job into the queue.

        Args:
            job: what is to be done.
            resident: in the seat's child that stays.
            all_devices: the job may use every GPU of the seat.
            urgent: before all that are not.
        """
        handle = Handle(job, resident, all_devices)
        with self._changed:
            heapq.heappush(self._queue, (0 if urgent else 1, next(self._order), handle))
            self._changed.notify_all()
        return handle

    def poll(self, handle: Handle, wait_seconds: float = 0.0) -> Status:
        """How far a job has come; waits so long at most for its end."""
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while not handle.status.ended and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return handle.status

    def cancel(self, handle: Handle) -> None:
        """End a job: one that waits is never begun, one that runs is killed. One that has ended stays so."""
        with self._changed:
            if handle.status.state == "waiting":
                handle.status = Status("cancelled")
                self._changed.notify_all()
        handle.job.hold.cancel()

    @staticmethod
    def logs(handle: Handle) -> str:
        """The end of what a job has printed so far; empty where it has not begun."""
        try:
            with handle.job.log_path.open("rb") as log:
                log.seek(max(0, handle.job.log_path.stat().st_size - LOG_BYTES))
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def interrupt(self) -> None:
        """End what runs on every seat, for good, and return at once; safe in a signal handler."""
        for seat in self.seats:
            seat.interrupt()

    def close(self) -> None:
        """Cancel what waits, end what runs, and give the seats back."""
        with self._changed:
            self._closed = True
            waiting = [handle for _, _, handle in self._queue]
            self._changed.notify_all()
        for handle in waiting:
            self.cancel(handle)
        for seat in self.seats:
            seat.close()

    def _serve(self, number: int) -> None:
        while (handle := self._next(number)) is not None:
            status = self._done(number, handle)
            with self._changed:
                handle.status = status
                self._changed.notify_all()

    def _next(self, number: int) -> Handle | None:
        with self._changed:
            while True:
                while self._queue:
                    handle = heapq.heappop(self._queue)[2]
                    if handle.status.state == "waiting" and not self._closed:
                        handle.status = Status("running", number)
                        return handle
                if self._closed:
                    return None
                self._changed.wait()

    def _done(self, number: int, handle: Handle) -> Status:
        try:
            result, usage = self.seats[number].do(handle.job, handle.resident, handle.all_devices)
        except (Exception, KeyboardInterrupt) as error:  # `Interrupted` is one; whoever polls raises it
            if handle.job.hold.cancelled:
                return Status("cancelled", number)
            failure = error if isinstance(error, Exception) else RuntimeError(str(error))
            return Status("failed", number, error=failure)
        return Status("done", number, result, usage)
