"""The check of a plan: may this experiment be run here, and does it change the one thing it names?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import get_args

from memory.journal.log import BASE
from memory.records import Change, Plan
from tasks.errors import InvalidDecision, did_you_mean
from tools.checks.repeated_failure import check_plan_repeats
from tools.checks.repeats import refusal
from tools.checks.source_kinds import kind_of, why_unusable
from tools.dojo import Dojo

CLOCK_SECONDS = 5.0
"""The budget goes on falling between the drafting of a plan and its check."""
MOST_NAMES = 40


def check_plan(dojo: Dojo, plan: Plan) -> None:
    """Raise for the first thing that does not fit the run.

    Raises:
        InvalidDecision: the field, what is wrong with it, and what would fit.
    """
    for check in PLAN_CHECKS:
        check(dojo, plan)


def check_names(dojo: Dojo, plan: Plan) -> None:
    """Raise where a plan names what is not there, or asks for more rows than the run allows.

    Raises:
        InvalidDecision: the field, what is wrong with it, and what would fit.
    """
    for check in NAME_CHECKS:
        check(dojo, plan)


def nearest(name: str, known: Iterable[str]) -> str:
    """What there is instead of an unknown name, the nearest names first."""
    names = list(known)[:MOST_NAMES]
    return did_you_mean(name, names) if names else "there is none"


def _check_sources(dojo: Dojo, plan: Plan) -> None:
    profiles = dojo.profiles()
    if not plan.sources:
        raise InvalidDecision("sources: name at least one")
    for name in plan.sources:
        if name not in profiles:
            raise InvalidDecision(f"sources: {name!r} is no source; {nearest(name, profiles)}")
    if twice := sorted({name for name in plan.sources if plan.sources.count(name) > 1}):
        raise InvalidDecision(f"sources: {', '.join(twice)} more than once; name each source once")
    if all(kind_of(profiles[name]) == "unusable" for name in plan.sources):
        reasons = "; ".join(f"{name}: {why_unusable(profiles[name])}" for name in plan.sources)
        usable = [name for name, profile in profiles.items() if kind_of(profile) != "unusable"]
        raise InvalidDecision(
            f"sources: none of these can be used alone ({reasons}); usable: {', '.join(usable)}"
        )


def _check_weights(dojo: Dojo, plan: Plan) -> None:
    strange = [name for name in plan.weights if name not in plan.sources]
    missing = [name for name in plan.sources if name not in plan.weights]
    if strange:
        raise InvalidDecision(
            f"weights: {', '.join(strange)} not among the plan's sources ({', '.join(plan.sources)})"
        )
    if plan.weights and missing:
        raise InvalidDecision(
            f"weights: none for {', '.join(missing)}; give one for each source, or none at all"
        )
    for name, share in plan.weights.items():
        if not (math.isfinite(share) and share > 0):
            raise InvalidDecision(
                f"weights: {share:g} for {name}; give a number over 0, or leave the source out"
            )


def _check_parent(dojo: Dojo, plan: Plan) -> None:
    done = dojo.journal.experiments()
    trained = [e.id for e in done if e.training is not None and e.id not in dojo.journal.pruned]
    if plan.init_from != BASE and plan.init_from not in trained:
        raise InvalidDecision(
            f"init_from: {plan.init_from!r} has no trained weights; {nearest('', [BASE, *trained])}"
        )
    parent, known = plan.parent or BASE, [BASE, *(experiment.id for experiment in done)]
    if parent not in known:
        raise InvalidDecision(f"parent: {parent!r} is no finished experiment; {nearest(parent, known)}")
    if plan.init_from not in (BASE, parent):
        raise InvalidDecision(
            f"parent: training goes on from {plan.init_from}, so the parent is {plan.init_from}, not {parent}"
        )


def _check_change(dojo: Dojo, plan: Plan) -> None:
    """One change, and the one that is named."""
    done = dojo.journal.experiments()
    if (plan.change == "first") != (not done):
        names = ", ".join(name for name in get_args(Change) if name != "first")
        said = f"is for the first experiment of a run; say the one thing that differs: {names}"
        raise InvalidDecision(
            f"change: `first` {said if done else 'is what the first experiment has to say'}"
        )
    parent = next((experiment for experiment in done if experiment.id == plan.parent), None)
    if parent is None or plan.change == "first":
        return
    before = parent.plan
    others, weighed = set(plan.sources) != set(before.sources), plan.shares != before.shares
    if plan.change in ("sources", "data") and not (others or weighed):
        instead = "; say operations, where those alone change" if plan.change == "data" else ""
        raise InvalidDecision(
            f"change: says {plan.change}, and they are the sources of {parent.id} with the same "
            f"weights{instead}"
        )
    if plan.change in ("sources", "data"):
        return
    if others:
        raise InvalidDecision(
            f"change: says {plan.change}, yet the sources differ from those of {parent.id} "
            f"({', '.join(before.sources)}); change one thing at a time, or say data where the new sources "
            "come with the operations that they need"
        )
    if weighed:
        raise InvalidDecision(
            f"weights: the plan changes {plan.change}, so they stay those of {parent.id}: "
            f"{dict(before.weights) or 'none'}"
        )


def _check_test(dojo: Dojo, plan: Plan) -> None:
    if not plan.tests:
        return
    done = dojo.journal.experiments()
    made = {e.id: e.diagnosis.prediction for e in done if e.diagnosis and e.diagnosis.prediction}
    prediction = made.get(plan.tests)
    if prediction is None:
        raise InvalidDecision(f"tests: {plan.tests!r} made no prediction; {nearest(plan.tests, made)}")
    if prediction.change != plan.change:
        raise InvalidDecision(
            f"tests: {plan.tests} predicts what a change of {prediction.change} brings, and this plan "
            f"changes {plan.change}; leave tests empty, or change {prediction.change} alone"
        )


def _check_lessons(dojo: Dojo, plan: Plan) -> None:
    known = [item.lesson.id for item in dojo.recall()] if plan.lessons else []
    for lesson in plan.lessons:
        if lesson not in known:
            raise InvalidDecision(f"lessons: {lesson!r} was not recalled; {nearest(lesson, known)}")


def _check_rows(dojo: Dojo, plan: Plan) -> None:
    if plan.rows > dojo.max_rows:
        raise InvalidDecision(f"rows: at most {dojo.max_rows} in this run, not {plan.rows}")


def _check_seconds(dojo: Dojo, plan: Plan) -> None:
    left = max(dojo.remaining_budget_seconds(), 0.0)
    least = min(dojo.minimum_experiment_seconds(), left)
    if not least <= plan.max_seconds <= left + CLOCK_SECONDS or not plan.max_seconds > 0:
        raise InvalidDecision(
            f"max_seconds: {plan.max_seconds:.0f} s of the {left:.0f} s left, and an experiment here needs "
            f"at least {least:.0f} s; take {least:.0f} to {left:.0f} s, a share_of_remaining_budget "
            f"between {min(1.0, least / max(left, 1.0) + 0.005):.2f} and 1.0"
        )


def _check_repeat(dojo: Dojo, plan: Plan) -> None:
    if why := refusal(dojo, plan):
        raise InvalidDecision(f"hypothesis: {why}; change the sources, the weights to go on from or the time")


NAME_CHECKS: tuple[Callable[[Dojo, Plan], None], ...] = (
    _check_sources,
    _check_weights,
    _check_parent,
    _check_rows,
)
"""Of every plan, our own rules' too: what it names is there, and its rows are no more than the run allows."""
PLAN_CHECKS: tuple[Callable[[Dojo, Plan], None], ...] = (
    *NAME_CHECKS,
    _check_change,
    _check_test,
    _check_lessons,
    _check_seconds,
    check_plan_repeats,
    _check_repeat,
)
"""Each alone; the first that raises is told."""
