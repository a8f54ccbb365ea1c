"""Processes of a script: found in /proc, measured, and ended to the last one."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_END_SECONDS = 20.0
PAGE = os.sysconf("SC_PAGESIZE")
DELETED = " (deleted)"
SHARED_MEMORY = ("/dev/zero", "/memfd:", "/SYSV", "/anon_hugepage")
"""Mappings that the kernel shows as deleted files and that lie on no disk."""


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


@dataclass(frozen=True)
class Held:
    """What processes have open that no folder and no resident page shows."""

    deleted_bytes: int
    """Of files without a name: open, or only mapped."""
    sockets: int
    hidden: frozenset[int]
    """Processes that live and do not say what they have open."""


def held_by_descendants() -> Held:
    """What all descendants have open, each file and socket counted once."""
    deleted: dict[str, int] = {}
    sockets: set[str] = set()
    hidden: set[int] = set()
    for pid in descendants():
        try:
            for link, place in _links(pid):
                if link.startswith("socket:"):
                    sockets.add(link)
                elif link.endswith(DELETED):
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # closed by now
                        found = os.stat(place)
                        if found.st_nlink == 0:
                            deleted[f"{found.st_dev}:{found.st_ino}"] = found.st_blocks * 512
        except PermissionError:
            # One that has ended and is not collected yet has no memory, and is shown as root's.
            if _read(pid, "statm").split()[:1] not in ([], ["0"]):
                hidden.add(pid)
        deleted |= {name: max(size, deleted.get(name, 0)) for name, size in _mapped(pid).items()}
    return Held(sum(deleted.values()), len(sockets), frozenset(hidden))


def _links(pid: int) -> Iterator[tuple[str, str]]:
    """(what is open, its place in /proc) of a process; less of one that is ending."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for number in os.listdir(folder):
            place = f"{folder}/{number}"
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                yield os.readlink(place), place


def _mapped(pid: int) -> dict[str, int]:
    """Bytes mapped of files without a name, by device and inode; shared memory counts as memory already."""
    found: dict[str, int] = {}
    told = _read(pid, "maps")
    for line in told.splitlines() if DELETED in told else ():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].endswith(DELETED) and not fields[5].startswith(SHARED_MEMORY):
            start, _, end = fields[0].partition("-")
            major, _, minor = fields[3].partition(":")
            device = os.makedev(int(major, 16), int(minor, 16))
            name = f"{device}:{fields[4]}"
            found[name] = found.get(name, 0) + int(end, 16) - int(start, 16)
    return found


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
