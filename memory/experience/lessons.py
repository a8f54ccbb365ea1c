"""Lessons as text: what transfers from one run to the next, one JSON line each.

``lessons.jsonl`` is the truth across runs. A person may read it, edit it and carry it
to another machine; the index beside it is made from it and can be thrown away.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from memory.journal.durable import FileLock, append_line, set_aside, unwritable
from memory.journal.events import plain
from memory.records import Lesson
from tasks.errors import InputError

LOCK_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Recalled:
    """A lesson that fits the question."""

    lesson: Lesson
    similarity: float
    """Cosine of the lesson's text to the question, 0.0 to 1.0."""
    score: float
    """Similarity, weighed by how near the lesson's task is; the ranking."""
    kind: Literal["advice", "warning"]
    """``warning``: what the lesson describes gained nothing; avoid it."""


def document(lesson: Lesson) -> str:
    """The text by which a lesson is found: where it was learned, then what it says."""
    features = " ".join(f"{name} {value}" for name, value in sorted(lesson.features.items()))
    return f"{lesson.task} {lesson.domain}\n{lesson.text}\n{features}"


class LessonBook:
    """The lessons of one memory folder.

    Args:
        folder: made on the first ``add``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "lessons.jsonl"

    def lock(self) -> FileLock:
        """The lock that every writer to this folder takes."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error
        return FileLock(self.folder / "memory.lock", LOCK_WAIT_SECONDS)

    def all(self) -> tuple[Lesson, ...]:
        """Every lesson, oldest first; a torn last line is left out.

        Raises:
            InputError: a line is not a lesson; it is named.
        """
        return self._read()[0]

    def add(self, lesson: Lesson) -> bool:
        """Write a lesson down; it is on the disk when this returns.

        Returns:
            False when a lesson of this id is there already: the first one stands.

        Raises:
            InputError: the folder cannot be written, or a line of the book is not a lesson.
            HarnessFault: the disk is full.
        """
        with self.lock():
            lessons, good_bytes, torn = self._read()
            if any(known.id == lesson.id for known in lessons):
                return False
            try:
                if torn:
                    set_aside(self.path, torn, good_bytes)
                fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            except OSError as error:
                raise unwritable(self.path, error) from error
            try:
                # An editor may have taken the last newline.
                ended = good_bytes == 0 or self.path.read_bytes().endswith(b"\n")
                append_line(fd, (b"" if ended else b"\n") + _line(lesson), self.path)
            finally:
                os.close(fd)
            return True

    def _read(self) -> tuple[tuple[Lesson, ...], int, bytes]:
        """Lessons by id, the length of the good part in bytes, and a torn last line."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return (), 0, b""
        except OSError as error:
            raise InputError(
                str(self.path), f"cannot be read ({error.strerror})", "choose another memory folder"
            ) from error
        lessons: dict[str, Lesson] = {}
        good_bytes = 0
        lines = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                lesson = Lesson.model_validate_json(line) if line.strip() else None
            except ValidationError as error:
                if number == len(lines):  # no newline after it: cut while it was written
                    return tuple(lessons.values()), good_bytes, line
                raise InputError(
                    f"{self.path}:{number}",
                    f"this line is not a lesson ({error.errors()[0]['msg']})",
                    "mend the line or delete it",
                ) from error
            if lesson is not None:
                lessons.setdefault(lesson.id, lesson)
            good_bytes += len(line) + (number < len(lines))
        return tuple(lessons.values()), good_bytes, b""


def _line(lesson: Lesson) -> bytes:
    return json.dumps(plain(lesson.model_dump(mode="json")), ensure_ascii=False).encode() + b"\n"


def current(lessons: tuple[Lesson, ...]) -> dict[str, Lesson]:
    """Lessons by id, without those that a later one overtakes.

    Two lessons of the same task and base model about the same settings and operations speak of the
    same thing: the later one knows better, whether it confirms or contradicts.
    """
    latest: dict[object, Lesson] = {}
    for lesson in sorted(lessons, key=lambda lesson: lesson.created):
        subject: object = lesson.id
        if lesson.settings:
            settings = tuple(sorted(lesson.settings.items()))
            data = (lesson.operations, tuple(script.code for script in lesson.scripts))
            subject = (lesson.task, lesson.features.get("base_model"), settings, data)
        latest[subject] = lesson
    return {lesson.id: lesson for lesson in latest.values()}
