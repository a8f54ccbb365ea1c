"""Header of a GGUF file, walked before anything is started that would believe it.

The format (ggml-org/ggml, docs/gguf.md): magic, version, number of tensors, number of key-value pairs, then
the pairs and a description of each tensor. All numbers are little-endian. Nothing is kept: the walk says that
every length lies within the file.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from tasks.errors import InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_PAIRS, MOST_TENSORS, MOST_ITEMS = 100_000, 1_000_000, 50_000_000
MOST_DIMENSIONS, MOST_NAME_BYTES = 8, 65_535
STRING, ARRAY = 8, 9
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Type of a value -> its bytes, but for texts and arrays."""


def check_header(file: Path) -> None:
    """Walk the header.

    Raises:
        InputError: it is no GGUF header, or says of itself what the file does not hold.
    """
    try:
        with file.open("rb") as content:
            _walk(content, file.stat().st_size)
    except (ValueError, struct.error) as error:
        said = str(error) if isinstance(error, ValueError) else "it ends in the middle"
        raise InputError(str(file), f"not a GGUF file: {said}", "copy the file again") from error
    except OSError as error:
        raise InputError(
            str(file), f"it cannot be read: {error.strerror}", "check the file and its rights"
        ) from error


def _walk(content: BinaryIO, size: int) -> None:
    if content.read(4) != MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, tensors, pairs = _numbers(content, "<IQQ")
    if version not in VERSIONS:
        raise ValueError(f"version {version} of the format, and {VERSIONS[0]} and {VERSIONS[1]} are known")
    if tensors > MOST_TENSORS or pairs > MOST_PAIRS:
        raise ValueError(f"a header of {tensors:,} tensors and {pairs:,} pairs")
    for _ in range(pairs):
        _skip_text(content, size, MOST_NAME_BYTES)
        (kind,) = _numbers(content, "<I")
        _skip_value(content, size, kind)
    for _ in range(tensors):
        _skip_text(content, size, MOST_NAME_BYTES)
        (dimensions,) = _numbers(content, "<I")
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"a tensor of {dimensions:,} dimensions")
        _skip(content, size, 8 * dimensions + 4 + 8)


def _skip_value(content: BinaryIO, size: int, kind: int) -> None:
    if kind == STRING:
        _skip_text(content, size, size)
    elif kind == ARRAY:
        inner, items = _numbers(content, "<IQ")
        if items > MOST_ITEMS:
            raise ValueError(f"a list of {items:,} values")
        if inner in WIDTHS:
            _skip(content, size, WIDTHS[inner] * items)
        elif inner == STRING:
            for _ in range(items):
                _skip_text(content, size, size)
        else:
            raise ValueError("a list of lists or of an unknown type")
    elif kind in WIDTHS:
        _skip(content, size, WIDTHS[kind])
    else:
        raise ValueError(f"a value of the unknown type {kind}")


def _skip_text(content: BinaryIO, size: int, most: int) -> None:
    (length,) = _numbers(content, "<Q")
    if length > most:
        raise ValueError(f"a text of {length:,} bytes")
    _skip(content, size, length)


def _skip(content: BinaryIO, size: int, length: int) -> None:
    if content.tell() + length > size:
        raise ValueError("it ends in the middle")
    content.seek(length, 1)


def _numbers(content: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, content.read(struct.calcsize(form)))
