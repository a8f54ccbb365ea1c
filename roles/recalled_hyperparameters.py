"""Hyperparameters that lessons of earlier runs bring, held against the limits of this run.

A lesson may come from anywhere: its values pass the check that a language model's pass, and one that does not
is refused with the reason, which the training plan shows.
"""

from __future__ import annotations

from memory.records import Lesson
from roles.hyperparameters import Hyperparameters, batch_sizes, default_hyperparameters
from roles.time_split import mean_row_tokens
from tasks.errors import InvalidDecision
from tools.checks.source_kinds import usable_kinds
from tools.checks.training import check_batch_size, check_rate
from tools.dojo import Dojo
from tools.training.learning_rate import Method, place_of_rate, rate_at


def from_lesson(dojo: Dojo, lesson: Lesson, method: Method) -> Hyperparameters | None:
    """What a cited lesson recommends; None where it recommends nothing for this method.

    Raises:
        InvalidDecision: its values do not fit this run.
    """
    settings = lesson.settings
    if settings.get("method") != method or "learning_rate" not in settings:
        return None
    rate = _number(lesson, "learning_rate")
    check_rate(rate, method, dojo.base_model.hidden_size)
    size = _number(lesson, "per_device_train_batch_size") if "per_device_train_batch_size" in settings else 16
    check_batch_size(size)
    return Hyperparameters(rate, int(size), f"lesson {lesson.id}")


def from_other_tasks(dojo: Dojo, method: Method) -> Hyperparameters | None:
    """The rate that lessons of all tasks favour, at its place in the range for this width; None where they
    give no reason to leave the default."""
    width = dojo.base_model.hidden_size
    usual = default_hyperparameters(method, width).learning_rate
    advice = dojo.ways(usable_kinds(dojo.profiles())).rate(method, place_of_rate(usual, method, width))
    if advice is None:
        return None
    size = min(batch_sizes(mean_row_tokens(dojo)), key=lambda known: abs(known - advice.batch_size))
    told = f"lessons, {advice.gain.text()} against an average rate"
    return Hyperparameters(rate_at(advice.place, method, width), size, told)


def cited(dojo: Dojo, lessons: tuple[Lesson, ...], method: Method) -> tuple[Hyperparameters | None, str]:
    """The first cited lesson's hyperparameters that fit, and why others were refused.

    A single lesson of another task counts for less than all of them together.
    """
    refused: list[str] = []
    for lesson in lessons:
        try:
            elsewhere = lesson.task != dojo.spec.id
            found = (from_other_tasks(dojo, method) if elsewhere else None) or from_lesson(
                dojo, lesson, method
            )
        except InvalidDecision as error:
            refused.append(f"lesson {lesson.id} refused: {error}")
            continue
        if found is not None:
            return found, "; ".join(refused)
    return None, "; ".join(refused)


def _number(lesson: Lesson, name: str) -> float:
    try:
        return float(lesson.settings[name])
    except ValueError as error:
        raise InvalidDecision(f"{name}: {lesson.settings[name]!r} is no number") from error
