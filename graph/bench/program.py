"""A program in the agent's seat: ``mcp:COMMAND`` is started against the MCP door of a run of its own.

``ftdojo mcp --http`` opens the run on loopback; the program finds its address and its token in its
environment (``FTDOJO_MCP_URL``, ``FTDOJO_MCP_TOKEN``). The run's clock counts from the opening, so the
program's own time is the run's. It works in the folder that the bench was started in. When it ends, or its
time is up, what it started is ended too, and a run that it has not submitted is submitted as it stands.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from graph.doors.seat import reopen_seat
from graph.extras import require
from graph.policy_names import COMMAND
from graph.settings import RunSettings
from graph.unchanged import SUMMARY
from tasks.errors import HarnessFault, InputError

URL_VARIABLE, TOKEN_VARIABLE = "FTDOJO_MCP_URL", "FTDOJO_MCP_TOKEN"
GRACE_SECONDS = 60.0
"""Behind its budget, what a program gets to end by itself: its last verb may be the final test."""
CLOSING_SECONDS = 30.0
LOG_FILE = "program.log"
SERVING = "serving "
"""How the door's line with its address begins."""


def require_door() -> None:
    """Refuse where what the door needs is not installed.

    Raises:
        InputError: it is not.
    """
    require(f"--policy {COMMAND}COMMAND", "mcp")


def play_program(command: str, settings: RunSettings, run_dir: Path | None, door: Sequence[str] = ()) -> None:
    """Let a program play a run from its opening to its end.

    Args:
        command: as a shell would split it; no shell runs it.
        settings: of the run; its folder of runs gets the run.
        run_dir: a run that the program left, to go on with.
        door: the command of the door, in place of ``ftdojo mcp``.

    Raises:
        InputError: the program cannot be started.
        HarnessFault: the door does not open.
    """
    folder = Path(settings.runs_dir)
    folder.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    opened = os.environ | {TOKEN_VARIABLE: token}
    served = _start(door or _door(settings, run_dir), opened, subprocess.PIPE)
    try:
        url = _address(served)
        drained = _drain(served)
        own = os.environ | {URL_VARIABLE: url, TOKEN_VARIABLE: token}
        with (folder / LOG_FILE).open("ab") as log:
            program = _start(shlex.split(command), own, log)
            try:
                program.wait(settings.budget_seconds + GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass  # its time is up
            finally:
                _end(program, signal.SIGTERM)
        _end(served, signal.SIGINT)
        drained.join()
    finally:
        if served.poll() is None:
            _end(served, signal.SIGINT)
        if served.stderr is not None:
            served.stderr.close()


def submit(run_dir: Path) -> None:
    """Submit a run that its program has left, as it stands.

    Raises:
        HarnessFault: it cannot be ended in order.
    """
    try:
        seat = reopen_seat(run_dir)
    except InputError:
        if (run_dir / SUMMARY).exists():
            return  # it had ended, and what was still to be told of it is told now
        raise
    with seat:
        under_way = seat.journal.unfinished()
        if under_way is not None:
            seat.call("finish_experiment", experiment=under_way)
        seat.call("submit")


def _door(settings: RunSettings, run_dir: Path | None) -> list[str]:
    started = [sys.executable, "-m", "graph", "mcp", "--http", "--runs-dir", settings.runs_dir]
    if run_dir is not None:
        return [*started, "--memory", settings.memory, "--run", str(run_dir)]
    given = {
        "--task": settings.task,
        "--budget": f"{settings.budget_seconds:g}s",
        "--base-model": settings.base_model,
        "--edition": settings.edition,
        "--seed": str(settings.seed),
        "--memory": settings.memory,
    }
    if settings.max_rows is not None:
        given["--max-rows"] = str(settings.max_rows)
    return [*started, *(word for pair in given.items() for word in pair)]


def _start(
    command: Sequence[str], environment: Mapping[str, str], errors: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if errors is subprocess.PIPE else errors,
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(
            f"{COMMAND}{shlex.join(command)}", f"cannot be started ({error.strerror})", "check it"
        ) from None


def _address(door: subprocess.Popen[bytes]) -> str:
    """The address in the door's line; what it said before is its error where there is none."""
    assert door.stderr is not None
    said: list[str] = []
    for line in door.stderr:
        said.append(line.decode("utf-8", "replace").strip())
        if said[-1].startswith(SERVING):
            return said[-1].removeprefix(SERVING).partition(";")[0]
    raise HarnessFault(f"the MCP door does not open: {' '.join(said[-3:]) or 'it said nothing'}")


def _drain(door: subprocess.Popen[bytes]) -> threading.Thread:
    """Read on, so that a door that says much is not held up."""
    stream = door.stderr
    assert stream is not None
    thread = threading.Thread(target=lambda: [None for _ in stream], daemon=True)
    thread.start()
    return thread


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End a process and all that it started: in order, then by force."""
    for each in (how, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, each)
        try:
            process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        if each is not signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind
        return
