"""Transfer of lessons between memory folders: a JSONL file out of one, checked line by line into another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from memory.experience.catalogue import LessonFilter
from memory.experience.lessons import LessonBook
from memory.experience.lines import BadLine, line_of, read_line
from memory.journal.durable import unwritable
from memory.records import Lesson
from tasks.errors import InputError


@dataclass
class Imported:
    """What became of each line of an imported file."""

    added: int = 0
    known: int = 0
    """In the book already, word for word."""
    differing: list[str] = field(default_factory=list)
    """Ids that the book has with another content: the book's stands."""
    forgotten: list[str] = field(default_factory=list)
    """Ids that were forgotten here on purpose: left out."""
    bad: list[BadLine] = field(default_factory=list)
    """Set aside into ``lessons.bad``."""


def export_lessons(book: LessonBook, path: Path, only: LessonFilter) -> int:
    """Write the lessons that ``only`` lets pass into a new file, as their lines stand in the book.

    Returns:
        How many.

    Raises:
        InputError: the file is there already, or cannot be written.
        HarnessFault: the disk is full.
    """
    chosen = [entry for entry in book.entries() if only.matches(entry)]
    try:
        file = path.open("xb")
    except FileExistsError as error:
        raise InputError(str(path), "is there already", "choose another name, or move it away") from error
    except OSError as error:
        raise unwritable(path.absolute(), error) from error
    try:
        with file:
            file.writelines(line + b"\n" for line in book.lines(chosen))
    except BaseException as error:  # an interrupt too: half a file would look whole
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path.absolute(), error) from error
        raise
    return len(chosen)


def import_lessons(book: LessonBook, path: Path, again: bool = False) -> Imported:
    """Add the lessons of a file whose ids are new here; nothing that is here is changed.

    Args:
        book: takes them.
        path: one lesson a line, as ``export_lessons`` writes it.
        again: also take those that were forgotten here on purpose.

    Raises:
        InputError: the file cannot be read, or the folder cannot be written.
        HarnessFault: the disk is full.
    """
    done = Imported()
    _check_is_other_file(book, path)
    with book.lock():
        held = {entry.id: entry for entry in book.entries()}
        forgotten = book.forgotten()
        new: dict[str, Lesson] = {}
        returning: set[str] = set()
        for number, line in _lines(path):
            lesson = read_line(number, line)
            if isinstance(lesson, BadLine):
                done.bad.append(lesson)
            elif lesson.id in held or lesson.id in new:
                known = new.get(lesson.id) or next(book.lessons([held[lesson.id]]))
                if line_of(known) == line_of(lesson):  # as lines, for a NaN is not equal to itself
                    done.known += 1
                else:
                    done.differing.append(lesson.id)
            elif lesson.id in forgotten and not again:
                done.forgotten.append(lesson.id)
            else:
                new[lesson.id] = lesson
                returning |= {lesson.id} & forgotten
        if new:
            book.append(list(new.values()))
        if returning:
            book.remember_again(returning)
        if done.bad:
            book.keep_bad(done.bad)
        done.added = len(new)
    return done


def _check_is_other_file(book: LessonBook, path: Path) -> None:
    if path.resolve() in (book.path.resolve(), book.bad_path.resolve()):
        raise InputError(str(path), "belongs to this memory itself", "import a file from elsewhere")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank, without their newlines."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip(b"\r\n")
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "name a file of lessons") from error
