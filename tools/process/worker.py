"""Worker: runs a function in a child process of its own, with its own log, time limit and memory.

Training and generation never run in the caller's process: a crash, a leak or a
hang of theirs must not touch the run. ``tools.process.fork_server`` explains how a child
starts in milliseconds and why none outlives its caller.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tasks.errors import ExperimentFailed, HarnessFault, Interrupted, Stage
from tools.process.environment import child_environment
from tools.process.fork_server import PRELOAD
from tools.process.job import Job, cause_in, failure, lost
from tools.process.machine import cpu_count
from tools.process.prefork import JsonLines, ServerProcess
from tools.process.resident import STALL_SECONDS, Hung, Resident
from tools.process.root_cause import root_cause

START_SECONDS = 300.0
"""The longest wait for the imports of the fork server."""
END_SECONDS = 10.0
"""The longest wait for the end of a child that has closed its socket."""
INTERRUPTED_SECONDS = 2.0
"""What children have for their end when the run is interrupted, before they are killed."""
LEAST_SECONDS = 1.0
"""The least that a job is given where the run's time is up: enough to fail in order."""
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
        self._resident_lock = threading.Lock()
        self._resident: Resident | None = None
        self.limit: Callable[[], float] | None = None
        """Seconds that a job may take from now on, whatever its own limit: what the run's budget leaves."""
        self.interrupted = False

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
        *,
        resident: bool = False,
        all_devices: bool = False,
    ) -> dict[str, Any]:
        """``measure`` without the cost."""
        return self.measure(
            function, payload, timeout_seconds, log_path, stage, resident=resident, all_devices=all_devices
        )[0]

    def measure(
        self,
        function: str | Callable[[dict[str, Any]], dict[str, Any]],
        payload: Mapping[str, Any],
        timeout_seconds: float,
        log_path: Path,
        stage: Stage = "train",
        *,
        resident: bool = False,
        all_devices: bool = False,
    ) -> tuple[dict[str, Any], Usage]:
        """Calls ``function(payload)`` in a child; returns its JSON-plain result and what it cost.

        Args:
            function: a top-level function of an importable module, or its name ``module:function``,
                which spares the caller the module's imports.
            payload: its only argument, JSON-plain.
            timeout_seconds: from the child's start; afterwards its process group is killed. What the
                run's budget leaves (``limit``) may be less.
            log_path: takes the child's standard output and error.
            stage: the stage that a failure is reported under.
            resident: in the child that stays, with its models and its device (see
                ``tools.process.resident_child``), instead of a fresh one; a fresh one while it is busy.
            all_devices: a fresh child may use every GPU; others see the first alone.

        Raises:
            ExperimentFailed: ``timeout``, ``out_of_memory``, ``crashed``, or the function's own code.
            MachineFault: the child found the disk full.
            HarnessFault: the fork server cannot start.
            Interrupted: ``interrupt`` was called, before or meanwhile.
        """
        name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
        if self.limit is not None:
            timeout_seconds = max(LEAST_SECONDS, min(timeout_seconds, self.limit()))
        job = Job(name, dict(payload), log_path, stage, timeout_seconds)
        try:
            return self.do(job, resident, all_devices)
        except (ExperimentFailed, HarnessFault):
            if self.interrupted:  # the child did not fail by itself
                raise Interrupted from None
            raise

    def under_way(self, function: str, payload: Mapping[str, Any]) -> bool:
        """Whether this very call was begun ahead and is to be had; never here (``tools.process.placed``)."""
        return False

    def do(self, job: Job, resident: bool = False, all_devices: bool = False) -> tuple[dict[str, Any], Usage]:
        """One job, as ``measure`` has put it together; raises as it does."""
        try:
            return self._measured(job, resident, all_devices)
        finally:
            job.hold.off()

    def _measured(self, job: Job, resident: bool, all_devices: bool) -> tuple[dict[str, Any], Usage]:
        if resident and self._resident_lock.acquire(blocking=False):
            try:
                return self._in_resident(job)
            finally:
                self._resident_lock.release()
        with contextlib.closing(self._live_server().connect()) as connection:
            lines = self._begin(connection, job, all_devices)
            job.hold.on(partial(_end, connection))
            started = time.monotonic()
            try:
                result, error, end = _outcome(lines, started + job.timeout_seconds)
            except TimeoutError:
                raise self._late(connection, job) from None
            except ConnectionError:
                raise lost(job) from None
        if result is None or end["exit"] != 0:
            raise failure(job, int(end["exit"]), error)
        wall = time.monotonic() - started
        return result, Usage(wall, float(end["cpu_seconds"]), float(end["peak_gib"]))

    def _begin(
        self,
        connection: socket.socket,
        job: Job,
        all_devices: bool = False,
    ) -> JsonLines:
        """Sends the request of a child, and waits until it has started."""
        lines = JsonLines(connection.fileno(), connection.fileno())
        request = {
            "function": job.function,
            "payload": job.payload,
            "log_path": str(job.log_path.resolve()),
            "timeout_seconds": job.timeout_seconds if job.timeout_seconds < math.inf else None,
            "threads": self.threads,
            "all_devices": all_devices,
            "environment": _environment_now(self.environment),
            "sys_path": [entry for entry in sys.path if entry],
        }
        try:
            lines.send(request, START_SECONDS)
            _next(lines, START_SECONDS)
        except (TimeoutError, ConnectionError):
            raise self._live_server().fault() from None
        return lines

    @staticmethod
    def _late(connection: socket.socket, job: Job, hung: bool = False) -> ExperimentFailed:
        _kill(connection)
        if hung:
            message = f"the process hung: it used no processor for {STALL_SECONDS:.0f} s, and was killed"
            return ExperimentFailed(job.stage, "crashed", message, cause_in(job.log_path))
        message = f"killed after {job.timeout_seconds:.0f} s, its time limit"
        return ExperimentFailed(job.stage, "timeout", message, cause_in(job.log_path))

    def _in_resident(self, job: Job) -> tuple[dict[str, Any], Usage]:
        """The job in the child that stays; one that failed, hung or leaks is gone afterwards."""
        resident = self._resident or self._new_resident(job.log_path)
        self._resident = None  # until this job has ended well
        job.hold.on(partial(_end, resident.control))
        started = time.monotonic()
        request = {
            "function": job.function,
            "payload": job.payload,
            "log_path": str(job.log_path.resolve()),
            "timeout_seconds": job.timeout_seconds,
        }
        try:
            answer = resident.do(request, started + job.timeout_seconds)
        except TimeoutError as error:
            late = self._late(resident.control, job, isinstance(error, Hung))
            resident.close()
            raise late from None
        wall = time.monotonic() - started
        if answer is None or "result" not in answer:
            raise self._ended(resident, job, answer)
        usage = Usage(wall, float(answer["cpu_seconds"]), float(answer["peak_gib"]))
        job.hold.off()
        if resident.leaks or job.hold.cancelled:  # who was cancelled at the last moment may be dying
            resident.close()
        else:
            self._resident = resident
        return dict(answer["result"]), usage

    def _new_resident(self, log_path: Path) -> Resident:
        ours, theirs = socket.socketpair()
        with theirs:
            control = self._live_server().connect(theirs)
        self._begin(control, Job("tools.process.resident_child:serve", {}, log_path, "train", math.inf))
        resident = Resident(control, ours)
        weakref.finalize(self, resident.close)
        return resident

    @staticmethod
    def _ended(resident: Resident, job: Job, answer: dict[str, Any] | None) -> Exception:
        """Why the resident child is gone: its job's own error, or the end of its process."""
        lines = JsonLines(resident.control.fileno(), resident.control.fileno())
        try:
            if answer is not None:
                return failure(job, 0, answer["error"])
            _, error, end = _outcome(lines, time.monotonic() + END_SECONDS)
            return failure(job, int(end["exit"]), error)
        except (TimeoutError, ConnectionError):
            return lost(job)
        finally:
            resident.close()

    def _live_server(self) -> _Server:
        with self._lock:
            if self.interrupted:
                raise Interrupted
            if self._server is None or self._server.server.process.poll() is not None:
                self._server = _Server(self.environment, self._preload)
                weakref.finalize(self, self._server.stop)
            return self._server

    def interrupt(self) -> None:
        """Ends every child and returns at once; whoever waits for one gets ``Interrupted``, now and later.

        The sockets of a job in hand stay open: its end reaches whoever waits at them. Safe in a signal
        handler.
        """
        self.interrupted = True
        if (server := self._server) is not None:
            threading.Thread(target=server.end, daemon=True).start()

    def close(self) -> None:
        """Ends the fork server and whatever still runs."""
        if self._resident is not None:
            self._resident.close()
            self._resident = None
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None


