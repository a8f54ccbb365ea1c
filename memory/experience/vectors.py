"""Vectors of lessons by task, and the exact search over them.

Chroma keeps the vectors; a task's are read from it when they are first needed, by a filter on the
task, and stay in memory as 32-bit numbers (2 KiB a lesson at 512 dimensions). The search goes from the
near tasks to the far ones and stops where nothing farther can rank among the best: a score is a cosine,
1.0 at most, times the weight of where the lesson comes from. So it leaves nothing out, and where its own
task has enough lessons near to the question, a run reads the vectors of that task alone.

Chroma's own search walks an approximate graph: among many equal vectors it was seen to miss the only row
that a filter let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from memory.experience.catalogue import Entry, LessonFilter

SAME_TASK, SAME_DOMAIN, OTHER = 1.0, 0.6, 0.3
"""How much of a lesson's similarity counts, by where it was learned."""
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
        self.task, self.entries, self.matrix = task, entries, matrix
        self._columns: dict[str, tuple[dict[str, int], Any]] = {}

    def scored(self, query: Any, task: str | None, domain: str | None, only: LessonFilter) -> Any:
        """(scores, similarities), shape (lessons,) each; the score of a lesson that is not meant is -1."""
        import numpy

        similarities = numpy.clip(self.matrix @ query, 0.0, 1.0)
        if self.task == task:
            scores = similarities * SAME_TASK
        else:
            scores = similarities * numpy.where(self._has("domain", domain), SAME_DOMAIN, OTHER)
        for name in ("domain", "outcome", "base_model", "edition"):
            if wanted := getattr(only, name):
                scores[~self._has(name, wanted)] = -1.0
        if only.not_run:
            scores[self._has("run", only.not_run)] = -1.0
        if only.task not in ("", self.task):
            scores[:] = -1.0
        return scores, similarities

    def _has(self, name: str, value: str | None) -> Any:
        """Which lessons have this value in a field, shape (lessons,)."""
        import numpy

        if name not in self._columns:
            values = [getattr(entry, name) for entry in self.entries]
            codes = {held: code for code, held in enumerate(dict.fromkeys(values))}
            self._columns[name] = codes, numpy.asarray([codes[held] for held in values], dtype=numpy.int32)
        codes, column = self._columns[name]
        return column == (-1 if value is None else codes.get(value, -1))


def weight_of(lessons_task: str, lessons_domain: str, task: str | None, domain: str | None) -> float:
    """How much of a lesson's similarity counts for someone at ``task`` in ``domain``."""
    return SAME_TASK if lessons_task == task else SAME_DOMAIN if lessons_domain == domain else OTHER


def nearest_first(
    places: Iterable[tuple[str, str]], task: str | None, domain: str | None
) -> list[tuple[float, list[str]]]:
    """Tasks in groups, with the largest weight that a lesson of the group can have, largest first.

    Args:
        places: every (task, domain) that has a lesson.
        task: where the question is asked; None for nowhere.
        domain: the same.
    """
    best: dict[str, float] = {}
    for place in places:
        best[place[0]] = max(best.get(place[0], 0.0), weight_of(*place, task, domain))
    weights = sorted(set(best.values()), reverse=True)
    return [(weight, [name for name in best if best[name] == weight]) for weight in weights]


def search(
    groups: Sequence[tuple[float, list[str]]],
    load: Callable[[list[str]], Mapping[str, TaskVectors]],
    score: Callable[[TaskVectors], Any],
    k: int,
) -> list[Found]:
    """The ``k`` best lessons, best first; equal scores by their ids.

    Args:
        groups: as ``nearest_first`` gives them.
        load: the vectors of these tasks.
        score: (scores, similarities) of a task's lessons.
        k: how many, at most.
    """
    best: list[Found] = []
    for weight, tasks in groups:
        if len(best) == k and best[-1][0] > weight:  # no lesson farther away can come before the last
            break
        for vectors in load(tasks).values():
            best += _best_of(vectors, score(vectors), k)
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
