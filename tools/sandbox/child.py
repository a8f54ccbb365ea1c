"""Child of the script driver, after the fork: its streams, its limits, and the script itself."""

from __future__ import annotations

import contextlib
import linecache
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
import types
from typing import NoReturn, TextIO

NAME = "script.py"
CONFINED = b"confined"
NOT_CONFINED = 120
READY = 3
"""The descriptor on which the child says that it is confined, before the script starts."""
OPEN_FILES = 128
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def take_streams(stdout: int, stderr: int, ready: int) -> None:
    """A session of its own, nothing to read, and no descriptor of the driver's left open."""
    os.setsid()
    for descriptor, target in (
        (os.open(os.devnull, os.O_RDONLY), 0),
        (stdout, 1),
        (stderr, 2),
        (ready, READY),
    ):
        os.dup2(descriptor, target)
    os.closerange(READY + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    sys.stdout, sys.stderr = _stream(1), _stream(2)


def _stream(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", closefd=False)


def limit(memory_bytes: int, cpu_seconds: int, file_bytes: int, most_tasks: int) -> None:
    """Hard limits, which only ever go down: those of the caller stay where they are tighter."""
    wanted = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NPROC: most_tasks,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    # At the soft limit comes a signal that can be ignored, at the hard one, a second later, one that cannot.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def run(code: str, out: str, cache: str) -> NoReturn:
    """Says that confinement is complete, then runs the script as ``__main__`` and ends with its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(HOME=out, TMPDIR=out, MPLCONFIGDIR=cache if "matplotlib" in sys.modules else out)
    tempfile.tempdir = None
    sys.path[0] = out
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    os.write(READY, CONFINED)
    os.close(READY)
    status = 1
    try:
        exec(compile(code, NAME, "exec", dont_inherit=True), module.__dict__)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        status = 0
    except SystemExit as stop:
        status = _exit_code(stop.code)
    finally:
        _finish(status)


def _finish(status: int) -> NoReturn:
    """Prints the exception that is under way, if any, and ends the process."""
    try:
        kind, value, trace = sys.exc_info()
        if status and value is not None and not isinstance(value, SystemExit):
            # The first frame is this module's.
            traceback.print_exception(kind, value, trace.tb_next if trace else None)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(status)


def _exit_code(code: object) -> int:
    """As the interpreter reads ``sys.exit``: nothing is success, a text is printed and is a failure."""
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{code}\n")
    return 1


def report_fault() -> None:
    """Prints what kept the child from being confined; the driver reads it and runs nothing."""
    traceback.print_exc()
    sys.stderr.flush()
