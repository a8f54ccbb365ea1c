"""Worker: runs a function in a child process of its own, with its own log, time limit and memory.

Training and generation never run in the caller's process: a crash, a leak or a
hang of theirs must not touch the run. ``tools.process.fork_server`` explains how a child
starts in milliseconds and why none outlives its caller.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from tasks.errors import Code, ExperimentFailed, HarnessFault, Stage, disk_is_full, fault_of
from tools.process.environment import child_environment
from tools.process.fork_server import PRELOAD
from tools.process.machine import cpu_count
from tools.process.prefork import JsonLines, ServerProcess
from tools.process.root_cause import root_cause

START_SECONDS = 300.0
"""The longest wait for the imports of the fork server."""
ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its threads would not survive the fork
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_OFFLINE": "1",  # models are downloaded by the caller, so a child never needs the network
    "OMP_WAIT_POLICY": "PASSIVE",  # idle threads sleep: on a shared machine, spinning ones starve the busy
}


@dataclass(frozen=True)
class Usage:
    """What a job cost, as the kernel counted it."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of the child and of its own children."""
    peak_gib: float
    """The largest resident set of the child; the shared pages of the libraries count."""


class Worker:
    """Children for jobs, one after the other or from several threads at once.

    Args:
        threads: compute threads of each child; by default the cores given to this process.
        environment: variables of the children only, over the defaults of ``ENVIRONMENT``. Of the
            caller's they get all but credentials (``tools.process.environment``).
        preload: modules that the fork server imports first; by default torch, TRL and PEFT on
            Linux, and none on macOS, whose system libraries do not survive a fork once loaded.
    """

    def __init__(
        self,
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
        preload: tuple[str, ...] | None = None,
    ) -> None:
        self.threads = threads or cpu_count()
        self.environment = ENVIRONMENT | dict(environment or {})
        self._preload = preload if preload is not None else PRELOAD if sys.platform == "linux" else ()
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def warm(self) -> None:
        """Starts the imports in the background and returns at once."""
        self._live_server()

    def run(
        self,
        function: str | Callable[[dict[str, Any]], dict[str, Any]],
        payload: Mapping[str, Any],
        timeout_seconds: float,
        log_path: Path,
        stage: Stage = "train",
    ) -> dict[str, Any]:
        """``measure`` without the cost."""
        return self.measure(function, payload, timeout_seconds, log_path, stage)[0]

    def measure(
        self,
        function: str | Callable[[dict[str, Any]], dict[str, Any]],
        payload: Mapping[str, Any],
        timeout_seconds: float,
        log_path: Path,
        stage: Stage = "train",
    ) -> tuple[dict[str, Any], Usage]:
        """Calls ``function(payload)`` in a fresh child; returns its JSON-plain result and what it cost.

        Args:
            function: a top-level function of an importable module, or its name ``module:function``,
                which spares the caller the module's imports.
            payload: its only argument, JSON-plain.
            timeout_seconds: from the child's start; afterwards its process group is killed.
            log_path: takes the child's standard output and error.
            stage: the stage that a failure is reported under.

        Raises:
            ExperimentFailed: ``timeout``, ``out_of_memory``, ``crashed``, or the function's own code.
            HarnessFault: the fork server cannot start.
        """
        name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
        request = {
            "function": name,
            "payload": dict(payload),
            "log_path": str(log_path.resolve()),
            "threads": self.threads,
            "sys_path": [entry for entry in sys.path if entry],
        }
        server = self._live_server()
        with contextlib.closing(server.connect()) as connection:
            lines = JsonLines(connection.fileno(), connection.fileno())
            try:
                lines.send(request, START_SECONDS)
                _next(lines, START_SECONDS)
            except (TimeoutError, ConnectionError):
                raise server.fault() from None
            started = time.monotonic()
            try:
                result, error, end = _outcome(lines, started + timeout_seconds)
            except TimeoutError:
                _kill(connection)
                message = f"killed after {timeout_seconds:.0f} s, its time limit"
                raise ExperimentFailed(stage, "timeout", message, cause_in(log_path)) from None
            except ConnectionError:
                message = "the process was lost with its server, as it is when memory runs out"
                raise ExperimentFailed(stage, "crashed", message, cause_in(log_path)) from None
        if result is None or end["exit"] != 0:
            raise _failure(stage, int(end["exit"]), error, cause_in(log_path))
        wall = time.monotonic() - started
        return result, Usage(wall, float(end["cpu_seconds"]), float(end["peak_gib"]))

    def _live_server(self) -> _Server:
        with self._lock:
            if self._server is None or self._server.server.process.poll() is not None:
                self._server = _Server(self.environment, self._preload)
                weakref.finalize(self, self._server.stop)
            return self._server

    def close(self) -> None:
        """Ends the fork server and whatever still runs."""
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None


