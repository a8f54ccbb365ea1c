"""Unpacking what somebody compressed: how much may come out of one file.

A kilobyte of deflate can hold a megabyte of zeros, and of newer methods far more: a small file could fill
the memory or the disk of whoever opens it. What comes out is counted while it comes, since a file can say
anything of itself beforehand.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from tasks.errors import InputError

ALWAYS = 1_000_000_000
"""Bytes that any file may hold, however small it is."""
MOST_TIMES = 100
"""How many times its own size a larger one may hold: text comes to 3 to 20 times, the same rows over and over
to 50."""


class Allowance:
    """The bytes that one file may still unpack to."""

    def __init__(self, path: Path, fix: str) -> None:
        self._path, self._fix = path, fix
        self.most = max(ALWAYS, MOST_TIMES * path.stat().st_size)
        self._taken = 0

    def take(self, size: int) -> None:
        """Count ``size`` more bytes.

        Raises:
            InputError: they are too many.
        """
        self._taken += size
        if self._taken > self.most:
            wrong = f"it unpacks to over {self.most / 1e9:,.3g} GB, more than {MOST_TIMES} times its own size"
            raise InputError(str(self._path), wrong, self._fix)


def counted(unpacked: IO[bytes], allowance: Allowance) -> IO[bytes]:
    """The same bytes, to be read once from their start; reading on past the allowance raises InputError."""
    return io.BufferedReader(_Counted(unpacked, allowance), 1 << 17)


class _Counted(io.RawIOBase):
    def __init__(self, unpacked: IO[bytes], allowance: Allowance) -> None:
        self._unpacked, self._allowance = unpacked, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        content = self._unpacked.read(len(buffer))
        self._allowance.take(len(content))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._unpacked.close()
        super().close()
