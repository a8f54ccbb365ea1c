"""Digests of large files, remembered across runs by path, size, times and inode.

Weights of many gigabytes are read once and not with every run. A file whose content was changed has another
change time, which no ordinary call sets back; a verification reads everything again all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from tasks.official.files import sha256_of

LARGE_BYTES = 16 * 1024 * 1024
"""Smaller files are read each time: that is quicker than to remember them."""
MOST_REMEMBERED = 500


class FileDigests:
    """SHA-256 of files.

    Args:
        memory: the file in which digests of large files are kept; None reads every byte.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._memory = memory
        self._known = _read(memory) if memory else {}

    def of(self, path: Path) -> str:
        """The digest of a file's bytes.

        Raises:
            OSError: it cannot be read.
        """
        state = path.stat()
        if self._memory is None or state.st_size < LARGE_BYTES:
            return sha256_of(path)
        times = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev)
        key = f"{path.resolve()} {' '.join(map(str, times))}"
        if key not in self._known:
            self._known[key] = sha256_of(path)
            self._keep()
        return self._known[key]

    def _keep(self) -> None:
        """A place that cannot be written remembers nothing: the next run reads the file again."""
        if self._memory is None:
            return
        with contextlib.suppress(OSError):
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            new = self._memory.with_suffix(f".{os.getpid()}.new")
            new.write_text(json.dumps(dict(list(self._known.items())[-MOST_REMEMBERED:])), encoding="utf-8")
            new.replace(self._memory)


def _read(memory: Path) -> dict[str, str]:
    try:
        held = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, dict) else {}