class _Server:
    """The fork server's process and the control socket to it."""

    def __init__(self, environment: Mapping[str, str], preload: tuple[str, ...]) -> None:
        ours, theirs = socket.socketpair()
        self.control = ours
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *(entry for entry in sys.path if entry)]
        with theirs:
            self.server = ServerProcess(
                # -P: a folder called `tools` in the user's working directory must not shadow ours
                [sys.executable, "-P", "-m", "tools.process.fork_server", str(theirs.fileno()), *preload],
                child_environment(os.environ, {**environment, "PYTHONPATH": os.pathsep.join(paths)}),
                pass_fds=(theirs.fileno(),),
            )

    def connect(self) -> socket.socket:
        """A connection for one job, which lives as long as the connection."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self.control, [b"j"], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise self.fault() from error
        return ours

    def fault(self) -> HarnessFault:
        """Why the server is not there any more."""
        cause = root_cause(self.server.printed())
        return HarnessFault(f"the training process could not start: {cause or 'it ended without a message'}")

    def stop(self) -> None:
        """Closes the control socket, at which the server kills its children and ends."""
        self.control.close()
        self.server.stop(5.0)  # one that still imports does not read the socket yet


def _outcome(
    lines: JsonLines, deadline: float
) -> tuple[dict[str, Any] | None, dict[str, str] | None, dict[str, Any]]:
    """What the job said of itself (a result or an error, or neither), and what the kernel says.

    Raises:
        TimeoutError: the deadline passed.
        ConnectionResetError: the server ended.
    """
    result, error = None, None
    while "exit" not in (message := _next(lines, deadline - time.monotonic())):
        result, error = message.get("result", result), message.get("error", error)
    return result, error, message


def _next(lines: JsonLines, seconds: float) -> dict[str, Any]:
    if (message := lines.receive(max(0.0, seconds))) is None:
        raise ConnectionResetError
    return message


def _kill(connection: socket.socket) -> None:
    """Tells the server to kill the job's process group, and waits until it is gone."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(10.0)
    with contextlib.suppress(OSError):
        while connection.recv(1 << 16):
            pass


def cause_in(log_path: Path) -> str:
    """The root cause in the end of a log: what a failure record holds; empty without a log."""
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log_path.stat().st_size - (1 << 16)))
            return root_cause(log.read().decode(errors="replace"))
    except FileNotFoundError:
        return ""


def _failure(stage: Stage, exit_code: int, error: Mapping[str, str] | None, tail: str) -> Exception:
    if error and error["type"] in ("HarnessFault", "MachineFault"):
        return HarnessFault(error["message"])
    if error and disk_is_full(error["message"]):
        return fault_of(f"the {stage} process", OSError(error["message"]))
    if error:
        code = cast(Code, error["code"]) if error["code"] in get_args(Code) else "crashed"
        named = error["message"] if error["code"] else f"{error['type']}: {error['message']}"
        return ExperimentFailed(stage, code, named.strip()[:500], tail)
    if exit_code == -9:
        message = "killed by the system (signal 9), as it does when memory runs out"
        return ExperimentFailed(stage, "out_of_memory", message, tail)
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return ExperimentFailed(stage, "crashed", f"the process ended by {how} without a result", tail)
