"""What lessons of earlier runs change in a run's plans: the first plan, which kind of data is looked at.

A lesson of the same task makes the first plan, in place of the screening whose answer it knows. Lessons of
other tasks say which kind of data to start with, by what every run found that tried both; they name no
source, and what the looks at the sources find out stays to be found out. Either gives way when this run
contradicts it. The learning rate that lessons favour is taken in ``roles.recalled_hyperparameters``.
"""

from __future__ import annotations

from math import isfinite

from memory.experience.effect import LEAST_ERROR, Effect
from memory.experience.lessons import Recalled
from memory.experience.ways import Ways
from memory.lesson import Kind
from memory.records import Experiment, Lesson, Plan
from roles.lesson import SOURCES_JOIN
from roles.lesson_verdict import misled
from roles.plan_context import PlannerContext, draft
from tools.checks.source_kinds import IN_WORDS, USABLE
from tools.checks.source_kinds import Kind as SourceKind

LESSON_SHARE = 1.5
"""A plan from a lesson takes the time of the screenings that it saves."""
SURE = 0.75
"""Probability from which on one kind of data is looked at and the other waits until training stalls: a wrong
order costs time, and no source is lost by it. Set on simulated tasks (``tests.bench.warm_start``), of which
half had been looked at."""


def from_lesson(context: PlannerContext) -> Plan | None:
    """First experiment with a warm memory: what worked on this task before, at full length; else the kind of
    data that works elsewhere, where there is a single source of it."""
    if context.history:
        return None
    return _of_this_task(context) or _of_other_tasks(context)


def unled(context: PlannerContext) -> tuple[Experiment, ...]:
    """The history without a first plan that followed lessons and was misled: what it was to save is open."""
    first = context.history[:1]
    if first and first[0].plan.lessons and misled(context.dojo, first[0]):
        return context.history[1:]
    return context.history


def preferred_kind(context: PlannerContext) -> tuple[Kind, Effect] | None:
    """The kind of data that lessons favour here, as long as this run does not contradict them."""
    if not all(context.groups[kind] for kind in USABLE):
        return None
    ways = context.dojo.ways(USABLE)
    for kind in USABLE:
        effect = ways.preference(kind)
        if effect is not None and effect.probability >= SURE:
            return None if _disappointed(context, kind, ways) else (kind, effect)
    return None


def preferred_groups(context: PlannerContext) -> dict[SourceKind, tuple[str, ...]]:
    """The sources by kind, without the kinds that lessons advise against."""
    preferred = preferred_kind(context)
    if preferred is None:
        return dict(context.groups)
    held = (preferred[0], "unusable")
    return {kind: names if kind in held else () for kind, names in context.groups.items()}


def _disappointed(context: PlannerContext, kind: Kind, ways: Ways) -> bool:
    """Whether the best training on a kind here removed clearly less than trainings as long did elsewhere."""
    sources = set(context.groups[kind])
    tried = [
        e
        for e in context.history
        if e.evaluation and e.training and e.training_plan and set(e.plan.sources) <= sources
    ]
    if not tried:
        return False
    best = max(tried, key=lambda e: e.evaluation.paired_score.value if e.evaluation else 0.0)
    assert best.evaluation is not None and best.training is not None and best.training_plan is not None
    size = best.training_plan.effective_batch_size
    promised = ways.expected(kind, elsewhere=True, rows_read=float(best.training.steps * size))
    if promised is None:
        return False
    base, score = context.score_of("base"), best.evaluation.paired_score
    left = max(100.0 - base, 1.0)
    error = max(100.0 * (score.high - score.low) / (2 * 1.96) / left, LEAST_ERROR)
    return 100.0 * (score.value - base) / left + 1.96 * error < promised.low


def _of_this_task(context: PlannerContext) -> Plan | None:
    advice = [
        item for item in context.advice if item.kind == "advice" and item.lesson.task == context.dojo.spec.id
    ]
    # What refined a champion does not suit a first training: a lesson from the base goes first.
    advice.sort(key=lambda item: (item.lesson.settings.get("start") != "base", -_sure_gain(item)))
    for item in advice:
        lesson = item.lesson
        sources = _sources_of_lesson(context, lesson)
        if not sources:
            continue
        kind = str(lesson.settings.get("kind", ""))
        return draft(
            context,
            sources=sources,
            init_from="base",
            change="first",
            hypothesis=f"What helped on this task before helps again: {IN_WORDS.get(kind, 'its')} answers",
            reason=f"lesson {lesson.id}, {_gain_here(context, lesson):+.1f} points; confirmed by "
            f"{item.trust.confirmations} later runs, contradicted by {item.trust.contradictions}",
            expected_gain=max(0.0, _gain_here(context, lesson)),
            share=LESSON_SHARE,
            lessons=(lesson.id,),
            weights=_weights_of_lesson(lesson, sources),
        )
    return None


def _of_other_tasks(context: PlannerContext) -> Plan | None:
    preferred = preferred_kind(context)
    if preferred is None or len(context.groups[preferred[0]]) > 1:
        return None  # which of several sources teaches, a look at each says
    kind, effect = preferred
    cited = [
        item.lesson.id
        for item in context.advice
        if item.kind == "advice" and item.lesson.tried and item.lesson.tried.kind == kind
    ]
    return draft(
        context,
        sources=context.groups[kind],
        init_from="base",
        change="first",
        hypothesis=f"{IN_WORDS[kind].capitalize()} answers teach more, as on other tasks",
        reason=f"removed so much more of the error than the other kind in the same run: {effect.text()}",
        expected_gain=min(max(0.0, effect.points), 100.0) * (100.0 - context.score_of("base")) / 100.0,
        share=LESSON_SHARE,
        lessons=tuple(cited[:1]),
    )


def _sure_gain(item: Recalled) -> float:
    """What is left of a gain when chance and doubt are taken off: the largest of many is large by chance."""
    lesson = item.lesson
    if not isfinite(lesson.gain):
        return 0.0
    _, low, high = lesson.effect or (0.0, 0.0, 0.0)
    error = max((high - low) / (2 * 1.96), LEAST_ERROR)
    return (min(lesson.gain, 100.0) - 1.96 * error) * item.trust.weight


def _gain_here(context: PlannerContext, lesson: Lesson) -> float:
    """A lesson's gain, no more than there is to gain here."""
    most = 100.0 - context.score_of("base")
    return min(lesson.gain, most) if isfinite(lesson.gain) else 0.0


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


def _weights_of_lesson(lesson: Lesson, sources: tuple[str, ...]) -> dict[str, float]:
    """The mixture that a lesson was learned with, where it is one of these very sources."""
    held = {name: lesson.weights.get(name, 0.0) for name in sources}
    fits = set(lesson.weights) == set(sources) and all(isfinite(each) and each > 0 for each in held.values())
    return held if fits else {}
