"""Text files as bytes of UTF-8: decompressed where they are gzip, recoded where they are UTF-16 or UTF-32."""

from __future__ import annotations

import codecs
import gzip
import io
from pathlib import Path
from typing import IO, cast

from tasks.errors import InputError
from tasks.unpacking import Allowance, counted

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def open_binary(path: Path) -> IO[bytes]:
    """Bytes of UTF-8, perhaps with a byte order mark.

    Raises InputError where the file cannot be opened, and in reading, where gzip holds too much.
    """
    encoding = encoding_of(path)
    raw = _raw(path)
    if encoding.startswith("utf-8"):
        return raw
    with raw:
        try:
            return io.BytesIO(raw.read().decode(encoding).encode("utf-8"))
        except UnicodeError as error:
            raise InputError(str(path), f"it is no clean {encoding} text", "save it as UTF-8") from error


def open_text(path: Path) -> IO[str]:
    """Text with its line ends as written; bytes that are no UTF-8 become U+FFFD."""
    return io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="replace", newline="\n")


def encoding_of(path: Path) -> str:
    """By its byte order mark, or by zero bytes where a Latin text has them in UTF-16; else UTF-8."""
    with _raw(path) as file:
        head = file.read(512)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if len(head) > 3 and head[1] == 0 and head[3] == 0:
        return "utf-16-le"
    return "utf-16-be" if len(head) > 3 and head[0] == 0 and head[2] == 0 else "utf-8"


def _raw(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if not packed:
            return path.open("rb")
        return counted(cast(IO[bytes], gzip.open(path, "rb")), Allowance(path, "unpack it, or split it"))
    except OSError as error:
        raise InputError(
            str(path), f"it cannot be read: {error.strerror}", "check the file and its rights"
        ) from error
