"""Experience across runs: a Chroma index over the lessons' text.

The text in ``lessons.jsonl`` is the truth; the index under ``chroma/`` is made from
it, is mended whenever the two differ, and can be deleted at any time.

Chroma takes about a second to import and is imported only when there is something to
index. Each operation opens the index and closes it again under a lock: Chroma's local
client sees another process's rows late, and only a fresh one is sure to see them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from memory.experience.embedding import Embedding, HashedEmbedding, chroma_function
from memory.experience.lessons import LessonBook, Recalled, current, document
from memory.records import Lesson
from tasks.errors import FtDojoError, HarnessFault

COLLECTION = "experience"
SAME_TASK, SAME_DOMAIN, OTHER = 1.0, 0.6, 0.3
"""How much of a lesson's similarity counts, by where it was learned."""
_BATCH = 500
_T = TypeVar("_T")


class Experience(Protocol):
    """What the roles need of the memory."""

    def record(self, lesson: Lesson) -> bool:
        """Keep a lesson; False when it is known already."""

    def recall(
        self, query: str, k: int = 5, task: str | None = None, domain: str | None = None
    ) -> tuple[Recalled, ...]:
        """The ``k`` lessons that fit best, best first."""

    def rebuild(self) -> int:
        """Make the index anew from the text; the number of lessons."""

    def count(self) -> int:
        """The number of lessons."""


class NullStore:
    """No memory (``--memory off``): keeps nothing, recalls nothing."""

    def record(self, lesson: Lesson) -> bool:
        """Keep nothing."""
        return False

    def recall(
        self, query: str, k: int = 5, task: str | None = None, domain: str | None = None
    ) -> tuple[Recalled, ...]:
        """Recall nothing."""
        return ()

    def rebuild(self) -> int:
        """Nothing to rebuild."""
        return 0

    def count(self) -> int:
        """Zero."""
        return 0


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

    def record(self, lesson: Lesson) -> bool:
        """Write a lesson into the book, then into the index.

        Returns:
            False when a lesson of this id is known already: the first one stands.

        Raises:
            InputError: the folder cannot be written, or the book holds a bad line.
            HarnessFault: the disk is full, or the index cannot be made; the text is
                safe in the second case.
        """
        added = self.book.add(lesson)
        self._with_index(lambda collection: None)
        return added

    def recall(
        self, query: str, k: int = 5, task: str | None = None, domain: str | None = None
    ) -> tuple[Recalled, ...]:
        """The ``k`` lessons that fit ``query`` best, best first.

        The score is the similarity, weighed by whether the lesson comes from the same
        task, the same domain or elsewhere. A lesson that a later one on the same
        settings overtakes is left out; one that gained nothing comes as a warning.

        Raises:
            InputError: the book holds a bad line.
            HarnessFault: the index cannot be made.
        """
        lessons = current(self.book.all())
        if not lessons or k <= 0:
            return ()
        vector = self.embedding.embed([query])[0]
        similarities = self._with_index(lambda collection: _similarities(collection, vector))
        found = [
            _recalled(lessons[id], similarity, task, domain)
            for id, similarity in similarities.items()
            if id in lessons
        ]
        return tuple(sorted(found, key=lambda item: (-item.score, item.lesson.id))[:k])

    def count(self) -> int:
        """The number of lessons in the book."""
        return len(self.book.all())

    def rebuild(self) -> int:
        """Delete the index and make it anew from the text.

        Returns:
            The number of lessons in it.
        """
        with self.book.lock():
            self._delete_index()
        return self._with_index(lambda collection: int(collection.count())) if self.count() else 0

    def _with_index(self, use: Callable[[Any], _T]) -> _T:
        """Run ``use`` on an index that agrees with the book; one that is broken is made anew, once."""
        with self.book.lock():
            lessons = self.book.all()
            try:
                with self._collection(lessons) as collection:
                    return use(collection)
            except (FtDojoError, ImportError):
                raise
            except Exception:  # whatever a damaged index raises, the cure is the same
                self._delete_index()
            try:
                with self._collection(lessons) as collection:
                    return use(collection)
            except FtDojoError:
                raise
            except Exception as error:
                raise HarnessFault(
                    f"{self._index_folder}: the memory index cannot be made "
                    f"({type(error).__name__}: {error}); the lessons are safe in {self.book.path.name}"
                ) from error

    @contextmanager
    def _collection(self, lessons: tuple[Lesson, ...]) -> Iterator[Any]:
        """The open collection, holding exactly ``lessons``."""
        import chromadb
        from chromadb.config import Settings

        client: Any = chromadb.PersistentClient(
            str(self._index_folder), settings=Settings(anonymized_telemetry=False)
        )
        try:
            collection = self._agreeing(client, {lesson.id: document(lesson) for lesson in lessons}, lessons)
            yield collection
        finally:
            client.close()

    def _agreeing(self, client: Any, wanted: dict[str, str], lessons: tuple[Lesson, ...]) -> Any:
        """The collection after adding what the book has more; made anew when it holds anything else."""
        names = {collection.name: collection.metadata or {} for collection in client.list_collections()}
        held: dict[str, str] = {}
        if names.get(COLLECTION, {}).get("embedding") == self.embedding.name:
            collection = client.get_collection(COLLECTION, embedding_function=chroma_function(self.embedding))
            rows = collection.get(include=["documents"])
            held = dict(zip(rows["ids"], rows["documents"], strict=True))
        if not held or any(wanted.get(id) != text for id, text in held.items()):
            if COLLECTION in names:
                client.delete_collection(COLLECTION)
            held = {}
            collection = client.create_collection(
                COLLECTION,
                embedding_function=chroma_function(self.embedding),
                metadata={"embedding": self.embedding.name},
                configuration={"hnsw": {"space": "cosine"}},
            )
        missing = [lesson for lesson in lessons if lesson.id not in held]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            collection.upsert(
                ids=[lesson.id for lesson in batch],
                documents=[wanted[lesson.id] for lesson in batch],
                metadatas=[{"task": lesson.task, "domain": lesson.domain} for lesson in batch],
            )
        return collection

    def _delete_index(self) -> None:
        if self._index_folder.exists():
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient.clear_system_cache()  # else a new client gets the old one's open files
            try:
                shutil.rmtree(self._index_folder)
            except OSError as error:
                raise HarnessFault(f"{self._index_folder}: cannot be deleted ({error.strerror})") from error


def _similarities(collection: Any, query: list[float]) -> dict[str, float]:
    """Cosine of every lesson to the query, by id.

    Exact, over the stored vectors: Chroma's own search walks an approximate graph, and
    among many equal vectors it was seen to miss the only row that a filter let pass. A
    memory holds hundreds of lessons, seldom thousands.
    """
    import numpy

    rows = collection.get(include=["embeddings"])
    if len(rows["ids"]) != collection.count():
        raise ValueError("the index holds rows without vectors")
    vectors = numpy.asarray(rows["embeddings"], dtype=numpy.float64)
    cosines = vectors @ numpy.asarray(query, dtype=numpy.float64)
    cosines /= numpy.linalg.norm(vectors, axis=1) * numpy.linalg.norm(query)
    return dict(zip(rows["ids"], numpy.clip(cosines, 0.0, 1.0).tolist(), strict=True))


def _recalled(lesson: Lesson, similarity: float, task: str | None, domain: str | None) -> Recalled:
    weight = SAME_TASK if lesson.task == task else SAME_DOMAIN if lesson.domain == domain else OTHER
    return Recalled(lesson, similarity, similarity * weight, "advice" if lesson.gain > 0 else "warning")
