"""Evidence in a journal: digests of what a run rests on, and of every file that its figures come from.

An event of kind ``evidence`` says what it is ``about`` and holds either ``files`` (path within the run's
folder -> SHA-256) or a ``digest`` with the ``parts`` it was made of. The latest word on a file or a subject
stands: what a resumed run writes again is recorded again. A person who goes on although something changed
leaves a mark (``accepted_changes``) that no later line takes away.
"""

from __future__ import annotations

from typing import Any

from memory.journal.history import History

ACCEPTED = "accepted_changes"
"""Key of the note under which a person went on although something had changed."""


def files_on_record(history: History) -> dict[str, str]:
    """SHA-256 by path within the run's folder, as last recorded."""
    found: dict[str, str] = {}
    for event in history.events:
        if event.kind == "evidence":
            found |= event.data.get("files") or {}
    return found


def subjects_on_record(history: History) -> dict[str, dict[str, Any]]:
    """What was recorded of what the run rests on (code, task, base...), by subject, as last recorded."""
    return {
        str(event.data["about"]): event.data
        for event in history.events
        if event.kind == "evidence" and "digest" in event.data
    }


def accepted_changes(history: History) -> tuple[str, ...]:
    """What had changed when a person let the run go on, a line each; mostly none."""
    noted = (event.data.get(ACCEPTED) for event in history.events if event.kind == "note")
    return tuple(str(line) for lines in noted if isinstance(lines, list) for line in lines)
