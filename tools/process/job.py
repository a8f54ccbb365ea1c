"""Job of a child process: what was asked of it, and what its end means when it gave no result.

A child ends by an exception that it could still tell of, by a signal, or with the server that forked it. The
kernel's count of processes killed for want of memory tells the one SIGKILL from the other.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from tasks.errors import (
    FULL,
    Code,
    DiskFull,
    ExperimentFailed,
    HarnessFault,
    MachineFault,
    Stage,
    disk_is_full,
    fault_of,
)
from tools.process.machine import memory_kills
from tools.process.root_cause import root_cause

FAULTS = {fault.__name__: fault for fault in (HarnessFault, MachineFault, DiskFull)}


class WorkerLost(ExperimentFailed):
    """Whoever did the job is gone, with everything around it: the job itself may be sound."""


class Hold:
    """What ends a job early, from another thread; whichever comes first, the job or its cancelling."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None
        self.cancelled = False

    def on(self, end: Callable[[], None]) -> None:
        """The job runs, and this ends it; a job that was cancelled before it began ends at once."""
        with self._lock:
            self._end = end
            if self.cancelled:
                end()

    def off(self) -> None:
        """The job has ended: nothing is to be ended any more."""
        with self._lock:
            self._end = None

    def cancel(self) -> None:
        """End the job, now or as soon as it begins."""
        with self._lock:
            self.cancelled = True
            if self._end is not None:
                self._end()


@dataclass(frozen=True)
class Job:
    """One call of ``measure``."""

    function: str
    payload: dict[str, Any]
    log_path: Path
    stage: Stage
    timeout_seconds: float
    memory_kills: int | None = field(default_factory=lambda: memory_kills())
    """What ``tools.process.machine.memory_kills`` said before it."""
    hold: Hold = field(default_factory=Hold, compare=False)
    """For whoever may cancel it."""


def lost(job: Job) -> WorkerLost:
    """What became of a job whose server is gone as well."""
    code: Code = "out_of_memory" if memory_kills() != job.memory_kills else "crashed"
    message = "the process was lost with its server, as it is when memory runs out"
    return WorkerLost(job.stage, code, message, cause_in(job.log_path))


def _no_memory_kill(job: Job) -> bool:
    """Whether the kernel says that it killed nothing for want of memory since the job began."""
    return job.memory_kills is not None and memory_kills() == job.memory_kills


def cause_in(log_path: Path) -> str:
    """The root cause in the end of a log: what a failure record holds; empty without a log."""
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log_path.stat().st_size - (1 << 16)))
            return root_cause(log.read().decode(errors="replace"))
    except FileNotFoundError:
        return ""


def failure(job: Job, exit_code: int, error: Mapping[str, str] | None) -> Exception:
    """A job's end without a result, as an error of ours.

    Args:
        job: what was asked.
        exit_code: of the child; negative for a signal.
        error: what it said of itself (``tools.process.fork_server.describe``); None where it said nothing.
    """
    stage, tail = job.stage, cause_in(job.log_path)
    if error and error["type"] in FAULTS:
        return FAULTS[error["type"]](error["message"])
    if error and (said := _said_by_system(error)) is not None:
        return fault_of(f"the {stage} process", said)
    if not error and disk_is_full(tail):
        return fault_of(f"the {stage} process", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    if error:
        code = cast(Code, error["code"]) if error["code"] in get_args(Code) else "crashed"
        named = error["message"] if error["code"] else f"{error['type']}: {error['message']}"
        return ExperimentFailed(stage, code, named.strip()[:500], tail)
    if exit_code == -signal.SIGABRT and "bad_alloc" in tail:
        return ExperimentFailed(stage, "out_of_memory", "aborted: the C++ library ran out of memory", tail)
    if exit_code == -9 and _no_memory_kill(job):
        message = "killed from outside (signal 9); the kernel killed nothing for want of memory"
        return ExperimentFailed(stage, "crashed", message, tail)
    if exit_code == -9:
        message = "killed by the system (signal 9), as it does when memory runs out"
        return ExperimentFailed(stage, "out_of_memory", message, tail)
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return ExperimentFailed(stage, "crashed", f"the process ended by {how} without a result", tail)


def _said_by_system(error: Mapping[str, str]) -> OSError | None:
    """What the machine's user can mend of a child's end, by the number that it told; None where the child, or
    what it was told to do, failed by itself. Memory is not mended: less of it may do."""
    number = int(error.get("errno") or 0)
    if number not in FULL and (number in (0, errno.ENOMEM) or error["code"] not in ("", "crashed")):
        return None
    said = OSError(error["message"])
    said.errno = number
    return said