class _Server:
    """The fork server's process and the control socket to it."""

    def __init__(self, environment: Mapping[str, str], preload: tuple[str, ...]) -> None:
        ours, theirs = socket.socketpair()
        self.control = ours
        with theirs:
            self.server = ServerProcess(
                # -P: a folder called `tools` in the user's working directory must not shadow ours
                [sys.executable, "-P", "-m", "tools.process.fork_server", str(theirs.fileno()), *preload],
                _environment_now(environment),
                pass_fds=(theirs.fileno(),),
            )

    def connect(self, jobs: socket.socket | None = None) -> socket.socket:
        """A connection for one job, which lives as long as the connection; ``jobs`` is handed to it."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                handed = [theirs.fileno()] + ([jobs.fileno()] if jobs is not None else [])
                socket.send_fds(self.control, [b"j"], handed)
        except OSError as error:
            ours.close()
            raise self.fault() from error
        return ours

    def fault(self) -> HarnessFault:
        """Why the server is not there any more."""
        cause = root_cause(self.server.printed())
        return HarnessFault(f"the training process could not start: {cause or 'it ended without a message'}")

    def end(self) -> None:
        """Lets the server kill its children and end, or kills it with them; its sockets stay open."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)
        try:
            self.server.process.wait(INTERRUPTED_SECONDS)
        except subprocess.TimeoutExpired:
            self.server.kill()

    def stop(self) -> None:
        """Closes the control socket, at which the server kills its children and ends."""
        self.control.close()
        self.server.stop(5.0)  # one that still imports does not read the socket yet


def _environment_now(own: Mapping[str, str]) -> dict[str, str]:
    """Of a child that begins now, its own children included."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *(entry for entry in sys.path if entry)]
    return child_environment(os.environ, {**own, "PYTHONPATH": os.pathsep.join(paths)})


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


def _end(connection: socket.socket) -> None:
    """Tells the server to kill the job's process group; whoever waits for the job hears of it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _kill(connection: socket.socket) -> None:
    """Tells the server to kill the job's process group, and waits until it is gone."""
    _end(connection)
    connection.settimeout(10.0)
    with contextlib.suppress(OSError):
        while connection.recv(1 << 16):
            pass
