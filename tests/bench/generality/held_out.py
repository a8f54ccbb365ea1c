"""The held-out half of the suite, and the record of every time that it was opened.

Rules of the product may be written with the open half in view. The held-out half answers whether they hold
elsewhere, and does so only as long as nobody looks: not at its folders, not at runs on them, not at the code
of its kinds and faults, while a rule is being written. Whoever runs it is entered into ``openings.jsonl``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

HELD_OUT_TASKS = frozenset(
    {"polite", "bookings", "entities", "functions", "intents", "measures", "phones"},
)
HELD_OUT_FAULTS = frozenset(
    {
        "one_class",
        "shifted_rows",
        "off_by_one",
        "rounded",
        "other_language",
        "stale_scheme",
        "other_field",
        "chatty",
        "empty_answers",
        "transposed",
        "wrong_encoding",
        "lost_end",
        "swapped_columns",
        "masked",
        "near_duplicates",
        "mixed_tasks",
        "contradictions",
    }
)
"""The others came up, or came close to what came up, in folders that rules were written after."""
OPENINGS = Path(__file__).with_name("openings.jsonl")


def is_held_out(task: str) -> bool:
    """Whether a folder belongs to the half that is not looked at."""
    return task in HELD_OUT_TASKS


def record_opening(
    tasks: Iterable[str], seeds: Iterable[int], parts: Sequence[str], file: Path | None = None
) -> bool:
    """Append a line where any of the tasks is held out: date, commit, tasks, seeds and parts.

    Returns:
        Whether there was one.
    """
    file = file or OPENINGS
    opened = sorted(set(tasks) & HELD_OUT_TASKS)
    if not opened:
        return False
    line = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "tasks": opened,
        "seeds": sorted(seeds),
        "parts": list(parts),
    }
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    return True


def openings(file: Path | None = None) -> list[dict[str, object]]:
    """Every opening so far, oldest first."""
    file = file or OPENINGS
    return (
        [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    )


def commit() -> str:
    """The commit of this checkout, with a ``+`` where something but the record itself is changed."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        ran = subprocess.run(("git", *words), cwd=here, capture_output=True, text=True, check=False)
        return ran.stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", ":/", f":(exclude,top){_in_repository()}")
    return (head or "unknown") + ("+" if changed else "")


def _in_repository() -> str:
    return "tests/bench/generality/openings.jsonl"
