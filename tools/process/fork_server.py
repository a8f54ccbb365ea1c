"""Fork server of ``tools.process.worker``: imports the heavy libraries once, forks a child for each job.

Importing torch, transformers, TRL and PEFT takes several CPU seconds, a sixth of a
small experiment. This process pays them once; a forked child starts in
milliseconds with everything loaded, and nothing it does (memory, threads, a crash)
outlives it. It is a program of its own rather than ``multiprocessing``'s
forkserver, because that one imports the parent's ``__main__`` again in each child:
a second for the command line, an endless loop for an unguarded script.

Lifetimes, without a timer and whatever way a process dies:

* a job lives as long as its connection: when the caller closes it, or dies of
  ``kill -9``, the kernel closes the socket and the job's process group is killed;
* the server lives as long as its control socket, in the same way;
* a child asks the kernel to be killed with the server (``PR_SET_PDEATHSIG``).

The protocol is JSON lines over one Unix socket pair per job: the caller sends
``{"function", "payload", "log_path", "timeout_seconds", "threads", "environment", "sys_path",
"all_devices"}`` and reads ``{"started": true}``, then ``{"result": ...}`` or ``{"error": ...}`` from
the child, then ``{"exit": status, "cpu_seconds", "peak_gib"}``. A second socket that comes with the first is
handed to the child, in its payload as ``descriptor``.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import re
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import system_number
from tools.process import time_limit
from tools.process.machine import peak_gib
from tools.process.prefork import JsonLines, preload

PRELOAD = (
    "torch",
    "torch._dynamo",
    "datasets",
    "transformers.models.llama.modeling_llama",
    "transformers.models.qwen2.modeling_qwen2",
    "transformers.trainer",
    "peft",
    "trl.trainer.sft_trainer",
    "tools.recipes.sft",
    "tools.evaluation.generate",
    "tools.process.resident_child",
)
PR_SET_PDEATHSIG = 1
OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|not enough memory|bad_alloc|ALLOC_FAILED",
    re.IGNORECASE,
)
"""How allocators say it that raise a plain error: torch's on the CPU, MPS, cuBLAS, the C++ library."""


@dataclass
class _Job:
    """One connection: a request that is still being read, or a child that runs."""

    connection: socket.socket
    lines: JsonLines
    jobs: socket.socket | None = None
    """Of a resident child: where its jobs come from (``tools.process.resident_child``)."""
    pid: int = 0

    def close(self) -> None:
        """This process's ends of its sockets."""
        self.connection.close()
        if self.jobs is not None:
            self.jobs.close()


class ForkServer:
    """A single-threaded loop; forking from a process with threads would not be safe."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.jobs: dict[int, _Job] = {}
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = socket.socketpair()
        for end in (self.wake_read, self.wake_write):
            end.setblocking(False)

    def serve(self) -> None:
        """Runs until the caller's end of the control socket closes."""
        signal.set_wakeup_fd(self.wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(self.control, selectors.EVENT_READ, self._accept)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self._reap)
        while self.control.fileno() >= 0:
            for key, _ in self.selector.select():
                # An earlier event of this round may have closed it.
                if key.fileobj in self.selector.get_map():
                    key.data()

    def _accept(self) -> None:
        try:
            _, descriptors, _, _ = socket.recv_fds(self.control, 1, 2)
        except ConnectionError:
            descriptors = []
        if not descriptors:
            self._close()
            return
        job = _Job(socket.socket(fileno=descriptors[0]), JsonLines(descriptors[0], descriptors[0]))
        if len(descriptors) > 1:
            job.jobs = socket.socket(fileno=descriptors[1])
        self.jobs[job.connection.fileno()] = job
        self.selector.register(job.connection, selectors.EVENT_READ, lambda: self._read(job))

    def _read(self, job: _Job) -> None:
        if not job.lines.fill():  # the caller gave up or died
            if job.pid:
                _kill_group(job.pid)
                self.selector.unregister(job.connection)
            else:
                self._forget(job)
            return
        if not job.pid and (request := job.lines.take()) is not None:
            self._fork(job, request)

    def _fork(self, job: _Job, request: dict[str, Any]) -> None:
        _send(job.lines, {"started": True})  # before the child writes to the same socket
        pid = os.fork()
        if pid == 0:
            server = os.getppid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.selector.close()
            for end in (self.control, self.wake_read, self.wake_write):
                end.close()
            for other in self.jobs.values():
                if other is not job:
                    other.close()
            if job.jobs is not None:
                request["payload"]["descriptor"] = job.jobs.detach()
            _run_child(job.lines, request, server)
        job.pid = pid
        if job.jobs is not None:
            job.jobs.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)  # the child does it too: whoever is first

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.wake_read.recv(4096)
        for job in [job for job in self.jobs.values() if job.pid]:
            pid, status, usage = os.wait4(job.pid, os.WNOHANG)
            if pid:
                _kill_group(pid)  # anything the job left behind
                cpu = usage.ru_utime + usage.ru_stime
                exit_code = os.waitstatus_to_exitcode(status)
                _send(
                    job.lines,
                    {"exit": exit_code, "cpu_seconds": cpu, "peak_gib": peak_gib(usage.ru_maxrss)},
                )
                self._forget(job)

    def _forget(self, job: _Job) -> None:
        del self.jobs[job.connection.fileno()]
        if job.connection in self.selector.get_map():
            self.selector.unregister(job.connection)
        job.close()

    def _close(self) -> None:
        for job in self.jobs.values():
            if job.pid:
                _kill_group(job.pid)
        self.control.close()


