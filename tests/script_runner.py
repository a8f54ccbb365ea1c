"""Runs scripts of the tests' own in forked children, without isolation: for trusted code only."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tasks.base import Script, ScriptResult


def run_all(scripts: Sequence[Script], wall_seconds: float = 10.0) -> list[ScriptResult]:
    """One child a script, one after the other, in a folder of its own."""
    import matplotlib.pyplot  # noqa: F401  once here, so that no child pays for it
    import pandas  # noqa: F401

    return [_run(script, wall_seconds) for script in scripts]


def _run(script: Script, wall_seconds: float) -> ScriptResult:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in script.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _become(script.code, folder)
        status = _wait(child, started + wall_seconds)
        written = Path(folder) / "result.json"
        returned = written.read_text(encoding="utf-8") if written.exists() else ""
        seconds = time.monotonic() - started
    if status is None:
        return ScriptResult("timeout", returned=returned, wall_seconds=seconds)
    code = os.waitstatus_to_exitcode(status)
    return ScriptResult(
        "ok" if code == 0 else "killed" if code < 0 else "error", returned=returned, wall_seconds=seconds
    )


def _become(code: str, folder: str) -> None:
    left = 1
    try:
        os.chdir(folder)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        exec(compile(code, "script.py", "exec"), {"__name__": "__main__"})
        left = 0
    finally:
        os._exit(left)


def _wait(child: int, deadline: float) -> int | None:
    """The exit status; None, and the child gone, when the deadline passed."""
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
