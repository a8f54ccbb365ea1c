"""From what a language model decided to the record: does the decision fit the facts of this run?

Each function takes the Dojo and a schema of ``roles.llm.schemas`` and returns the record. What does
not fit raises ``InvalidDecision`` with a sentence that says what would fit; the model reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memory.records import Comparison, Diagnosis, Experiment, Plan, Prediction, Verdict
from roles.evaluator import replaces_champion
from roles.llm.reply_validator import InvalidDecision
from roles.llm.schemas import DiagnosisDecision, PlanDecision, VerdictDecision
from roles.source_kinds import kind_of, why_unusable
from tasks.errors import did_you_mean
from tools.dojo import Dojo

LEAST_EXPERIMENTS = 2
"""Finished experiments before a model may call the run done."""
MOST_NAMES = 40


@dataclass(frozen=True)
class Stop:
    """Nothing is left that is worth trying."""

    reason: str


# -- the plan ----------------------------------------------------------------------------------


def plan_of(dojo: Dojo, experiment: str, decision: PlanDecision) -> Plan | Stop:
    """The Planner's decision as a plan."""
    done = dojo.journal.experiments()
    if decision.stop:
        if len(done) < LEAST_EXPERIMENTS:
            raise InvalidDecision(
                f"stop: {len(done)} experiments are finished, and a run takes at least "
                f"{LEAST_EXPERIMENTS}; plan the next one"
            )
        return Stop(decision.reason)
    _check_sources(dojo, decision)
    _check_weights(decision)
    parent = _parent(dojo, decision, done)
    _check_change(decision, parent, done)
    _check_test(decision, done)
    known = [item.lesson.id for item in dojo.recall()] if decision.lessons else []
    for lesson in decision.lessons:
        if lesson not in known:
            raise InvalidDecision(f"lessons: {lesson!r} was not recalled; {_known(lesson, known)}")
    if decision.rows is not None and decision.rows > dojo.max_rows:
        raise InvalidDecision(f"rows: at most {dojo.max_rows} in this run, not {decision.rows}")
    return Plan(
        experiment=experiment,
        parent=parent.id if parent else None,
        hypothesis=decision.hypothesis,
        reason=decision.reason,
        change=decision.change,
        expected_gain=decision.expected_gain,
        sources=tuple(decision.sources),
        weights=dict(decision.weights),
        max_seconds=_seconds(dojo, decision.share_of_remaining_budget),
        rows=decision.rows or dojo.max_rows,
        init_from=decision.init_from,
        lessons=tuple(decision.lessons),
        tests=decision.tests,
        decided_by="llm",
    )


def _check_sources(dojo: Dojo, decision: PlanDecision) -> None:
    profiles = dojo.profiles()
    for name in decision.sources:
        if name not in profiles:
            raise InvalidDecision(f"sources: {name!r} is no source; {_known(name, profiles)}")
    if len(set(decision.sources)) < len(decision.sources):
        raise InvalidDecision("sources: each source once")
    if all(kind_of(profiles[name]) == "unusable" for name in decision.sources):
        reasons = "; ".join(f"{name}: {why_unusable(profiles[name])}" for name in decision.sources)
        usable = [name for name, profile in profiles.items() if kind_of(profile) != "unusable"]
        raise InvalidDecision(
            f"sources: none of these can be used alone ({reasons}); usable: {', '.join(usable)}"
        )


def _check_weights(decision: PlanDecision) -> None:
    strange = [name for name in decision.weights if name not in decision.sources]
    missing = [name for name in decision.sources if name not in decision.weights]
    if strange:
        raise InvalidDecision(f"weights: {', '.join(strange)} not among the plan's sources")
    if decision.weights and missing:
        raise InvalidDecision(
            f"weights: none for {', '.join(missing)}; give one for each source, or none at all"
        )


def _parent(dojo: Dojo, decision: PlanDecision, done: tuple[Experiment, ...]) -> Experiment | None:
    """The parent's experiment; None for the base model."""
    by_id = {experiment.id: experiment for experiment in done}
    trained = [experiment.id for experiment in done if experiment.training is not None]
    if decision.init_from != "base" and decision.init_from not in trained:
        raise InvalidDecision(
            f"init_from: {decision.init_from!r} has no trained weights; {_known('', ['base', *trained])}"
        )
    parent = decision.parent or decision.init_from
    if parent != "base" and parent not in by_id:
        raise InvalidDecision(
            f"parent: {parent!r} is no finished experiment; {_known(parent, ['base', *by_id])}"
        )
    if decision.init_from not in ("base", parent):
        raise InvalidDecision(
            f"parent: training goes on from {decision.init_from}, so the parent is {decision.init_from}, "
            f"not {parent}"
        )
    return by_id.get(parent)


