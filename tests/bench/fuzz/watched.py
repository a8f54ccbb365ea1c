"""Watched input: the one under way, in memory that outlives the process which it kills."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

SIZE = 1 << 20
HEAD = struct.Struct("<QQ")


class Watched:
    """A shared page with the number of inputs so far and the present one.

    Args:
        path: the file behind it; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), SIZE)

    def put(self, count: int, content: bytes) -> None:
        """Note the input that is about to be tried."""
        kept = content[: SIZE - HEAD.size]
        self._page[: HEAD.size] = HEAD.pack(count, len(kept))
        self._page[HEAD.size : HEAD.size + len(kept)] = kept

    def get(self) -> tuple[int, bytes]:
        """(inputs so far, the last one)."""
        count, length = HEAD.unpack(self._page[: HEAD.size])
        return count, bytes(self._page[HEAD.size : HEAD.size + length])
