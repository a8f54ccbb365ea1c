"""Log of a run, ``log.jsonl`` in its folder: one JSON line for each thing that happened.

    {"time": "2026-01-31T10:15:02.114+00:00", "level": "info", "run": "aime25-s0-...", "experiment": "e01",
     "event": "step_ended", "step": "train", "seconds": 41.2}

It tells a developer and a log collector what the journal does not keep: when each step of the graph began and
ended, what was announced, what failed. The journal stays the truth, and nothing reads this file back. A line
holds figures and short texts, no rows, and nothing that looks like a credential. The same lines go to the
logger ``ftdojo`` of the standard library, which ``ftdojo --verbose`` shows on standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.credentials import cleared

LOG_FILE = "log.jsonl"
LONGEST_TEXT = 500
SHORT_TEXT = 100
"""Of a fact beside the text: a name, a method, a code."""
NOT_KEPT = frozenset({"progress"})
"""Events that come once a second: the file of their training has them."""
LOGGER = logging.getLogger("ftdojo")
LOGGER.addHandler(logging.NullHandler())


def log(
    run_dir: Path,
    event: str,
    experiment: str | None = None,
    text: str = "",
    facts: Mapping[str, Any] | None = None,
    level: int = logging.INFO,
) -> None:
    """Write one line. A folder that cannot be written loses it: the log must not stop what it tells of.

    Args:
        run_dir: the run's folder; its name is the run's id.
        event: what kind of thing happened.
        experiment: to which experiment it belongs.
        text: what happened, in words.
        facts: further fields; of those, figures and short texts are kept.
        level: of the standard library.
    """
    line = json.dumps(_line(run_dir.name, event, experiment, text, facts or {}, level), ensure_ascii=True)
    LOGGER.log(level, line)
    if event not in NOT_KEPT:
        with suppress(OSError):
            fd = os.open(run_dir / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(fd, f"{line}\n".encode())
            finally:
                os.close(fd)


def show_log() -> None:
    """Every line on standard error as well, as it is written."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)


def _line(
    run: str, event: str, experiment: str | None, text: str, facts: Mapping[str, Any], level: int
) -> dict[str, Any]:
    head: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": logging.getLevelName(level).lower(),
        "run": run,
        "experiment": experiment,
        "event": event,
    }
    plain = {name: value for name, value in facts.items() if name not in (*head, "text") and _is_short(value)}
    words = " ".join(text.split())
    cut = words if len(words) <= LONGEST_TEXT else words[: LONGEST_TEXT - 1] + "…"
    told: dict[str, Any] = cleared(({"text": cut} if cut else {}) | plain)
    return head | told


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= SHORT_TEXT
    return value is None or isinstance(value, bool | int | float)
