"""Lessons made wrong on purpose: what helped is said to have harmed, and the other way round."""

from __future__ import annotations

import random
from collections.abc import Sequence

from memory.records import Lesson


def spoiled(lessons: Sequence[Lesson], share: float, seed: int) -> list[Lesson]:
    """The lessons, a share of them turned into their opposite."""
    rng = random.Random(seed)
    wrong = set(rng.sample(range(len(lessons)), round(share * len(lessons))))
    return [opposite(lesson) if place in wrong else lesson for place, lesson in enumerate(lessons)]


def opposite(lesson: Lesson) -> Lesson:
    """A lesson that says the contrary: gain, effect and what was removed change their sign."""
    effect = lesson.effect and (-lesson.effect[0], -lesson.effect[2], -lesson.effect[1])
    tried = lesson.tried and lesson.tried.model_copy(update={"removed": -min(lesson.tried.removed, 100.0)})
    changes = {
        "gain": -lesson.gain,
        "effect": effect,
        "tried": tried,
        "outcome": "discarded" if lesson.outcome == "kept" else "kept",
    }
    return lesson.model_copy(update=changes)
