"""Runs scripts of the tests' own without isolation, for trusted code only: a process forked for each.

The forks are those of a small server, this file run as a program, that has loaded the
slow libraries and drawn a chart; forks of the test process itself would cost far more.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.base import Script, ScriptResult


def run_all(scripts: Sequence[Script], wall_seconds: float = 10.0) -> list[ScriptResult]:
    """One process a script, one after the other, in a folder of its own."""
    return [_run(script, wall_seconds) for script in scripts]


def _run(script: Script, wall_seconds: float) -> ScriptResult:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        for name, text in script.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        started = time.monotonic()
        request = json.dumps({"code": script.code, "folder": folder, "seconds": wall_seconds})
        server.stdin.write(f"{request}\n")
        server.stdin.flush()
        status = json.loads(server.stdout.readline())
        written = Path(folder) / "result.json"
        returned = written.read_text(encoding="utf-8") if written.exists() else ""
    return ScriptResult(status, returned=returned, wall_seconds=time.monotonic() - started)


@functools.cache
def _server() -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    server = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "Agg"},
    )
    atexit.register(server.communicate)  # closes its input, upon which it ends
    return server


def serve() -> None:
    """Answers each request line with a status line."""
    import matplotlib.pyplot as plt
    import pandas as pd

    pd.DataFrame({"x": [1, 2]}).plot(kind="bar")
    plt.close("all")
    for line in sys.stdin:
        request = json.loads(line)
        deadline = time.monotonic() + request["seconds"]
        child = os.fork()
        if child == 0:
            _become(request)
        sys.stdout.write(f"{json.dumps(_status(_wait(child, deadline)))}\n")
        sys.stdout.flush()


def _become(request: dict[str, Any]) -> None:
    left = 1
    try:
        os.chdir(request["folder"])
        silent = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silent, descriptor)
        exec(compile(request["code"], "script.py", "exec"), {"__name__": "__main__"})
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


def _status(exit_status: int | None) -> str:
    if exit_status is None:
        return "timeout"
    code = os.waitstatus_to_exitcode(exit_status)
    return "ok" if code == 0 else "killed" if code < 0 else "error"


if __name__ == "__main__":
    serve()
