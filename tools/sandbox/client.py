"""Client of the script driver: starts it, sends it scripts, reads their results, and ends it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tasks.base import Script, ScriptResult
from tasks.errors import HarnessFault
from tools.process.prefork import JsonLines, ServerProcess
from tools.sandbox import bubblewrap, folder

START_SECONDS = 180.0
"""Generous: the first import of large libraries from a cold disk."""
GRACE_SECONDS = 30.0
"""Beyond the script's wall time, for the driver to end it and to clean up after it."""
OTHER_USERS = range(61184, 65520)
"""Numbers that systemd sets aside for services without an account of their own."""
CACHE_BYTES = 32 << 20


@dataclass(frozen=True)
class ScriptLimits:
    """What one script may use."""

    memory_bytes: int = 3 * 2**29
    """Address space of each process, and memory of all together. The preloaded libraries count."""
    cpu_seconds: int = 10
    """Of each process."""
    wall_seconds: float = 10.0
    processes: int = 32
    """Processes and threads at once."""
    file_bytes: int = 16_000_000
    """The size of a file, and of the output."""

    @property
    def disk_bytes(self) -> int:
        """All files of a script together."""
        return 4 * self.file_bytes


class DriverProcess:
    """One running driver, from its start to the removal of its folder."""

    def __init__(
        self, isolation: Literal["bubblewrap", "landlock"], limits: ScriptLimits, preload: tuple[str, ...]
    ) -> None:
        self.isolation, self.limits, self.preload = isolation, limits, preload
        self.alive = False
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        """Starts it and waits until its libraries are imported.

        Raises:
            HarnessFault: it does not start.
        """
        with self.stack:
            self._start()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it with all that it runs."""
        self.alive = False
        self.stack.close()

    def _start(self) -> None:
        work, uid = bubblewrap.WORK, free_user()
        if self.isolation == "landlock":
            work = tempfile.mkdtemp(prefix="ftdojo-scripts-")
            self.stack.callback(folder.remove, Path(work))
            command = bubblewrap.driver_command(bubblewrap.PROJECT)
        else:
            size = 2 * self.limits.disk_bytes + CACHE_BYTES
            program = bubblewrap.installed() or "bwrap"
            command = bubblewrap.bubblewrap_command(program, size, uid is not None)
        self.server = ServerProcess(command, bubblewrap.ENVIRONMENT, pipes=True, cwd="/")
        self.stack.callback(self.server.stop, GRACE_SECONDS)
        requests, answers = self.server.process.stdin, self.server.process.stdout
        assert requests is not None and answers is not None
        self.lines = JsonLines(answers.fileno(), requests.fileno())
        self.alive = True
        answer = self._exchange(self._plan(work, uid), START_SECONDS)
        if answer is None:
            raise HarnessFault(f"the sandbox ({self.isolation}) does not start: {self._last_line()}")

    def _plan(self, work: str, uid: int | None) -> dict[str, Any]:
        readable = [*bubblewrap.interpreter_paths(), *bubblewrap.SYSTEM_FOLDERS, *bubblewrap.SYSTEM_FILES]
        bare = self.isolation == "landlock"
        needs = bubblewrap.needs_read_capability([work] if bare else [], parents=bare)
        return {
            "isolation": self.isolation,
            "work": work,
            "readable": readable,
            "preload": self.preload,
            "uid": uid,
            "keep_reading": uid is not None and needs,
            "memory_bytes": self.limits.memory_bytes,
            "cpu_seconds": self.limits.cpu_seconds,
            "wall_seconds": self.limits.wall_seconds,
            "processes": self.limits.processes,
            "file_bytes": self.limits.file_bytes,
            "disk_bytes": self.limits.disk_bytes,
        }

    def ask(self, script: Script) -> ScriptResult:
        """Runs one script. If the driver dies of it, ``alive`` is False and the script counts as killed.

        Raises:
            HarnessFault: the driver could not confine the script, and did not run it.
        """
        started = time.monotonic()
        answer = self._exchange(asdict(script), self.limits.wall_seconds + GRACE_SECONDS)
        if answer is None:
            wall = time.monotonic() - started
            said = f"[sandbox] the driver ended with the script: {self._last_line()}"
            return ScriptResult("killed", stderr=said, wall_seconds=wall)
        if "fault" in answer:
            raise HarnessFault(f"a script could not be confined: {answer['fault'].strip()}")
        return ScriptResult(**answer)

    def _exchange(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """One message there, one back; None when the driver is dead or silent for too long."""
        try:
            self.lines.send(request, seconds)
            answer = self.lines.receive(seconds)
        except (ConnectionError, TimeoutError):
            answer = None
        self.alive = answer is not None
        return answer

    def _last_line(self) -> str:
        lines = self.server.printed().splitlines()
        return lines[-1] if lines else f"exit status {self.server.process.poll()}"


def free_user() -> int | None:
    """A user number that nobody uses just now, for root; None for anybody else.

    It is None, too, for the root of a user namespace that knows no other user.
    """
    if os.geteuid() != 0:
        return None
    maps = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    used = set()
    for path in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError):
            used.add(path.stat().st_uid)
    start = os.getpid() % len(OTHER_USERS)
    candidates: list[int] = [*OTHER_USERS[start:], *OTHER_USERS[:start]]
    for uid in candidates:
        if uid not in used and any(int(first) <= uid < int(first) + int(count) for first, _, count in maps):
            return uid
    return None
