"""Candidate plans of one decision, ranked by expected gain per second of the time that each asks for.

The time holds data, training and evaluation, and a plan of less than an experiment costs at least is refused:
a short plan does not win by being short. Gains are the model's own, and are held against what happened.
"""

from __future__ import annotations

from memory.records import Alternative, Plan
from roles.llm.schemas import AlternativePlan, PlanDecision
from roles.llm.validate import plan_of
from roles.stopping import Stop
from tasks.errors import InvalidDecision
from tools.dojo import Dojo


def best_plan(dojo: Dojo, experiment: str, decision: PlanDecision) -> Plan | Stop:
    """The candidate with the highest expected gain per second, with the others on record.

    Raises:
        InvalidDecision: no candidate can be run; what the first one lacks.
    """
    if decision.stop or not decision.alternatives:
        return plan_of(dojo, experiment, decision)
    plans: list[Plan] = []
    refused: list[Alternative] = []
    first: InvalidDecision | None = None
    for candidate in (decision, *(_as_decision(decision, each) for each in decision.alternatives)):
        try:
            plan = plan_of(dojo, experiment, candidate)
        except InvalidDecision as misfit:
            first = first or misfit
            refused.append(_refused(dojo, candidate, str(misfit)))
        else:
            assert isinstance(plan, Plan)  # only a stop is none
            plans.append(plan)
    if not plans:
        assert first is not None
        raise first
    ranked = sorted(plans, key=lambda plan: -gain_per_second(plan))
    others = (*(_lower(plan) for plan in ranked[1:]), *refused)
    return ranked[0].model_copy(update={"alternatives": others})


def gain_per_second(plan: Plan) -> float:
    """Points of validation score per second of wall-clock: what candidates are ranked by."""
    return plan.expected_gain / max(plan.max_seconds, 1e-9)


def _as_decision(decision: PlanDecision, other: AlternativePlan) -> PlanDecision:
    """An alternative as the decision that it would have been; reason and lessons are the decision's."""
    return decision.model_copy(update={**dict(other), "alternatives": []})


def _lower(plan: Plan) -> Alternative:
    return Alternative(
        hypothesis=plan.hypothesis,
        change=plan.change,
        init_from=plan.init_from,
        sources=plan.sources,
        expected_gain=plan.expected_gain,
        seconds=plan.max_seconds,
    )


def _refused(dojo: Dojo, decision: PlanDecision, why: str) -> Alternative:
    return Alternative(
        hypothesis=decision.hypothesis,
        change=decision.change,
        init_from=decision.init_from,
        sources=tuple(decision.sources),
        expected_gain=decision.expected_gain,
        seconds=decision.share_of_remaining_budget * max(dojo.remaining_budget_seconds(), 0.0),
        refused=why,
    )
