"""Screening: each kind of data once, where time holds no look at each source.

Where there is one kind alone, nothing is ranked, and a short budget goes into one long training at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from memory.records import Plan
from roles import replay
from roles.method import method_for
from roles.plan_context import SCREEN_GAIN, PlannerContext, draft
from roles.recall import preferred_groups, unled
from roles.time_split import experiment_seconds
from tools.checks.source_kinds import IN_WORDS, why_unusable

SCREEN_SHARE = 0.6
"""A screening's budget, relative to an equal share of the time left: a ranking of data takes less
training than a champion. Set on the synthetic editions."""
CONTROL_SHARE = 0.4
"""Of the time left, the most that a screening of another kind may take once one kind has taught something:
where one more experiment is left, a control would take the place of the training that it is to inform."""


def _candidates(context: PlannerContext) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(kind, sources, reason) worth a screening, best guess first."""
    groups = preferred_groups(context)
    if groups["chain_of_thought"]:
        yield (
            "chain_of_thought",
            groups["chain_of_thought"],
            "written steps teach small models more than direct answers (arXiv 2212.10071)",
        )
    if groups["direct"]:
        yield "direct", groups["direct"], "the control: the same task with direct answers"


def screen(context: PlannerContext) -> Plan | None:
    """Each kind of data once, from the base weights; none after a lesson has answered the question."""
    answered = unled(context)
    if context.history and (context.chosen or (answered and answered[0].plan.lessons and context.champion)):
        return None
    candidates = list(_candidates(context))
    for kind, sources, reason in candidates:
        if context.tried(sources, "base"):
            continue
        if context.champion is not None and not _affords_control(context):
            return None
        rejected = ", ".join(
            f"{name} ({why_unusable(context.dojo.profiles()[name])})" for name in context.groups["unusable"]
        )
        alone = len(candidates) == 1 and not context.history
        seconds = context.long_seconds(sources) if alone else None
        plan = draft(
            context,
            sources=sources,
            init_from="base",
            change="sources" if context.history else "first",
            hypothesis=f"Cleaned {IN_WORDS[kind]} answers from {len(sources)} source(s) teach the task",
            reason=reason + (f"; left out: {rejected}" if rejected else ""),
            expected_gain=SCREEN_GAIN,
            share=SCREEN_SHARE,
            seconds=seconds,
        )
        return plan if seconds is None else _insured(context, plan)
    return None


def _insured(context: PlannerContext, plan: Plan) -> Plan:
    """With general rows where there are some: most of the budget is not staked on what it may forget."""
    share = replay.SHARES[0] if replay.can_replay(context.dojo) else 0.0
    return plan.model_copy(update={"replay": share})


def _affords_control(context: PlannerContext) -> bool:
    dojo = context.dojo
    seconds = experiment_seconds(dojo, context.history, method_for(dojo), SCREEN_SHARE)
    return seconds <= CONTROL_SHARE * dojo.remaining_budget_seconds()
