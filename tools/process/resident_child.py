"""Resident child: one process that does job after job, so that a model and a device stay loaded.

Its first request comes as for any other child (``tools.process.fork_server``); it gets a second socket,
over which it says ``{"pid"}``, the jobs come, ``{"function", "payload", "log_path", "timeout_seconds"}``, and
their results go back, ``{"result": ..., "cpu_seconds", "peak_gib", "held_gib"}``. It ends with the
socket, and after a job that failed: what a failure leaves in memory is nobody's business to clean up.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from tools.process import time_limit
from tools.process.allocator import trim
from tools.process.fork_server import describe, find_function, redirect
from tools.process.machine import held_gib, peak_gib_since, reset_peak
from tools.process.prefork import JsonLines


def serve(payload: dict[str, Any]) -> dict[str, Any]:
    """Does the jobs that come over the socket ``payload["descriptor"]`` until it ends; says how many."""
    connection = socket.socket(fileno=int(payload["descriptor"]))
    lines = JsonLines(connection.fileno(), connection.fileno())
    lines.send({"pid": os.getpid()})
    jobs = 0
    while (request := lines.receive()) is not None:
        answer, failed = _do(request)
        lines.send(answer)
        if failed:
            break
        jobs += 1
    return {"jobs": jobs}


def _do(request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    redirect(Path(request["log_path"]))
    reset_peak()
    before = _cpu_seconds()
    try:
        time_limit.begin(request["timeout_seconds"])
        answer: dict[str, Any] = {"result": find_function(request["function"])(request["payload"])}
        json.dumps(answer)  # a result that is no JSON is an error of the function's
        failed = False
    except Exception as error:
        traceback.print_exc()
        answer, failed = {"error": describe(error)}, True
    sys.stdout.flush()
    sys.stderr.flush()
    peak = peak_gib_since()
    _give_back()
    return answer | {
        "cpu_seconds": _cpu_seconds() - before,
        "peak_gib": peak,
        "held_gib": held_gib(),
    }, failed


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _give_back() -> None:
    """Frees what the job no longer holds: cycles of objects, the heap's holes, the cache of the device."""
    gc.collect()
    trim()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
