"""Calls of a run: what was asked of its verbs and what they answered, one a line, refusals as well.

The journal holds what was done; this file, beside it, what an agent said and was told. Trajectories are
made of it (``tools.verbs.trajectory``). It holds no more than the agent saw.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.errors import or_fault
from tools.toolkit.answers import with_new_names
from tools.verbs.answer import Answer

FILE = "calls.jsonl"
ARGUMENT_CHARACTERS = 30_000
"""Of one call's arguments that are kept; what is longer was refused."""


class Calls:
    """The file in a run's folder."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FILE
        self._lock = threading.Lock()
        self.count = sum(1 for _ in read_calls(run_dir))

    def write(self, arguments: Mapping[str, Any], answer: Answer) -> None:
        """Add one call.

        Raises:
            HarnessFault: the file cannot be written.
        """
        asked = json.dumps(arguments, ensure_ascii=False, default=str)
        kept = json.loads(asked) if len(asked) <= ARGUMENT_CHARACTERS else {"left_out": len(asked)}
        line = {"arguments": kept, **answer.plain()}
        with self._lock, or_fault("the file of calls"), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.count += 1


def read_calls(run_dir: Path) -> Iterator[dict[str, Any]]:
    """The calls in order; a last line that a kill cut is left out, and so is a line that is no call."""
    path = run_dir / FILE
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.endswith("\n") and (call := _call_in(line)) is not None:
                yield call


def _call_in(line: str) -> dict[str, Any] | None:
    try:
        call = json.loads(line)
    except (ValueError, RecursionError):
        return None
    fitting = isinstance(call, dict) and isinstance(call.get("arguments"), dict)
    if not fitting or not all(isinstance(call.get(name), str) for name in ("verb", "text")):
        return None
    return {**call, "arguments": with_new_names(call["verb"], call["arguments"])}
