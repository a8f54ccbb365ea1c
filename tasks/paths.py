"""Paths that somebody wrote, among names that may be something else: an id, a task, a run."""

from __future__ import annotations

from pathlib import Path


def existing(name: str | Path) -> Path | None:
    """The path of that name, ``~`` opened, where something is there; None for all else, whatever it is."""
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long; no such user's home; what no file can be called
        return None
