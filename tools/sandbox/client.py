"""The caller's side of the script driver: starts it, asks it, and buries it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tasks.base import Script, ScriptResult
from tasks.errors import HarnessFault
from tools.sandbox import bubblewrap, folder

START_SECONDS = 180.0
"""Generous: the first import of large libraries from a cold disk."""
GRACE_SECONDS = 30.0
"""Beyond the script's wall time, for the driver to end it and to clean up after it."""
OTHER_USERS = range(61184, 65520)
"""Numbers that systemd sets aside for services without an account of their own."""
CACHE_BYTES = 32 << 20


@dataclass(frozen=True)
class Limits:
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
        self, isolation: Literal["bubblewrap", "landlock"], limits: Limits, preload: tuple[str, ...]
    ) -> None:
        self.isolation, self.limits, self.preload = isolation, limits, preload
        self.alive = False
        self.buffer = bytearray()
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
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.stack.callback(self.log.close)
        work, uid = bubblewrap.WORK, free_user()
        if self.isolation == "landlock":
            work = tempfile.mkdtemp(prefix="ftdojo-scripts-")
            self.stack.callback(folder.remove, Path(work))
            command = bubblewrap.driver_command(bubblewrap.PROJECT)
        else:
            size = 2 * self.limits.disk_bytes + CACHE_BYTES
            program = bubblewrap.installed() or "bwrap"
            command = bubblewrap.bubblewrap_command(program, size, uid is not None)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=bubblewrap.ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        self.stack.callback(self._bury)
        self.alive = True
        answer = self._exchange(self._plan(work, uid), START_SECONDS)
        if answer is None:
            raise HarnessFault(f"the sandbox ({self.isolation}) does not start: {self._last_words()}")

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
            said = f"[sandbox] the driver ended with the script: {self._last_words()}"
            return ScriptResult("killed", stderr=said, wall_seconds=wall)
        if "fault" in answer:
            raise HarnessFault(f"a script could not be confined: {answer['fault'].strip()}")
        return ScriptResult(**answer)

    def _exchange(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """One line there, one line back; None when the driver is dead or silent for too long."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.alive = False
            return None
        line = self._read_line(time.monotonic() + seconds)
        self.alive = line is not None
        answer: dict[str, Any] | None = json.loads(line) if line is not None else None
        return answer

    def _read_line(self, deadline: float) -> bytes | None:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(self.process.stdout.fileno(), 1 << 20)
                if not chunk:
                    return None
                self.buffer += chunk
        line, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer = bytearray(rest)
        return line

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self.log.seek(0)
        lines = self.log.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self.process.poll()}"

    def _bury(self) -> None:
        """The end of its input ends the driver with all that it runs; the signal is for one that hangs."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()

    def kill(self) -> None:
        """Ends it and all below it at once.

        Each is killed by itself: bubblewrap, without its rights, cannot signal the other
        user that its child has become, so its own death does not end the child.
        """
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            for below in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    below.kill()
        self.process.kill()
        self.process.wait()


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
