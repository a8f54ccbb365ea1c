"""Processes of a script: found in /proc, measured, and ended to the last one."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

LONGEST_END_SECONDS = 20.0
PAGE = os.sysconf("SC_PAGESIZE")


def _processes() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def _read(pid: int, name: str) -> str:
    """A file of a process that may have ended in the meantime."""
    with (
        contextlib.suppress(OSError),
        open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file,
    ):
        return file.read()
    return ""


def descendants() -> list[int]:
    """All processes below this one, zombies among them."""
    children: dict[int, list[int]] = {}
    for pid in _processes():
        # The name stands in brackets and may hold anything, brackets too.
        fields = _read(pid, "stat").rpartition(")")[2].split()
        if len(fields) > 1:
            children.setdefault(int(fields[1]), []).append(pid)
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def tasks_of(uid: int) -> int:
    """Processes and threads of a user that can be seen here: what RLIMIT_NPROC counts."""
    tasks = 0
    for pid in _processes():
        lines = dict(line.split(":", 1) for line in _read(pid, "status").splitlines() if ":" in line)
        if lines.get("Uid", "").split()[:1] == [str(uid)]:
            tasks += int(lines.get("Threads", "1"))
    return tasks


def memory_of_descendants(enough: int) -> int:
    """Bytes held by all descendants. Shared ones count once each, unless that comes over ``enough``."""
    pids = descendants()
    resident = {pid: _resident(pid) for pid in pids}
    total = sum(resident.values())
    if len(pids) < 2 or total <= enough:
        return total
    return sum(_proportional(pid, resident[pid]) for pid in pids)


def _resident(pid: int) -> int:
    fields = _read(pid, "statm").split()
    return int(fields[1]) * PAGE if len(fields) > 1 else 0


def _proportional(pid: int, otherwise: int) -> int:
    """Memory with shared pages divided among those that share them."""
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return otherwise


def _stopped(deadline: float) -> set[int]:
    """All descendants, stopped first.

    A killed process makes room for another, and a fork bomb fills it as fast as it is
    emptied; a stopped one keeps its place, so that the bomb soon finds none left.
    """
    stopped: set[int] = set()
    while time.monotonic() < deadline:
        new = set(descendants()) - stopped
        if not new:
            break
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        stopped |= new
    return stopped


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def end_all(main: int, reaches_all: bool) -> int:
    """Kills every descendant and collects it; returns the wait status of ``main``.

    Args:
        main: the script's own process; it may have ended already.
        reaches_all: ``kill(-1)`` is safe: it reaches descendants and nothing else.

    Raises:
        TimeoutError: something outlives SIGKILL.
    """
    status = 0
    done, status_now = os.waitpid(main, os.WNOHANG)
    if done:
        status = status_now
    deadline = time.monotonic() + LONGEST_END_SECONDS
    while time.monotonic() < deadline:
        for pid in [-1] if reaches_all else _stopped(deadline):
            _signal(pid, signal.SIGKILL)
        while True:
            try:
                ended, status_now = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return status
            if not ended:
                break
            if ended == main:
                status = status_now
        time.sleep(0.001)
    raise TimeoutError("a process of the script outlives SIGKILL")
