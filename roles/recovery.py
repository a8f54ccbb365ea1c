"""Recovery: the plan that a failed training leaves to be done, in the way that its diagnosis asks for.

What the diagnosis asks for is carried out where the setting is chosen: ``smaller`` by the ladder of savings
and by half of the time, ``tune`` by half of the rate that diverged, ``change_method`` by the other method,
each in ``roles.training_engineer`` and ``roles.training_gate``. Here only the work is taken up again, so
that a failure costs its seconds and not its idea. Looks are taken up again by the race that they belong to.
"""

from __future__ import annotations

from memory.records import Change, Experiment, Plan
from roles.plan_context import PlannerContext, draft
from roles.source_looks import is_look
from tools.checks.repeated_failure import MOST_TIMES, mendable

CHANGES: dict[str, Change] = {"smaller": "duration", "tune": "hyperparameters", "change_method": "method"}
"""By what a diagnosis asks for, what the second try changes."""


def once_more(context: PlannerContext) -> Plan | None:
    """The latest experiment's work again, where its training failed and not often enough to be given up."""
    failed = context.history[-1] if context.history else None
    if failed is None or failed.failure is None or is_look(failed) or not mendable(failed):
        return None
    before = failed.plan
    if sum(_alike(each, before) for each in context.history) >= MOST_TIMES:
        return None
    asked = failed.diagnosis.next_move if failed.diagnosis else "tune"
    return draft(
        context,
        sources=before.sources,
        init_from=before.init_from,
        change=CHANGES.get(asked, "hyperparameters"),
        hypothesis=f"What {failed.id} was to show can be shown: {before.hypothesis}",
        reason=f"{failed.id} failed ({failed.failure.code}), and its diagnosis asks for: "
        f"{asked.replace('_', ' ')}",
        expected_gain=before.expected_gain,
        seconds=min(before.max_seconds, context.dojo.remaining_budget_seconds()),
        weights=dict(before.weights),
        lessons=before.lessons,
    )


def _alike(experiment: Experiment, plan: Plan) -> bool:
    """Whether an experiment's training of the same work failed."""
    same = set(experiment.plan.sources) == set(plan.sources) and experiment.plan.init_from == plan.init_from
    return same and mendable(experiment)
