"""Folder in which an agent leaves files for the run: the one place from which a verb reads what it wrote.

A name is a plain relative path; links, devices and whatever lies outside are refused before they are opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from tasks.errors import InputError
from tools.chat.untrusted_text import one_line

MOST_BYTES = 80_000
"""Of one file: a script of 20,000 characters in any writing."""
SUFFIXES = (".py", ".txt", ".json")


class AgentFolder:
    """The folder, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def read_text(self, name: str) -> str:
        """A file of the folder as text.

        Raises:
            InputError: outside the folder, a link, no plain file, too long, or not UTF-8.
        """
        parts = PurePosixPath(name).parts
        shown, fix = (
            f"file {one_line(name, 120)!r}",
            "name a file inside the agent's folder, such as clean.py",
        )
        if not parts or name.startswith("/") or "\\" in name or ".." in parts or "\0" in name:
            raise InputError(shown, "is not inside the agent's folder", fix)
        if not name.endswith(SUFFIXES):
            raise InputError(shown, "is not read", f"its name ends in {', '.join(SUFFIXES)}")
        content = self._content(parts, shown)
        try:
            return content.decode("utf-8-sig")  # some editors begin a file with a mark
        except UnicodeDecodeError:
            raise InputError(shown, "is not UTF-8", "write it as UTF-8") from None

    def _content(self, parts: tuple[str, ...], shown: str) -> bytes:
        """Opened folder by folder, so that no link is followed and none can be put there in between."""
        folder = -1
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            folder = os.open(self.path, flags | os.O_DIRECTORY)
            for part in parts[:-1]:
                below = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = below
            file = os.open(parts[-1], flags, dir_fd=folder)
        except OSError as error:
            wrong = f"cannot be read ({error.strerror or 'a link'})"
            raise InputError(
                shown, wrong, "write it into the agent's folder; links are not followed"
            ) from None
        finally:
            if folder >= 0:
                os.close(folder)
        try:  # os.fdopen would fail at a folder, and leave it open
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise InputError(shown, "is no plain file", "write it anew into the agent's folder")
            if found.st_size > MOST_BYTES:
                raise InputError(shown, f"holds {found.st_size:,} bytes", f"at most {MOST_BYTES:,}")
            with os.fdopen(file, "rb", closefd=False) as opened:
                return opened.read(MOST_BYTES)
        finally:
            os.close(file)
