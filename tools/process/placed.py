"""Placed worker: a ``Worker`` whose jobs an executor does, and that knows calls which were begun ahead.

A call is its function and its payload. Whoever knows that a call will be made can begin it ahead; when it is
made, its result is there, or on its way, instead of being begun. So the order in which a run asks, and with
it its journal, is the same on one seat and on many: only the waiting is shorter.

A call that was begun ahead and failed in a way that another process may have caused (it was lost, killed, ran
out of memory or of time) is made once more when it is asked for; so is a call whose seat was lost.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import ExperimentFailed, HarnessFault, Interrupted, Stage
from tools.process.executor import Executor, Handle, Status
from tools.process.job import Job, WorkerLost
from tools.process.worker import LEAST_SECONDS, Usage, Worker

NOT_ITS_OWN = frozenset({"crashed", "out_of_memory", "timeout"})
"""Failures that a call may meet because of what ran beside it."""
LOOK_SECONDS = 0.5
"""How often whoever waits for a job looks whether the run is interrupted."""
END_SECONDS = 20.0
"""The longest wait for the end of a job that was cancelled."""


class Call(NamedTuple):
    """What a child is asked: the same call comes to the same result."""

    function: str
    payload: dict[str, Any]

    @property
    def key(self) -> str:
        """Equal for equal calls."""
        text = json.dumps([self.function, self.payload], sort_keys=True)
        return sha256(text.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class Link:
    """One call of a chain, and how it is made."""

    call: Call
    timeout_seconds: float
    log_path: Path
    stage: Stage


@dataclass(frozen=True)
class Chain:
    """Calls that were begun ahead, each when the one before it has come to a result."""

    links: tuple[Link, ...]
    keys: tuple[str, ...]
    deadline: float
    """Monotonic seconds: what the run's budget left when it was begun."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when nothing of it runs any more."""


class PlacedWorker(Worker):
    """Jobs go to an executor.

    Args:
        executor: closed with it.
        threads: compute threads of each child.
    """

    def __init__(self, executor: Executor, threads: int) -> None:
        super().__init__(threads)
        self.executor = executor
        self.repeated: Callable[[Job, str], None] = lambda job, why: None
        """Told of a job that is done once more, and why."""
        self._ahead: dict[str, Handle | None] = {}
        """Calls that nobody has asked for yet; None for one that waits for the one before it."""
        self._lock_ahead = threading.Lock()

    def warm(self) -> None:
        """Starts the imports on every seat and returns at once."""
        self.executor.warm()

    def begin(self, links: Sequence[Link]) -> Chain:
        """Begin calls that will be asked for, the first at once and each other after the one before it."""
        left = math.inf if self.limit is None else self.limit()
        chain = Chain(tuple(links), tuple(link.call.key for link in links), time.monotonic() + left)
        with self._lock_ahead:
            self._ahead.update(dict.fromkeys(chain.keys))
        first = self._submit(chain, 0)
        threading.Thread(target=self._follow, args=(chain, first), daemon=True).start()
        return chain

    def drop(self, chain: Chain) -> None:
        """Forget what nobody has asked for of a chain, and end it; returns when it has ended."""
        with self._lock_ahead:
            handles = [self._ahead.pop(key, None) for key in chain.keys]
        begun = [handle for handle in handles if handle is not None]
        for handle in begun:
            self.executor.cancel(handle)
        for handle in begun:
            self.executor.poll(handle, END_SECONDS)

    def under_way(self, function: str, payload: Mapping[str, Any]) -> bool:
        """Whether this very call was begun ahead and is to be had."""
        with self._lock_ahead:
            return self._ahead.get(Call(function, dict(payload)).key) is not None

    def do(self, job: Job, resident: bool = False, all_devices: bool = False) -> tuple[dict[str, Any], Usage]:
        """A job: by the result that was begun ahead, or on the next free seat."""
        with self._lock_ahead:
            begun = self._ahead.pop(Call(job.function, job.payload).key, None)
        status = self._waited(begun or self._urgent(job, resident, all_devices))
        if _is_to_be_repeated(status, begun is not None):
            self.repeated(job, _why(status))
            again = Job(job.function, job.payload, job.log_path, job.stage, job.timeout_seconds)
            status = self._waited(self._urgent(again, resident, all_devices))
        if status.error is not None:
            raise status.error
        if status.result is None or status.usage is None:
            raise HarnessFault(f"the {job.stage} process was cancelled while it was waited for")
        return status.result, status.usage

    def _urgent(self, job: Job, resident: bool, all_devices: bool) -> Handle:
        return self.executor.submit(job, resident=resident, all_devices=all_devices, urgent=True)

    def _waited(self, handle: Handle) -> Status:
        while not (status := self.executor.poll(handle, LOOK_SECONDS)).ended:
            if self.interrupted:
                raise Interrupted
        if self.interrupted and status.error is not None:
            raise Interrupted
        return status

    def _submit(self, chain: Chain, place: int) -> Handle | None:
        """Begin a call, unless it was asked for or dropped in the meantime."""
        link, key = chain.links[place], chain.keys[place]
        seconds = max(LEAST_SECONDS, min(link.timeout_seconds, chain.deadline - time.monotonic()))
        with self._lock_ahead:
            if key not in self._ahead:
                return None
            job = Job(*link.call, link.log_path, link.stage, seconds)
            handle = self._ahead[key] = self.executor.submit(job, resident=True)
            return handle

    def _follow(self, chain: Chain, handle: Handle | None) -> None:
        for place in range(1, len(chain.links) + 1):
            while handle and not self.executor.poll(handle, LOOK_SECONDS).ended and not self.interrupted:
                pass
            if not handle or handle.status.state != "done" or place == len(chain.links):
                break
            handle = self._submit(chain, place)
        chain.ended.set()

    def interrupt(self) -> None:
        """Ends every job and returns at once; whoever waits for one gets ``Interrupted``, now and later."""
        self.interrupted = True
        self.executor.interrupt()

    def close(self) -> None:
        """Ends whatever still runs, and the executor."""
        self.executor.close()
        super().close()


def _is_to_be_repeated(status: Status, ahead: bool) -> bool:
    error = status.error
    if error is None:
        return ahead and status.state == "cancelled"
    if isinstance(error, WorkerLost) or not ahead:
        return isinstance(error, WorkerLost)
    return not isinstance(error, ExperimentFailed) or error.code in NOT_ITS_OWN


def _why(status: Status) -> str:
    error = status.error
    return error.message if isinstance(error, ExperimentFailed) else str(error or "it was cancelled")