def _send(lines: JsonLines, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):  # the caller has gone: there is nobody to tell
        lines.send(message)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _die_with(parent: int) -> None:
    """Asks the kernel to kill this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)


def _run_child(lines: JsonLines, request: dict[str, Any], server: int) -> None:
    """The whole life of a forked child; never returns."""
    status = 1
    try:
        _die_with(server)
        with contextlib.suppress(PermissionError):
            os.setpgid(0, 0)
        redirect(Path(request["log_path"]))
        os.environ.clear()  # the caller's of today, not of the day on which this server began
        os.environ.update(request["environment"])
        sys.path += [entry for entry in request["sys_path"] if entry not in sys.path]
        _set_threads(int(request["threads"]))
        if not request.get("all_devices"):
            see_one_device()
        time_limit.begin(request["timeout_seconds"])
        message = {"result": find_function(request["function"])(request["payload"])}
        json.dumps(message)  # a result that is no JSON is an error of the function's
        status = 0
    except BaseException as error:
        traceback.print_exc()
        message = {"error": describe(error)}
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    _send(lines, message)
    os._exit(status)


def redirect(log_path: Path) -> None:
    """Standard output and error into a file, which begins anew."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def see_one_device() -> None:
    """Leaves this process the first GPU alone, before it has touched any.

    With several in sight a Trainer of one process wraps its model in ``DataParallel``, which is slower than
    one GPU and multiplies the batch. Several are for ``tools.recipes.distributed``.
    """
    name = "HIP_VISIBLE_DEVICES" if "HIP_VISIBLE_DEVICES" in os.environ else "CUDA_VISIBLE_DEVICES"
    os.environ[name] = os.environ.get(name, "0").split(",")[0]


def _set_threads(threads: int) -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def find_function(name: str) -> Callable[[Any], Any]:
    """``package.module:function`` as an object."""
    module, _, function = name.partition(":")
    found: Callable[[Any], Any] = getattr(importlib.import_module(module), function)
    return found


def describe(error: BaseException) -> dict[str, str]:
    """An exception as data; ``stage`` and ``code`` are those of ``ExperimentFailed`` where it is one.

    ``errno`` is the system's number where the machine's user can mend what lies behind it, else empty.
    """
    code = getattr(error, "code", "")
    if is_out_of_memory(error):
        code = "out_of_memory"
    return {
        "type": type(error).__name__,
        "message": str(getattr(error, "message", "") or error),
        "stage": str(getattr(error, "stage", "")),
        "code": code if isinstance(code, str) else "",
        "errno": str(system_number(error) or ""),
    }


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator said no: Python's, CUDA's, Metal's, or that of torch on the CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError | OSError) and bool(OUT_OF_MEMORY.search(str(error)))


def main() -> None:
    """``python -m tools.process.fork_server FD MODULE...``: imports the modules, serves the socket ``FD``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's business
    control = socket.socket(fileno=int(sys.argv[1]))
    preload(sys.argv[2:])
    ForkServer(control).serve()


if __name__ == "__main__":
    main()