def _check_change(decision: PlanDecision, parent: Experiment | None, done: tuple[Experiment, ...]) -> None:
    """One change, and the one that is named."""
    if (decision.change == "first") != (not done):
        said = "is for the first experiment of a run" if done else "is what the first experiment's has to be"
        raise InvalidDecision(f"change: `first` {said}")
    if parent is None or decision.change == "first":
        return
    before = parent.plan
    same = set(decision.sources) == set(before.sources) and dict(decision.weights) == before.weights
    if decision.change == "sources" and same:
        raise InvalidDecision(
            f"change: says sources, and they are those of {parent.id} with the same weights"
        )
    if decision.change != "sources" and set(decision.sources) != set(before.sources):
        raise InvalidDecision(
            f"change: says {decision.change}, yet the sources differ from those of {parent.id} "
            f"({', '.join(before.sources)}); change one thing at a time"
        )


def _check_test(decision: PlanDecision, done: tuple[Experiment, ...]) -> None:
    if not decision.tests:
        return
    open_ = {e.id: e.diagnosis.prediction for e in done if e.diagnosis and e.diagnosis.prediction}
    prediction = open_.get(decision.tests)
    if prediction is None:
        raise InvalidDecision(
            f"tests: {decision.tests!r} made no prediction; {_known(decision.tests, open_)}"
        )
    if prediction.change != decision.change:
        raise InvalidDecision(
            f"tests: {decision.tests} predicts what a change of {prediction.change} brings, "
            f"and this plan changes {decision.change}"
        )


def _seconds(dojo: Dojo, share: float) -> float:
    left, least = dojo.remaining_budget_seconds(), dojo.minimum_experiment_seconds()
    if share * left < min(least, left):
        raise InvalidDecision(
            f"share_of_remaining_budget: {share:g} of the {left:.0f} s left is {share * left:.0f} s, and an "
            f"experiment needs at least {least:.0f} s: between {min(1.0, least / left + 0.005):.2f} and 1.0"
        )
    return max(share * left, 0.0)


# -- the reading and the diagnosis -------------------------------------------------------------


def verdict_of(dojo: Dojo, experiment: str, comparison: Comparison, decision: VerdictDecision) -> Verdict:
    """The Evaluator's decision as a reading."""
    if decision.verdict == "keep" and not replaces_champion(comparison):
        raise InvalidDecision(
            f"verdict: the paired test does not allow keep ({comparison.delta:+.1f} points over "
            f"{comparison.champion}, p={comparison.p_value:.2g}); say discard"
        )
    evaluation = dojo.journal.evaluation(experiment)
    clusters = [cluster.name for cluster in evaluation.clusters] if evaluation else []
    for name in decision.cluster_notes:
        if name not in clusters:
            raise InvalidDecision(f"cluster_notes: {name!r} is no error cluster; {_known(name, clusters)}")
    return Verdict(
        verdict=decision.verdict,
        note=decision.note,
        cluster_notes=dict(decision.cluster_notes),
        decided_by="llm",
    )


ORIGINS = {
    "data": {"data"},
    "underfit": {"training", "data"},
    "overfit": {"training", "data"},
    "divergence": {"training", "data"},
    "evaluation": {"evaluation"},
}
"""Causes that leave only these origins."""


def diagnosis_of(
    dojo: Dojo, experiment: Experiment, floor: Diagnosis, decision: DiagnosisDecision
) -> Diagnosis:
    """The Diagnostician's decision as a diagnosis.

    Args:
        dojo: the run.
        experiment: what is diagnosed.
        floor: the playbook's diagnosis, whose audit of the sources is measured and stays.
        decision: what the model says.
    """
    known = ["base", *(done.id for done in dojo.journal.experiments()), experiment.id]
    for item in decision.evidence:
        if item.experiment not in known:
            raise InvalidDecision(
                f"evidence: {item.experiment!r} is no experiment; {_known(item.experiment, known)}"
            )
    _check_consistency(experiment, decision)
    prediction = decision.prediction
    return Diagnosis(
        cause=decision.cause,
        level=decision.level,
        origin=decision.origin,
        evidence=tuple(f"{item.experiment}: {item.fact}" for item in decision.evidence),
        next_move=decision.next_move,
        note=decision.note,
        source_scores=floor.source_scores,
        prediction=Prediction(
            change=prediction.change, claim=prediction.claim, expected_gain=prediction.expected_gain
        )
        if prediction
        else None,
        decided_by="llm",
    )


def _check_consistency(experiment: Experiment, decision: DiagnosisDecision) -> None:
    cause = decision.cause
    origins = ORIGINS.get(cause)
    if cause in ("format", "capability") and decision.level != cause:
        raise InvalidDecision(f"level: the cause is {cause}, so the level is {cause}, not {decision.level}")
    if origins and decision.origin not in origins:
        raise InvalidDecision(f"origin: with the cause {cause} it is {' or '.join(sorted(origins))}")
    if experiment.failure is not None and experiment.failure.code != "rejected" and cause == "none":
        raise InvalidDecision(
            f"cause: {experiment.id} failed ({experiment.failure.code}), so there is a cause"
        )
    if decision.prediction is None and decision.next_move != "stop":
        raise InvalidDecision(
            "prediction: name the one change that would test the cause, and what it should gain"
        )


def _known(name: str, known: Iterable[str]) -> str:
    """What there is instead, the nearest names first."""
    names = list(known)[:MOST_NAMES]
    return did_you_mean(name, names) if names else "there is none"
