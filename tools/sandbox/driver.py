"""Script driver of ``tools.sandbox.run``: imports slow libraries once, forks a confined child per script.

It is started inside bubblewrap's namespaces, as their process 1, or bare, and then
confines each child with Landlock. It speaks JSON lines: the first line read is a
``Plan``; then one request ``{"code", "files"}`` at a time is read and one result is
written, so that a child's memory, a copy of this process's, holds no other script.

What a script leaves running is killed before its result is read: ``kill(-1)`` reaches
all that this process started and nothing else, because it is the first of its pid
namespace or because Landlock keeps its signals inside. On kernels without either, its
descendants are looked up and killed until none is left; orphans become its children.

The process cannot be traced, read or signalled by its children: it is not dumpable,
and a child runs as another user, in another Landlock domain, or cannot signal the
first process of its namespace.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

from tools.process.prefork import JsonLines, preload
from tools.sandbox import child, folder, landlock, seccomp
from tools.sandbox.processes import end_all, held_by_descendants, memory_of_descendants, tasks_of

TICK_SECONDS = 0.1
"""How often memory and disk are looked at."""
SHOWN_CHARACTERS = 20_000
MOST_SOCKETS = 64
"""Of all processes of a script: what lies in their buffers is memory of the kernel, which no other limit
counts. With buffers of the size that every socket starts with (212 kB on Linux) that is some 30 MB."""
CHUNK = 1 << 16


@dataclass(frozen=True)
class Plan:
    """How every script of this driver is run. ``uid`` is the user that scripts become, None to stay."""

    isolation: Literal["bubblewrap", "landlock"]
    work: str
    readable: tuple[str, ...]
    preload: tuple[str, ...]
    uid: int | None
    keep_reading: bool
    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    processes: int
    file_bytes: int
    disk_bytes: int


@dataclass
class _Output:
    """One stream of a script: all of it is read, so that the script cannot block; a part is kept."""

    descriptor: int
    keep_end: bool
    kept: bytearray = field(default_factory=bytearray)
    seen: int = 0

    def read(self) -> bool:
        """Takes what is there; False at the end of the stream."""
        try:
            chunk = os.read(self.descriptor, CHUNK)
        except BlockingIOError:
            return True
        self.seen += len(chunk)
        self.kept += chunk
        most = 4 * SHOWN_CHARACTERS
        if len(self.kept) > most:
            self.kept = self.kept[-most:] if self.keep_end else self.kept[:most]
        return bool(chunk)

    def text(self) -> str:
        """The first characters, or the last: an error's last line says what it was."""
        text = self.kept.decode("utf-8", errors="replace")
        return text[-SHOWN_CHARACTERS:] if self.keep_end else text[:SHOWN_CHARACTERS]


