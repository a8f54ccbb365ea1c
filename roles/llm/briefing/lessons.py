"""Lessons of earlier runs, for a briefing: the recalled ones in a fence, and what all of them come to."""

from __future__ import annotations

from memory.experience.lessons import Recalled
from roles.hyperparameters import default_hyperparameters
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.layout import SHORTEST, quoted
from roles.method import method_for
from tools.chat.untrusted_text import one_line
from tools.checks.source_kinds import IN_WORDS, USABLE, usable_kinds
from tools.dojo import Dojo
from tools.process.root_cause import without_paths
from tools.training.learning_rate import place_of_rate, rate_at

LESSONS = 5
OF_ITS_OWN_POOL = ("sources",)
"""Settings that mean nothing on another task."""


def lessons(context: ExperimentContext, tokens: int) -> str:
    """What earlier runs taught: what all of them come to, then single ones, first those that a plan cites."""
    recalled = context.dojo.recall()
    cited = context.plan.lessons if context.plan else ()
    chosen = sorted(recalled, key=lambda item: item.lesson.id not in cited)[:LESSONS]
    told = over_all_tasks(context.dojo)
    if not chosen:
        return told
    room = max(SHORTEST, 3 * (tokens - 60) // len(chosen))
    text = "\n".join(one_line(_lesson(item, context.dojo.spec.id), room) for item in chosen)
    single = quoted(text, "lessons of earlier runs", tokens)
    return f"{told}\n{single}" if told else single


def over_all_tasks(dojo: Dojo) -> str:
    """Figures over the lessons of all tasks, a line each; empty where they say nothing."""
    kinds = usable_kinds(dojo.profiles())
    ways, method = dojo.ways(kinds), method_for(dojo)
    width = dojo.base_model.hidden_size
    lines = []
    for kind in USABLE:
        effect = ways.preference(kind)
        if kind in kinds and effect is not None and effect.points > 0:
            lines.append(
                f"- {IN_WORDS[kind]} data removed more of the error than other data in the same run, "
                f"in percent: {effect.text()}"
            )
    usual = place_of_rate(default_hyperparameters(method, width).learning_rate, method, width)
    advice = ways.rate(method, usual)
    if advice is not None:
        lines.append(
            f"- a learning rate of {rate_at(advice.place, method, width):.2g} did better than the usual one; "
            f"percent of the error that it removed beyond an average rate: {advice.gain.text()}"
        )
    return "\n".join(lines)


def _lesson(item: Recalled, task: str) -> str:
    lesson = item.lesson
    settings = ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in lesson.settings.items()
        if lesson.task == task or key not in OF_ITS_OWN_POOL
    )
    told = f"{lesson.id} ({item.kind}, {lesson.task}, {lesson.gain:+.1f} points"
    if item.trust.confirmations or item.trust.contradictions:
        votes = item.trust
        told += f"; later runs: {votes.confirmations} confirm it, {votes.contradictions} contradict it"
    if lesson.scripts:
        told += f"; its {len(lesson.scripts)} scripts can be read and taken over by this id"
    return f"{told}): {without_paths(lesson.text)} [{settings}]"
