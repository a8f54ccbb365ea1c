"""Lines of a lesson book: reading one, and writing that leaves whole lines behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from memory.journal.durable import append_line, sync_folder, unwritable
from memory.journal.events import plain
from memory.records import Lesson


@dataclass(frozen=True)
class BadLine:
    """A line that is no lesson."""

    number: int
    """In its file, from 1."""
    reason: str
    line: bytes


def read_line(number: int, line: bytes) -> Lesson | BadLine:
    """A line as a lesson, or why it is none."""
    try:
        return Lesson.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return BadLine(number, f"{where}: {first['msg']}" if where else first["msg"], line)


def line_of(lesson: Lesson) -> bytes:
    """A lesson as its line, without the newline."""
    return json.dumps(plain(lesson.model_dump(mode="json")), ensure_ascii=False).encode()


def append_to(path: Path, content: bytes) -> None:
    """Append whole lines, on lines of their own; they are on the disk when this returns.

    Raises:
        InputError: the file cannot be written.
        HarnessFault: the disk is full.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        size = os.fstat(fd).st_size
        ended = not size or os.pread(fd, 1, size - 1) == b"\n"  # an editor may have taken the last newline
        append_line(fd, content if ended else b"\n" + content, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        os.close(fd)


def write_anew(path: Path, lines: Iterable[bytes]) -> None:
    """Put other lines in a file's place, in one step: a kill leaves the old ones or the new.

    Raises:
        InputError: the file cannot be written.
        HarnessFault: the disk is full.
    """
    draft = path.with_suffix(".new")
    try:
        with draft.open("wb") as file:
            file.writelines(line + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise unwritable(path, error) from error