class Driver:
    """One batch of scripts, one after the other."""

    def __init__(self, plan: Plan, lines: JsonLines) -> None:
        self.plan, self.lines = plan, lines
        self.work = Path(plan.work)
        self.cache = self.work / "cache"
        self.reaches_all = self._settle()
        self.filter = self._choose_filter()
        self.hidden: frozenset[int] = frozenset()
        """Processes that did not say what they have open when they were looked at last."""

    def _settle(self) -> bool:
        """Becomes what it stays; returns whether ``kill(-1)`` reaches the scripts and nothing else."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.plan.isolation == "bubblewrap":
            if self.plan.uid is not None:
                os.chown(self.work, self.plan.uid, self.plan.uid)
                landlock.drop_to(self.plan.uid, self.plan.keep_reading)
            first = os.getpid() == 1
        else:
            landlock.set_process(landlock.PR_SET_CHILD_SUBREAPER, 1)
            first = landlock.confine_signals()
        landlock.set_process(landlock.PR_SET_PDEATHSIG, signal.SIGKILL)
        landlock.set_process(landlock.PR_SET_DUMPABLE, 0)
        return first

    def _choose_filter(self) -> Callable[[], bytes]:
        confined = self.plan.isolation == "bubblewrap" or self.reaches_all
        if confined:
            program = seccomp.compile_filter()
            return lambda: program
        return lambda: seccomp.compile_filter(seccomp.own_signals(os.getpid()))

    def preload(self) -> None:
        """Imports what most scripts need. A module that is missing is left for the script to miss."""
        self.cache.mkdir()
        os.environ.update(MPLCONFIGDIR=str(self.cache), TMPDIR=str(self.cache), HOME=str(self.cache))
        preload(self.plan.preload, may_be_missing=True)
        self.cache.chmod(0o555)

    def serve(self) -> None:
        """Until the caller closes its end."""
        self.lines.send({"ready": True})
        while (request := self.lines.receive()) is not None:
            self.lines.send(self.run(**request))

    def run(self, code: str, files: Mapping[str, str]) -> dict[str, Any]:
        """One script, from its folder to its result."""
        top = self.work / "script"
        self.work.chmod(0o711)
        owner = self.plan.uid if self.plan.isolation == "landlock" else None
        out = folder.lay_out(top, files, owner)
        self.work.chmod(0o511)
        started = time.monotonic()
        (read_out, write_out), (read_err, write_err), (read_ready, write_ready) = (
            os.pipe2(os.O_CLOEXEC) for _ in range(3)
        )
        most_tasks = tasks_of(os.getuid() if self.plan.uid is None else self.plan.uid) + self.plan.processes
        pid = os.fork()
        if pid == 0:
            self._become_script(code, out, most_tasks, (write_out, write_err, write_ready))
        for descriptor in (write_out, write_err, write_ready):
            os.close(descriptor)
        with os.fdopen(read_ready, "rb") as ready:
            confined = ready.read() == child.CONFINED
        outputs = (_Output(read_out, keep_end=False), _Output(read_err, keep_end=True))
        try:
            cause = self._watch(pid, out, outputs, started)
            status = end_all(pid, self.reaches_all)
            wall = time.monotonic() - started
            for output in outputs:
                while output.read() and output.seen <= self.plan.file_bytes + CHUNK:
                    pass
        finally:
            for output in outputs:
                os.close(output.descriptor)
        if not confined:
            return {"fault": outputs[1].text()}
        returned, remark = folder.read_result(out)
        self.work.chmod(0o711)
        folder.remove(top)
        return _result(cause, status, outputs, returned, remark, wall)

    def _watch(self, pid: int, out: Path, outputs: tuple[_Output, _Output], started: float) -> str:
        """Waits for the script's own process; returns why it must be stopped, or nothing when it ended."""
        deadline, next_look = started + self.plan.wall_seconds, started + TICK_SECONDS
        end = os.pidfd_open(pid)
        with selectors.DefaultSelector() as selector:
            for descriptor in (end, self.lines.source):
                selector.register(descriptor, selectors.EVENT_READ)
            for output in outputs:
                os.set_blocking(output.descriptor, False)
                selector.register(output.descriptor, selectors.EVENT_READ, output)
            try:
                while True:
                    for key, _ in selector.select(max(0.0, min(deadline, next_look) - time.monotonic())):
                        if key.fd == end:
                            return ""
                        # The caller is gone: it never writes while a script runs.
                        if key.fd == self.lines.source:
                            end_all(pid, self.reaches_all)
                            os._exit(1)
                        if not key.data.read():
                            selector.unregister(key.fd)
                    if sum(output.seen for output in outputs) > self.plan.file_bytes:
                        return f"more than {self.plan.file_bytes} bytes of output"
                    if time.monotonic() >= deadline:
                        return "timeout"
                    if time.monotonic() >= next_look:
                        if cause := self._overdrawn(out):
                            return cause
                        next_look = time.monotonic() + TICK_SECONDS
            finally:
                os.close(end)

    def _overdrawn(self, out: Path) -> str:
        if memory_of_descendants(self.plan.memory_bytes) > self.plan.memory_bytes:
            return f"more than {self.plan.memory_bytes} bytes of memory in all its processes"
        held = held_by_descendants()
        # Twice in a row: a process that is just becoming another program is closed for a moment.
        still, self.hidden = held.hidden & self.hidden, held.hidden
        if still:
            return "a process that hides what it has open"
        if held.sockets > MOST_SOCKETS:
            return f"more than {MOST_SOCKETS} sockets"
        return folder.over_limits(out, self.plan.disk_bytes, held.deleted_bytes)

    def _become_script(self, code: str, out: Path, most_tasks: int, pipes: tuple[int, int, int]) -> NoReturn:
        """In the child: confined first, the script second. Never returns, whatever happens."""
        try:
            child.take_streams(*pipes)
            child.limit(self.plan.memory_bytes, self.plan.cpu_seconds, self.plan.file_bytes, most_tasks)
            os.chdir(out)
            if self.plan.isolation == "landlock":
                if self.plan.uid is not None:
                    landlock.drop_to(self.plan.uid, self.plan.keep_reading)
                else:
                    landlock.drop_capabilities()
                landlock.forbid_new_privileges()
                readable = (*self.plan.readable, str(out.parent / "in"), str(self.cache))
                landlock.confine_paths(readable, (str(out),), child.DEVICES)
            landlock.forbid_new_privileges()
            landlock.set_process(landlock.PR_SET_PDEATHSIG, signal.SIGKILL)
            landlock.set_process(landlock.PR_SET_DUMPABLE, 1)
            seccomp.load_filter(self.filter())
            child.run(code, str(out), str(self.cache))
        finally:
            child.report_fault()
            os._exit(child.NOT_CONFINED)


def _result(
    cause: str, status: int, outputs: tuple[_Output, _Output], returned: str, remark: str, wall: float
) -> dict[str, Any]:
    code = os.waitstatus_to_exitcode(status)
    if cause:
        kind, said = ("timeout", "") if cause == "timeout" else ("killed", f"stopped: {cause}")
    elif code < 0:
        kind, said = "killed", f"ended by {signal.Signals(-code).name}"
    else:
        kind, said = ("error" if code else "ok"), ""
    remarks = "".join(f"\n[sandbox] {text}" for text in (said, remark) if text)
    stdout, stderr = (output.text() for output in outputs)
    return {
        "status": kind,
        "stdout": stdout,
        "stderr": (stderr + remarks)[-SHOWN_CHARACTERS:],
        "returned": returned,
        "wall_seconds": round(wall, 4),
    }


def main() -> None:
    """Reads the plan from the standard input, then serves requests on it."""
    requests, results = (os.dup(descriptor) for descriptor in (0, 1))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    os.close(null)
    lines = JsonLines(requests, results)
    plan = lines.receive()
    if plan is None:
        sys.exit(1)
    driver = Driver(Plan(**plan), lines)
    driver.preload()
    driver.serve()
