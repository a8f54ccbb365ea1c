"""Experience across runs: a Chroma index over the lessons' text.

The text in ``lessons.jsonl`` is the truth; the index under ``chroma/`` is made from
it, is mended whenever the two differ, and can be deleted at any time.

Chroma takes about a second to import and is imported only when there is something to
index. Whatever uses the index opens it and closes it again under a lock: Chroma's local
client sees another process's rows late, and only a fresh one is sure to see them. A recall
uses it where the book was changed, or vectors are not in memory yet, and else looks at the
book's date alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from memory.experience.catalogue import Entry, LessonFilter, current
from memory.experience.embedding import Embedding, HashedEmbedding
from memory.experience.index import open_collection
from memory.experience.lessons import BookChanged, LessonBook, Recalled
from memory.experience.ranking import Where, where_of
from memory.experience.trust import REFUTED, UNCHALLENGED, Trust, trust_in
from memory.experience.vectors import TaskVectors, nearest_first, read_vectors, search
from memory.experience.ways import Situation, Ways
from memory.journal.durable import FileLock
from memory.lesson import Place
from memory.records import Lesson
from tasks.errors import FtDojoError, HarnessFault

INDEX_WAIT_SECONDS = 3600.0
"""Another process may be making the index of a large book; writing lessons down does not wait for it."""
_READINGS = 3
EVERY = LessonFilter()
_T = TypeVar("_T")


def kind_of_advice(lesson: Lesson, trust: Trust) -> Literal["advice", "warning"]:
    """``warning`` for what gained nothing, or what later runs refute."""
    return "advice" if lesson.gain > 0 and trust.weight >= REFUTED else "warning"


class Experience(Protocol):
    """What the roles need of the memory."""

    def record(self, lesson: Lesson) -> bool:
        """Keep a lesson; False when it is known already."""

    def recall(
        self,
        query: str,
        k: int = 5,
        task: str | None = None,
        domain: str | None = None,
        only: LessonFilter = EVERY,
        place: Place | None = None,
    ) -> tuple[Recalled, ...]:
        """The ``k`` lessons that fit best, best first."""

    def ways(self, situation: Situation) -> Ways:
        """What the lessons of all tasks say about data and learning rate for one that is at hand."""

    def rebuild(self) -> int:
        """Make the index anew from the text; the number of lessons."""

    def count(self) -> int:
        """The number of lessons."""

    def left_out(self) -> str:
        """What of the memory cannot be used, in a sentence; empty where all can."""


class NullStore:
    """No memory (``--memory off``): keeps nothing, recalls nothing."""

    def record(self, lesson: Lesson) -> bool:
        """Keep nothing."""
        return False

    def recall(
        self,
        query: str,
        k: int = 5,
        task: str | None = None,
        domain: str | None = None,
        only: LessonFilter = EVERY,
        place: Place | None = None,
    ) -> tuple[Recalled, ...]:
        """Recall nothing."""
        return ()

    def ways(self, situation: Situation) -> Ways:
        """Nothing is known."""
        return Ways((), situation, datetime.now(UTC), {})

    def rebuild(self) -> int:
        """Nothing to rebuild."""
        return 0

    def count(self) -> int:
        """Zero."""
        return 0

    def left_out(self) -> str:
        """Nothing."""
        return ""


class ExperienceStore:
    """The lessons of one memory folder, found by likeness.

    Args:
        folder: holds ``lessons.jsonl`` and the index; made on the first ``record``.
        embedding: the default is deterministic and offline.
    """

    def __init__(self, folder: Path, embedding: Embedding | None = None) -> None:
        self.folder = folder
        self.book = LessonBook(folder)
        self.embedding = embedding or HashedEmbedding()
        self._index_folder = folder / "chroma"
        self._entries: tuple[Entry, ...] = ()
        self._current: dict[str, Entry] = {}
        self._places: set[Where] = set()
        self._trust: dict[str, Trust] = {}
        self._ways: Ways | None = None
        self._vectors: dict[str, TaskVectors] = {}

    def record(self, lesson: Lesson) -> bool:
        """Write a lesson into the book, then into the index.

        Returns:
            False when a lesson of this id is known already: the first one stands.

        Raises:
            InputError: the folder cannot be read or written.
            HarnessFault: the disk is full, or the index cannot be made; the text is
                safe in the second case.
        """
        added = self.book.add(lesson)
        self._agree()
        return added

    def recall(
        self,
        query: str,
        k: int = 5,
        task: str | None = None,
        domain: str | None = None,
        only: LessonFilter = EVERY,
        place: Place | None = None,
    ) -> tuple[Recalled, ...]:
        """The ``k`` lessons that fit ``query`` best, best first, of those that ``only`` lets pass.

        They are ranked by ``memory.experience.ranking.score``. A lesson that a later one on the same
        settings overtakes is left out; one that gained nothing, or that later ones refute, comes as a
        warning.

        Args:
            query: in words.
            k: how many, at most.
            task: where it is asked; None for nowhere.
            domain: the same.
            only: which lessons are meant.
            place: kinds of metric and answers where it is asked.

        Raises:
            InputError: the book cannot be read.
            HarnessFault: the index cannot be made.
        """
        for reading in range(1, _READINGS + 1):
            try:
                where = Where(task, domain, place.metric, place.answer) if place else Where(task, domain)
                return self._recall(query, k, where, only)
            except BookChanged:  # another process rewrote it just now
                if reading == _READINGS:
                    raise
        return ()

    def ways(self, situation: Situation) -> Ways:
        """What the lessons of all tasks say about data and learning rate for one that is at hand.

        Raises:
            InputError: the book holds a bad line.
        """
        entries = self.book.entries()
        if entries is not self._entries:
            self._renew(entries)
        if self._ways is None or self._ways.situation != situation:
            self._ways = Ways(entries, situation, datetime.now(UTC), self._trust)
        return self._ways

    def trust(self, id: str) -> Trust:
        """What became of a lesson since it was written."""
        entries = self.book.entries()
        if entries is not self._entries:
            self._renew(entries)
        return self._trust.get(id, UNCHALLENGED)

    def count(self) -> int:
        """The number of lessons in the book."""
        return len(self.book.entries())

    def left_out(self) -> str:
        """How many lines of the book are no lessons, the first of them, and what to do; else empty."""
        self.book.entries()
        if not (bad := self.book.bad):
            return ""
        first = f"line {bad[0].number}: {bad[0].reason}"
        return (
            f"{len(bad)} lines of {self.book.path} are no lessons and are left out ({first}); "
            "`ftdojo memory rebuild` sets them aside"
        )

    def rebuild(self) -> int:
        """Delete the index and make it anew from the text.

        Returns:
            The number of lessons in it.
        """
        if not self.folder.exists():
            return 0
        with self._lock():
            self._delete_index()
        return self._with_index(lambda collection: int(collection.count())) if self.count() else 0

    def forget(self, ids: set[str]) -> int:
        """Take lessons out of the book and out of the index, for good.

        Returns:
            How many were there.
        """
        gone = self.book.forget(ids)
        if self._index_folder.exists():
            if self.count():
                self._agree()
            else:
                with self._lock():
                    self._delete_index()
        return gone

    def _recall(self, query: str, k: int, where: Where, only: LessonFilter) -> tuple[Recalled, ...]:
        entries = self.book.entries()
        if not entries or k <= 0:
            return ()
        import numpy

        if entries is not self._entries:
            self._renew(entries)
        places = [place for place in self._places if only.task in ("", place.task)]
        vector = numpy.asarray(self.embedding.embed([query])[0], dtype=numpy.float32)
        found = search(
            nearest_first(places, where),
            self._of_tasks,
            lambda vectors: vectors.scored(vector, where, only),
            k,
        )
        lessons = self.book.lessons(entry for _, _, entry in found)
        return tuple(
            Recalled(
                lesson,
                similarity,
                score,
                kind_of_advice(lesson, self._trust[lesson.id]),
                self._trust[lesson.id],
            )
            for (score, similarity, _), lesson in zip(found, lessons, strict=True)
        )

    def _of_tasks(self, tasks: list[str]) -> dict[str, TaskVectors]:
        """The vectors of these tasks; those that are not in memory come from the index."""
        absent = [task for task in tasks if task not in self._vectors]

        def read(collection: Any) -> dict[str, TaskVectors]:
            if self.book.entries() is not self._entries:  # the index is of the newer book
                raise BookChanged(self.book.path)
            return read_vectors(collection, absent, self._current)

        if absent:
            self._vectors |= self._with_index(read)
            for task in absent:
                self._vectors[task].weigh(self._trust)
        return {task: self._vectors[task] for task in tasks}

    def _renew(self, entries: tuple[Entry, ...]) -> None:
        """Go by a book that changed; vectors of tasks in which nothing did stay in memory."""
        before, now = self._current, current(entries)
        differing = {entry.task for id, entry in now.items() if before.get(id) is not entry}
        differing |= {entry.task for id, entry in before.items() if now.get(id) is not entry}
        self._vectors = {task: held for task, held in self._vectors.items() if task not in differing}
        self._entries, self._current = entries, now
        self._places = {where_of(entry) for entry in now.values()}
        self._trust, self._ways = trust_in(entries, datetime.now(UTC)), None
        for held in self._vectors.values():
            held.weigh(self._trust)

    def _agree(self) -> None:
        with suppress(BookChanged):  # whoever changed it, or the next recall, brings the index after it
            self._with_index(lambda collection: None)

    def _lock(self) -> FileLock:
        self.book.lock()  # makes the folder, or says why not
        return FileLock(self.folder / "index.lock", INDEX_WAIT_SECONDS)

    def _with_index(self, use: Callable[[Any], _T]) -> _T:
        """Run ``use`` on an index that agrees with the book; one that is broken is made anew, once."""
        with self._lock():
            try:
                with open_collection(self._index_folder, self.book, self.embedding) as collection:
                    return use(collection)
            except (FtDojoError, ImportError):
                raise
            except Exception:  # whatever a damaged index raises, the cure is the same
                self._delete_index()
            try:
                with open_collection(self._index_folder, self.book, self.embedding) as collection:
                    return use(collection)
            except FtDojoError:
                raise
            except Exception as error:
                raise HarnessFault(
                    f"{self._index_folder}: the memory index cannot be made "
                    f"({type(error).__name__}: {error}); the lessons are safe in {self.book.path.name}"
                ) from error

    def _delete_index(self) -> None:
        if self._index_folder.exists():
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient.clear_system_cache()  # else a new client gets the old one's open files
            try:
                shutil.rmtree(self._index_folder)
            except OSError as error:
                raise HarnessFault(f"{self._index_folder}: cannot be deleted ({error.strerror})") from error
