"""The plan that a remembered lesson makes, in place of the screening whose answer it knows."""

from __future__ import annotations

from memory.records import Lesson, Plan
from roles.lesson import SOURCES_JOIN
from roles.plan_context import PlannerContext, draft
from tools.checks.source_kinds import IN_WORDS

LESSON_SHARE = 1.5
"""A plan from a lesson takes the time of the screenings that it saves."""


def from_lesson(context: PlannerContext) -> Plan | None:
    """First experiment with a warm memory: what worked on this task before, at full length."""
    advice = [
        item for item in context.advice if item.kind == "advice" and item.lesson.task == context.dojo.spec.id
    ]
    if context.history or not advice:
        return None
    # What refined a champion does not suit a first training: a lesson from the base goes first.
    advice.sort(key=lambda item: (item.lesson.settings.get("start") != "base", -item.lesson.gain))
    lesson = advice[0].lesson
    kind = str(lesson.settings.get("kind", ""))
    sources = _sources_of_lesson(context, lesson)
    if not sources:
        return None
    return draft(
        context,
        sources=sources,
        init_from="base",
        change="first",
        hypothesis=f"What helped on this task before helps again: {IN_WORDS.get(kind, kind)} answers",
        reason=f"lesson {lesson.id}: {lesson.text}",
        expected_gain=max(0.0, lesson.gain),
        share=LESSON_SHARE,
        lessons=(lesson.id,),
    )


def _sources_of_lesson(context: PlannerContext, lesson: Lesson) -> tuple[str, ...]:
    """The sources that a lesson means here: its own on the same data, else those of its kind.

    Names differ from pool to pool, kinds do not.
    """
    named = tuple(str(lesson.settings.get("sources", "")).split(SOURCES_JOIN))
    if lesson.features.get("data") == context.dojo.journal.info.data_digest and set(named) <= set(
        context.usable
    ):
        return named
    kind = lesson.settings.get("kind")
    if kind == "chain_of_thought":
        return context.groups["chain_of_thought"]
    if kind == "direct":
        return context.groups["direct"]
    return context.usable if kind == "all" else ()
