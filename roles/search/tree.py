"""Tree search as the Planner's way to choose: all proposals of the rules, one choice, its reason on
record."""

from __future__ import annotations

import random
from collections.abc import Iterable

from memory.records import Plan
from roles.plan_context import PlannerContext
from roles.search.outlook import Forecaster, no_forecast, outlook
from roles.search.policy import Candidate, search_policy, told
from roles.stopping import Stop


def choose(
    context: PlannerContext, proposals: Iterable[Plan], forecast: Forecaster = no_forecast
) -> Plan | Stop | None:
    """The next plan; a stop where nothing is worth its time; None where nothing is proposed.

    Args:
        context: what the Planner has in front of it.
        proposals: plans with their moves, in the order in which the rules would make them.
        forecast: the learned model of outcomes, where there is one.
    """
    candidates = [Candidate(plan, outlook(context, plan, forecast)) for plan in distinct(proposals)]
    if not candidates:
        return None
    draws = random.Random(f"{context.dojo.seed} {context.experiment}")
    left = context.dojo.remaining_budget_seconds()
    choice = search_policy(candidates, context.history, left, draws)
    if choice.chosen is None:
        best = max(candidates, key=lambda each: each.outlook.gain)
        return Stop(f"{choice.case}; the best candidate was {best.plan.move}: {best.outlook.text()}")
    return told(choice, candidates)


def distinct(proposals: Iterable[Plan]) -> list[Plan]:
    """The first of proposals that come to the same work."""
    found: dict[tuple[object, ...], Plan] = {}
    for plan in proposals:
        key = (frozenset(plan.sources), plan.init_from, tuple(sorted(plan.shares.items())), plan.steps)
        found.setdefault(key, plan)
    return list(found.values())
