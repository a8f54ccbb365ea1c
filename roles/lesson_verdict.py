"""Verdict of an experiment on the lessons that its plan followed: borne out, refuted, or neither.

The comparison says whether the experiment gained anything. A first training of a run that follows a lesson of
the same task is held against what the lesson promised as well: where it gains far less, the lesson misled it,
whether or not it beat an untrained model.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, isfinite

from memory.experience.effect import LEAST_ERROR
from memory.records import Experiment, Lesson
from tools.dojo import Dojo

BETWEEN_RUNS = 5.0
"""Points by which two runs of one recipe differ beside the noise of their items: seeds, machines, time."""
FAILED_BY_ADVICE = ("train", "probe")
"""Stages at which a failure speaks against hyperparameters that were taken over."""


@dataclass(frozen=True)
class LessonVerdict:
    """Ids of cited lessons."""

    confirms: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()


def verdict_on_lessons(dojo: Dojo, experiment: Experiment) -> LessonVerdict:
    """What an experiment says about the lessons that its plan cites."""
    cited = dojo.lessons(experiment.plan.lessons)
    if not cited:
        return LessonVerdict()
    if experiment.failure is not None:
        blamed = experiment.failure.stage in FAILED_BY_ADVICE
        return LessonVerdict(contradicts=tuple(each.id for each in cited)) if blamed else LessonVerdict()
    comparison = experiment.comparison
    if comparison is None:
        return LessonVerdict()
    short = {each.id for each in cited if _falls_short(dojo, experiment, each)}
    helped, harmed = comparison.low > 0, comparison.high < 0
    return LessonVerdict(
        confirms=tuple(each.id for each in cited if helped and each.id not in short),
        contradicts=tuple(each.id for each in cited if harmed or each.id in short),
    )


def misled(dojo: Dojo, experiment: Experiment) -> bool:
    """Whether an experiment followed lessons and refuted one of them."""
    return bool(verdict_on_lessons(dojo, experiment).contradicts)


def _falls_short(dojo: Dojo, experiment: Experiment, lesson: Lesson) -> bool:
    """Whether a first training gained clearly less than a lesson of the same task promised."""
    comparison = experiment.comparison
    if comparison is None or comparison.champion != "base" or experiment.plan.init_from != "base":
        return False
    if lesson.task != dojo.spec.id or lesson.outcome != "kept" or not isfinite(lesson.gain):
        return False
    _, low, high = lesson.effect or (0.0, 0.0, 0.0)
    errors = hypot(
        (comparison.high - comparison.low) / 3.92, max(abs(high - low) / 3.92, LEAST_ERROR), BETWEEN_RUNS
    )
    return comparison.delta + 1.96 * errors < lesson.gain
