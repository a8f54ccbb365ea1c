"""Lessons as text: what transfers from one run to the next, one JSON line each.

``lessons.jsonl`` is the truth across runs. A person may read it, edit it and carry it
to another machine; the index beside it is made from it and can be thrown away. Beside
it lie ``forgotten.jsonl``, the ids that were forgotten on purpose, and ``lessons.bad``,
the lines that were no lessons.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from memory.experience.catalogue import Entry, entry_of
from memory.experience.lines import BadLine, append_to, line_of, read_line, write_anew
from memory.experience.trust import UNCHALLENGED, Trust
from memory.journal.durable import FileLock, set_aside, unwritable
from memory.records import Lesson
from tasks.errors import InputError

LOCK_WAIT_SECONDS = 60.0
_WRITE_BYTES = 8 << 20
"""Lines are written in pieces of about this size."""


@dataclass(frozen=True)
class Recalled:
    """A lesson that fits the question."""

    lesson: Lesson
    similarity: float
    """Cosine of the lesson's text to the question, 0.0 to 1.0."""
    score: float
    """What it is ranked by (``memory.experience.ranking.score``)."""
    kind: Literal["advice", "warning"]
    """``warning``: what the lesson describes gained nothing, or was refuted since; avoid it."""
    trust: Trust = UNCHALLENGED
    """What became of it since it was written."""


