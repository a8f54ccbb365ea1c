"""Links in a task folder: one that leaves the folder is refused, for its text would travel.

Rows are trained on, cards and settings are shown to language models: a folder that somebody else made must
not pick up a private file by pointing at it.
"""

from __future__ import annotations

from pathlib import Path

from tasks.errors import InputError

LEAVES = "a link that leaves the folder"


def leaves(path: Path, folder: Path) -> bool:
    """Whether something below a folder is, or stands behind, a link to a place outside of it."""
    return not path.resolve().is_relative_to(folder.resolve())


def refuse_link_out(path: Path, folder: Path) -> Path:
    """The path, where it stays in its folder.

    Raises:
        InputError: it leaves the folder.
    """
    if leaves(path, folder):
        raise InputError(str(path), f"it is {LEAVES}", "put the file itself there")
    return path
