"""From what a language model decided to the record: does the decision fit the facts of this run?

What may be done is checked where a person's and an outside agent's decisions are (``tools.checks``).
Each function takes the Dojo and a schema of ``roles.llm.schemas`` and returns the record. What does
not fit raises ``InvalidDecision`` with a sentence that says what would fit; the model reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from memory.journal.log import BASE
from memory.records import Comparison, Diagnosis, Experiment, Plan, Prediction, Verdict
from roles.llm.schemas import DiagnosisDecision, PlanDecision, Sentence, VerdictDecision
from roles.replay import share_for
from roles.stopping import Stop
from tasks.errors import InvalidDecision
from tools.checks.champion import beyond_budget, gate_words, replaces_incumbent
from tools.checks.plan import check_plan, nearest
from tools.dojo import Dojo

LEAST_EXPERIMENTS = 2
"""Finished experiments before a model may call the run done."""


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
    parent = decision.parent or decision.init_from
    plan = Plan(
        experiment=experiment,
        parent=None if parent == BASE else parent,
        hypothesis=decision.hypothesis,
        reason=decision.reason,
        change=decision.change,
        expected_gain=decision.expected_gain,
        sources=tuple(decision.sources),
        weights=dict(decision.weights),
        max_seconds=max(decision.share_of_remaining_budget * dojo.remaining_budget_seconds(), 0.0),
        rows=decision.rows or dojo.max_rows,
        init_from=decision.init_from,
        lessons=tuple(decision.lessons),
        tests=decision.tests,
        replay=share_for(dojo, done),
        decided_by="llm",
    )
    check_plan(dojo, plan)
    return plan


# -- the reading and the diagnosis -------------------------------------------------------------


def verdict_of(dojo: Dojo, comparison: Comparison, decision: VerdictDecision) -> Verdict:
    """The Evaluator's decision as a reading."""
    if decision.verdict == "keep" and not replaces_incumbent(comparison):
        raise InvalidDecision(
            f"verdict: the paired test against {comparison.champion} does not allow keep: "
            f"{gate_words(comparison)}; say discard"
        )
    clusters = _clusters(dojo, comparison)
    for name in decision.cluster_notes:
        if name not in clusters:
            raise InvalidDecision(f"cluster_notes: {name!r} is no error cluster; {nearest(name, clusters)}")
    return Verdict(
        verdict=decision.verdict,
        note=decision.note,
        cluster_notes=dict(decision.cluster_notes),
        decided_by="llm",
    )


def _clusters(dojo: Dojo, comparison: Comparison) -> list[str]:
    """The challenger's error clusters, by name."""
    evaluation = dojo.journal.evaluation(comparison.challenger)
    return [cluster.name for cluster in evaluation.clusters] if evaluation else []


def with_notes(dojo: Dojo, comparison: Comparison, verdict: Verdict, seen: Mapping[str, Any]) -> Verdict:
    """Another's verdict with what of a refused decision can be used: its note, its words on known clusters.

    Args:
        dojo: the run.
        comparison: what was measured.
        verdict: the playbook's.
        seen: the decision's arguments, of whatever type.
    """
    clusters = _clusters(dojo, comparison)
    given = seen.get("cluster_notes")
    notes = {
        str(name): text
        for name, text in (given.items() if isinstance(given, Mapping) else ())
        if name in clusters and _is_sentence(text)
    }
    note = seen.get("note")
    said = f"{verdict.note}; the model's note: {note}" if _is_sentence(note) else verdict.note
    return verdict.model_copy(update={"note": said, "cluster_notes": notes})


def _is_sentence(text: Any) -> bool:
    try:
        TypeAdapter(Sentence).validate_python(text)
    except ValidationError:
        return False
    return True


ORIGINS = {
    "data": {"data"},
    "underfit": {"training", "data"},
    "overfit": {"training", "data"},
    "divergence": {"training", "data"},
    "evaluation": {"evaluation"},
    "forgetting": {"training", "data"},
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
                f"evidence: {item.experiment!r} is no experiment; {nearest(item.experiment, known)}"
            )
    _check_consistency(experiment, decision)
    _check_claim(dojo, experiment, decision)
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
    if cause == "forgetting" and not beyond_budget(experiment):
        raise InvalidDecision(f"cause: {experiment.id} did not forget more than its budget allows")
    if decision.prediction is None and decision.next_move != "stop":
        raise InvalidDecision(
            "prediction: name the one change that would test the cause, and what it should gain"
        )


def _check_claim(dojo: Dojo, experiment: Experiment, decision: DiagnosisDecision) -> None:
    """A prediction is tested by a plan of its own change: what it claims has to be of that change."""
    prediction = decision.prediction
    if prediction is None:
        return
    words = set(re.findall(r"[\w-]+", prediction.claim))
    new = sorted(name for name in words & set(dojo.profiles()) if name not in experiment.plan.sources)
    if new and prediction.change not in ("sources", "data"):
        raise InvalidDecision(
            f"prediction: a change of {prediction.change} keeps the sources of {experiment.id} "
            f"({', '.join(experiment.plan.sources)}), and the claim names {', '.join(new)}; say sources, or "
            "data where the operations change with them, or claim something of the present sources"
        )
