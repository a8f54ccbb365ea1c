"""Vectors of lessons by task, and the exact search over them.

Chroma keeps the vectors; a task's are read from it when they are first needed, by a filter on the
task, and stay in memory as 32-bit numbers (2 KiB a lesson at 512 dimensions). The search goes from the
near tasks to the far ones and stops where nothing farther can rank among the best: in a score
(``memory.experience.ranking.score``) no factor is above 1.0, so the nearness of where a lesson comes from
bounds it. So it leaves nothing out, and where its own task has enough lessons near to the question, a run
reads the vectors of that task alone.

Chroma's own search walks an approximate graph: among many equal vectors it was seen to miss the only row
that a filter let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from memory.experience.catalogue import Entry, LessonFilter
from memory.experience.ranking import Where, effect_weight, nearness, score, where_of
from memory.experience.trust import Trust

_MOST_NAMED = 200
"""Tasks that are named in one filter; of more, everything is read."""

Found = tuple[float, float, Entry]
"""Score, similarity and the lesson's entry."""


class TaskVectors:
    """The lessons of one task.

    Args:
        task: its id.
        entries: its lessons.
        matrix: their vectors of length 1, shape (lessons, dimensions), 32-bit.
    """

    def __init__(self, task: str, entries: list[Entry], matrix: Any) -> None:
        import numpy

        self.task, self.entries, self.matrix = task, entries, matrix
        self._trust: Any = 1.0
        self._effect = numpy.asarray([effect_weight(entry) for entry in entries], dtype=numpy.float32)
        self._columns: dict[str, tuple[dict[Any, int], Any]] = {}

    def weigh(self, trust: Mapping[str, Trust]) -> None:
        """Go by what became of the lessons, by id."""
        import numpy

        weights = [trust[entry.id].weight for entry in self.entries]
        self._trust = numpy.asarray(weights, dtype=numpy.float32)

    def scored(self, query: Any, question: Where, only: LessonFilter) -> Any:
        """(scores, similarities), shape (lessons,) each; the score of a lesson that is not meant is -1."""
        import numpy

        similarities = numpy.clip(self.matrix @ query, 0.0, 1.0)
        scores = score(similarities, self._nearness(question), self._effect, self._trust)
        for name in ("domain", "outcome", "base_model", "edition"):
            if wanted := getattr(only, name):
                scores[~self._has(name, wanted)] = -1.0
        if only.not_run:
            scores[self._has("run", only.not_run)] = -1.0
        if only.task not in ("", self.task):
            scores[:] = -1.0
        return scores, similarities

    def _nearness(self, question: Where) -> Any:
        """How near each lesson is, shape (lessons,)."""
        import numpy

        codes, column = self._column("where", where_of)
        return numpy.asarray([nearness(where, question) for where in codes], dtype=numpy.float32)[column]

    def _has(self, name: str, value: str) -> Any:
        """Which lessons have this value in a field, shape (lessons,)."""
        codes, column = self._column(name, attrgetter(name))
        return column == codes.get(value, -1)

    def _column(self, name: str, read: Callable[[Entry], Any]) -> tuple[dict[Any, int], Any]:
        """Different values with their numbers, in order, and each lesson's number, shape (lessons,)."""
        import numpy

        if name not in self._columns:
            values = [read(entry) for entry in self.entries]
            codes = {held: code for code, held in enumerate(dict.fromkeys(values))}
            self._columns[name] = codes, numpy.asarray([codes[held] for held in values], dtype=numpy.int32)
        return self._columns[name]


def nearest_first(places: Iterable[Where], question: Where) -> list[tuple[float, list[str]]]:
    """Tasks in groups, with the nearness of the group's nearest lessons, largest first.

    Args:
        places: where lessons were learned.
        question: where it is asked.
    """
    best: dict[str, float] = {}
    for place in places:
        name = place.task or ""
        best[name] = max(best.get(name, 0.0), nearness(place, question))
    weights = sorted(set(best.values()), reverse=True)
    return [(weight, [name for name in best if best[name] == weight]) for weight in weights]


def search(
    groups: Sequence[tuple[float, list[str]]],
    load: Callable[[list[str]], Mapping[str, TaskVectors]],
    scored: Callable[[TaskVectors], Any],
    k: int,
) -> list[Found]:
    """The ``k`` best lessons, best first; equal scores by their ids.

    Args:
        groups: as ``nearest_first`` gives them.
        load: the vectors of these tasks.
        scored: (scores, similarities) of a task's lessons.
        k: how many, at most.
    """
    best: list[Found] = []
    for weight, tasks in groups:
        if len(best) == k and best[-1][0] > weight:  # no lesson farther away can come before the last
            break
        for vectors in load(tasks).values():
            best += _best_of(vectors, scored(vectors), k)
        best = sorted(best, key=lambda found: (-found[0], found[2].id))[:k]
    return best


def _best_of(vectors: TaskVectors, scored: Any, k: int) -> list[Found]:
    """The ``k`` best of a task, and whatever scores as the last of them."""
    import numpy

    scores, similarities = scored
    least = 0.0
    if len(scores) > k:
        least = max(0.0, float(numpy.partition(scores, -k)[-k]))
    return [
        (float(scores[row]), float(similarities[row]), vectors.entries[row])
        for row in numpy.flatnonzero(scores >= least)
    ]


def read_vectors(collection: Any, tasks: list[str], entries: Mapping[str, Entry]) -> dict[str, TaskVectors]:
    """The vectors of some tasks, of the lessons in ``entries`` (by id) alone.

    Raises:
        ValueError: the index holds rows without vectors.
    """
    import numpy

    named = {"task": {"$in": tasks}} if len(tasks) <= _MOST_NAMED else None
    rows = collection.get(where=named, include=["embeddings"])
    matrix = numpy.asarray(rows["embeddings"], dtype=numpy.float32)
    wanted = set(tasks)
    places: dict[str, list[int]] = {task: [] for task in tasks}
    for row, id in enumerate(rows["ids"]):
        if id in entries and entries[id].task in wanted:
            places[entries[id].task].append(row)
    if sum(map(len, places.values())) != sum(entry.task in wanted for entry in entries.values()):
        raise ValueError("the index holds rows without vectors")
    read = {}
    for task, held in places.items():
        part = matrix[held]
        part /= numpy.linalg.norm(part, axis=1, keepdims=True)
        read[task] = TaskVectors(task, [entries[rows["ids"][row]] for row in held], part)
    return read