class BookChanged(InputError):
    """Another process rewrote the book between two looks at it."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), "was changed while it was read", "try again")


@dataclass
class _Seen:
    """What the file held when it was last read."""

    stamp: tuple[int, int, int] = (0, 0, 0)
    """Its inode, size in bytes and time of change in ns."""
    good_bytes: int = 0
    """Length of the part that is whole."""
    digest: bytes = b""
    """Of that part."""
    torn: bytes = b""


class LessonBook:
    """The lessons of one memory folder.

    What was read is kept and only what was added since is read anew: a book of a hundred
    thousand lessons takes seconds to read.

    Args:
        folder: made on the first ``add``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "lessons.jsonl"
        self.bad_path = folder / "lessons.bad"
        self.forgotten_path = folder / "forgotten.jsonl"
        self._seen = _Seen()
        self._entries: tuple[Entry, ...] = ()
        self._bad: tuple[BadLine, ...] = ()

    @property
    def bad(self) -> tuple[BadLine, ...]:
        """Lines that ``entries`` has read and that are no lessons: left out, and still where they were."""
        return self._bad

    def lock(self) -> FileLock:
        """The lock that every writer to this folder takes."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error
        return FileLock(self.folder / "memory.lock", LOCK_WAIT_SECONDS)

    def entries(self) -> tuple[Entry, ...]:
        """Every lesson's entry, oldest first; the same object as long as the file is the same.

        A line that is no lesson costs itself: whoever edits the book stops no run that uses it (``bad``).

        Raises:
            InputError: the file cannot be read.
        """
        try:
            stat = self.path.stat()
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if stamp != self._seen.stamp:
                self._read(self.path.read_bytes(), stamp)
        except FileNotFoundError:
            if self._entries:
                self._entries = ()
            self._seen, self._bad = _Seen(), ()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return self._entries

    def all(self) -> tuple[Lesson, ...]:
        """Every lesson, oldest first; a torn last line and lines that are no lessons are left out.

        Raises:
            InputError: the file cannot be read.
        """
        return tuple(self.lessons(self.entries()))

    def lessons(self, entries: Iterable[Entry]) -> Iterator[Lesson]:
        """The lessons of some entries, read from their lines.

        Raises:
            BookChanged: the file is another one than when the entries were read.
        """
        for line in self.lines(entries):
            try:
                yield Lesson.model_validate_json(line)
            except ValidationError as error:  # edited in place
                raise BookChanged(self.path) from error

    def lines(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        """The lines of some entries as they stand in the file, without the newline.

        Raises:
            BookChanged: the file is another one than when the entries were read.
        """
        places = list(entries)
        if not places:
            return
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_ino != self._seen.stamp[0]:
                    raise BookChanged(self.path)
                for entry in places:
                    file.seek(entry.start)
                    yield file.read(entry.length)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def prefix(self) -> tuple[int, bytes]:
        """Length in bytes and digest of what ``entries`` has read."""
        self.entries()
        return self._seen.good_bytes, self._seen.digest

    def prefix_digest(self, length: int) -> bytes:
        """Digest of the file's first bytes."""
        try:
            with self.path.open("rb") as file:
                return _digest(file.read(length))
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def add(self, lesson: Lesson) -> bool:
        """Write a lesson down; it is on the disk when this returns.

        Returns:
            False when a lesson of this id is there already (the first one stands) or was forgotten.

        Raises:
            InputError: the folder cannot be read or written.
            HarnessFault: the disk is full.
        """
        with self.lock():
            known = {entry.id for entry in self.entries()} | self.forgotten()
            if lesson.id in known:
                return False
            self.append([lesson])
            return True

    def append(self, lessons: Sequence[Lesson]) -> None:
        """Write lessons down whose ids are new; the caller holds the lock."""
        self._set_torn_aside()
        piece: list[bytes] = []
        size = 0
        for lesson in lessons:
            piece.append(line_of(lesson) + b"\n")
            size += len(piece[-1])
            if size >= _WRITE_BYTES:
                append_to(self.path, b"".join(piece))
                piece, size = [], 0
        if piece:
            append_to(self.path, b"".join(piece))

    def forget(self, ids: Iterable[str]) -> int:
        """Take lessons out of the book for good: neither a resumed run nor a rebuild brings them back.

        Returns:
            How many were there.

        Raises:
            InputError: the folder cannot be read or written.
            HarnessFault: the disk is full.
        """
        with self.lock():
            wanted, entries = set(ids), self.entries()
            gone = [entry.id for entry in entries if entry.id in wanted]
            if gone:
                when = datetime.now(UTC).isoformat(timespec="seconds")
                told = [json.dumps({"id": id, "forgotten": when}, ensure_ascii=False) for id in gone]
                self._set_torn_aside()
                # First: after a kill in between, the lesson is there to be forgotten once more.
                append_to(self.forgotten_path, ("\n".join(told) + "\n").encode())
                self.keep_bad(self._bad)  # the rewritten book has its lessons alone
                self._rewrite(self.lines(entry for entry in entries if entry.id not in wanted))
            return len(gone)

    def forgotten(self) -> set[str]:
        """The ids that were forgotten on purpose.

        A line that names none is passed over, and stays in the file.

        Raises:
            InputError: the file cannot be read.
        """
        return {id for id, _ in self._read_forgotten()[0] if id}

    def remember_again(self, ids: set[str]) -> None:
        """Let these ids be added once more; the caller holds the lock."""
        self._set_torn_aside()
        write_anew(self.forgotten_path, [line for id, line in self._read_forgotten()[0] if id not in ids])

    def _read_forgotten(self) -> tuple[list[tuple[str, bytes]], bytes]:
        """(id, its line) of each, no id where the line names none, and a torn last line: that lesson is still
        in the book."""
        try:
            lines = self.forgotten_path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return [], b""
        except OSError as error:
            raise _unreadable(self.forgotten_path, error) from error
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                if line.strip():
                    found.append((str(json.loads(line)["id"]), line))
            except (ValueError, TypeError, KeyError, RecursionError):
                if number == len(lines):  # no newline after it: cut while it was written
                    return found, line
                found.append(("", line))
        return found, b""

    def _set_torn_aside(self) -> None:
        """Move torn last lines of the book and of the forgotten ids aside; the caller holds the lock."""
        self.entries()
        torn = {self.path: self._seen.torn, self.forgotten_path: self._read_forgotten()[1]}
        for path, fragment in torn.items():
            if fragment:
                try:
                    set_aside(path, fragment, path.stat().st_size - len(fragment))
                except OSError as error:
                    raise unwritable(path, error) from error

    def set_bad_lines_aside(self) -> tuple[BadLine, ...]:
        """Move every line that is no lesson into ``lessons.bad``; the others stay as they are.

        Raises:
            InputError: the folder cannot be read or written.
            HarnessFault: the disk is full.
        """
        if not self.path.exists():
            return ()
        with self.lock():
            try:
                lines = self.path.read_bytes().split(b"\n")
            except OSError as error:
                raise _unreadable(self.path, error) from error
            read = [read_line(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
            bad = tuple(item for item in read if isinstance(item, BadLine))
            if bad:
                self.keep_bad(bad)
                numbers = {item.number for item in bad}
                self._rewrite(
                    line
                    for number, line in enumerate(lines, start=1)
                    if line.strip() and number not in numbers
                )
            return bad

    def keep_bad(self, bad: Sequence[BadLine]) -> None:
        """Write lines that are no lessons into ``lessons.bad``, once each; the caller holds the lock."""
        try:
            known = set(self.bad_path.read_bytes().split(b"\n")) if self.bad_path.exists() else set()
        except OSError as error:
            raise _unreadable(self.bad_path, error) from error
        fresh = [line for line in dict.fromkeys(item.line for item in bad) if line not in known]
        if fresh:
            append_to(self.bad_path, b"\n".join(fresh) + b"\n")

    def _rewrite(self, lines: Iterable[bytes]) -> None:
        write_anew(self.path, lines)
        self._seen, self._entries, self._bad = _Seen(), (), ()

    def _read(self, content: bytes, stamp: tuple[int, int, int]) -> None:
        """Read what is new; all of it, where what was read is not there any more."""
        seen, known, bad = self._seen, self._entries, self._bad
        end = seen.good_bytes
        # Without a newline its last line may go on.
        whole = end and content[end - 1 : end] == b"\n" and _digest(content[:end]) == seen.digest
        if not whole:
            seen, known, bad = _Seen(), (), ()
        before = content.count(b"\n", 0, seen.good_bytes)
        added, good_bytes, torn, worse = _entries_in(content, seen.good_bytes, before)
        self._bad = (*bad, *worse)
        entries: dict[str, Entry] = {entry.id: entry for entry in known}
        for entry in added:
            entries.setdefault(entry.id, entry)
        if len(entries) != len(known) or not known:
            self._entries = tuple(entries.values())
        self._seen = _Seen(stamp, good_bytes, _digest(content[:good_bytes]), torn)


def _entries_in(content: bytes, start: int, before: int) -> tuple[list[Entry], int, bytes, list[BadLine]]:
    """Entries from an offset on, the end of the good part in bytes, a torn last line, bad ones before it."""
    found: list[Entry] = []
    bad: list[BadLine] = []
    lines = content[start:].split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            lesson = read_line(before + number, line)
            if not isinstance(lesson, BadLine):
                found.append(entry_of(lesson, start, len(line)))
            elif number == len(lines):  # no newline after it: cut while it was written
                return found, start, line, bad
            else:
                bad.append(lesson)
        start += len(line) + (number < len(lines))
    return found, start, b"", bad


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(str(path), f"cannot be read ({error.strerror})", "choose another memory folder")
