"""Runs inside the sandbox: applies a role's ``transform(row)`` to the rows beside it.

The folder holds ``transform.py`` (the role's code) and ``rows.json``:
``{"seed", "row_seconds", "enough_characters", "rows": [{"prompt", "answer", "source"}, ...]}``.
What comes of it is ``result.json``:

    {"outputs": [[{...}, ...], ...]}          per row, from the first on; stops early when it grows large
    {"failed": {"error", "line", "text", "row", "then"}}    the first cause, and where it arose
    {"at": 17}                                left by a process that was ended while at that row

Standalone: it imports nothing of the project, for the sandbox shows it none.
"""

from __future__ import annotations

import json
import linecache
import os
import random
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

CODE = "transform.py"
RESULT = "result.json"
MESSAGE = 400

_dump, _exit = json.dumps, os._exit


class OneRowTooLong(BaseException):
    """Not an ``Exception``: a script's own ``except Exception`` must not swallow it."""


def main() -> None:
    """Writes ``result.json``, whatever the code does short of ending the process."""
    with open("rows.json", encoding="utf-8") as file:
        task = json.load(file)
    with open(CODE, encoding="utf-8") as file:
        code = file.read()
    signal.signal(signal.SIGALRM, _too_long)
    transform, failed = _load(code, task["row_seconds"])
    if transform is None:
        _write({"failed": failed})
        return
    _write(_apply(transform, task))


def _load(code: str, seconds: float) -> tuple[Callable[[dict[str, str]], Any] | None, dict[str, Any]]:
    linecache.cache[CODE] = (len(code), None, code.splitlines(keepends=True), CODE)
    namespace: dict[str, Any] = {"__name__": "transform"}
    _write({"at": None})
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        exec(compile(code, CODE, "exec", dont_inherit=True), namespace)
    except BaseException as error:
        return None, _cause(error, None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    found = namespace.get("transform")
    if not callable(found):
        return None, {"error": "NameError: the code defines no function transform(row)", "row": None}
    return found, {}


def _apply(transform: Callable[[dict[str, str]], Any], task: dict[str, Any]) -> dict[str, Any]:
    """Row by row; each has so many seconds, then the script hears of it where it stands."""
    seed, seconds, enough = task["seed"], task["row_seconds"], task["enough_characters"]
    outputs: list[Any] = []
    size = 0
    for position, row in enumerate(task["rows"]):
        _write({"at": position})
        # Seeded anew for each row: what a row becomes does not depend on the rows before it.
        random.seed(f"{seed} {row['source']} {row['prompt']}")
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed(random.getrandbits(32))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            given = transform(dict(row))
            listed = [] if given is None else [given] if isinstance(given, dict) else given
            # Only lists, so that a generator without an end is not run to it.
            size += len(_dump(listed, ensure_ascii=False))
        except BaseException as error:
            return {"failed": _cause(error, position)}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        outputs.append(listed)
        if size > enough:
            break
    return {"outputs": outputs}


def _cause(error: BaseException, row: int | None) -> dict[str, Any]:
    """The first exception of a chain, with the last line of the script that it went through."""
    first, seen = error, {id(error)}
    while (
        before := first.__cause__ or (None if first.__suppress_context__ else first.__context__)
    ) is not None:
        if id(before) in seen:
            break
        seen.add(id(before))
        first = before
    line = _line(first.__traceback__)
    if isinstance(first, SyntaxError) and first.filename == CODE:
        line = first.lineno
    return {
        "error": _said(first),
        "line": line,
        "text": linecache.getline(CODE, line).strip()[:200] if line else "",
        "row": row,
        "then": "" if first is error else _said(error),
    }


def _said(error: BaseException) -> str:
    name = "TimeoutError" if isinstance(error, OneRowTooLong) else type(error).__name__
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException as again:  # an exception of the script's own may not even be able to say what it is
        message = f"(its message raises {type(again).__name__})"
    return f"{name}: {message}"[:MESSAGE] if message else name


def _line(trace: TracebackType | None) -> int | None:
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CODE:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _too_long(number: int, frame: FrameType | None) -> None:
    raise OneRowTooLong("one row, or the code outside transform, takes too long")


def _write(result: dict[str, Any]) -> None:
    with open(RESULT, "w", encoding="utf-8", errors="replace") as file:
        file.write(_dump(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
