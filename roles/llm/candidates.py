"""Candidate plans of one decision, ranked by expected gain per second of the time that each asks for.

The time holds data, training and evaluation, and a plan of less than an experiment costs at least is refused:
a short plan does not win by being short. Gains are the model's own, and are held against what happened; where
earlier experiments say something of a plan as well (``roles.forecast``), both count by how sure they are.
"""

from __future__ import annotations

from memory.journal.log import BASE
from memory.records import Alternative, Plan
from roles.forecast import forecast
from roles.llm.schemas import AlternativePlan, PlanDecision
from roles.llm.validate import plan_of
from roles.stopping import Stop
from tasks.errors import InvalidDecision
from tools.dojo import Dojo

OWN_SD = 20.0
"""Points that a plan's expectation is off before a run has shown it. The rules' guesses were off by 24 (139
experiments, root of the mean square); a model's are little better known."""
OWN_COUNT = 2


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
            plans.append(plan.model_copy(update={"forecast": forecast(dojo, plan)}))
    if not plans:
        assert first is not None
        raise first
    own_sd = sd_of_expectations(dojo)
    ranked = sorted(plans, key=lambda plan: -gain_per_second(plan, own_sd))
    others = (*(_lower(plan) for plan in ranked[1:]), *refused)
    return ranked[0].model_copy(update={"alternatives": others})


def gain_per_second(plan: Plan, own_sd: float = OWN_SD) -> float:
    """Points of validation score per second of wall-clock: what candidates are ranked by."""
    return weighed_gain(plan, own_sd) / max(plan.max_seconds, 1e-9)


def weighed_gain(plan: Plan, own_sd: float) -> float:
    """A plan's own expectation and its forecast, each weighed by the inverse of its variance.

    Args:
        plan: with its forecast, where there is one.
        own_sd: how far expectations of plans are off, in points.
    """
    if plan.forecast is None:
        return plan.expected_gain
    own, other = own_sd**-2, plan.forecast.sd**-2
    return (own * plan.expected_gain + other * plan.forecast.gain) / (own + other)


def sd_of_expectations(dojo: Dojo) -> float:
    """How far this run's plans were off, in points: the root of the mean square, with ``OWN_SD`` in the place
    of ``OWN_COUNT`` plans before the first."""
    base, history = dojo.journal.base_evaluation, dojo.journal.experiments()
    squares = [OWN_SD**2] * OWN_COUNT
    for e in history if base else ():
        start = e.plan.init_from
        before = base if start == BASE else dojo.journal.evaluation(start)
        if before is not None and e.evaluation is not None:
            gain = e.evaluation.paired_score.points - before.paired_score.points
            squares.append((e.plan.expected_gain - gain) ** 2)
    return float((sum(squares) / len(squares)) ** 0.5)


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
        forecast=plan.forecast,
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
