"""The audit's rule: when the labels of the sources are held against a model's answers, and which ones.

An audit costs the answers to a sample of every source: seconds on a small model, minutes on a real one.
So it is made after the first kept experiment and once more when the champion has become clearly better
than at the first, and only where it takes a small part of the time in which what it finds can be used.
"""

from __future__ import annotations

from memory.records import Diagnosis, Evaluation, Experiment
from roles.source_looks import is_look
from tools.checks.source_kinds import can_be_audited
from tools.curation.audit import AUDIT_ROWS
from tools.dojo import Dojo
from tools.evaluation.answering_time import seconds_for

MOST_AUDITS = 2
CLEARLY_BETTER = 10.0
"""Points of validation score since the last audit that make another one worth its seconds."""
TIME_SHARE = 0.1
"""Of the time left for experiments, the most that an audit may take. A judgement: an audit at the end of a
run of SmolLM2-135M took 175 of its last 394 s, and nothing came after it."""
LEAST_RIGHT = 0.5
"""Share of validation items that a model trained on one source must get right to be asked about the others:
by then its answers say what their labels mean."""


def sources_to_audit(dojo: Dojo, experiment: Experiment) -> tuple[str, ...]:
    """The sources whose answers can be held against labels, where the experiment is to be audited; else none.

    Only a kept model is worth asking, and no look. One that was trained on a single source has no source
    to doubt, but may show how others can be repaired, once.
    """
    if experiment.outcome != "kept" or experiment.evaluation is None or is_look(experiment):
        return ()
    named = tuple(name for name, profile in dojo.profiles().items() if can_be_audited(profile))
    audited = [e for e in dojo.journal.experiments() if e.diagnosis and e.diagnosis.source_scores]
    if len(named) < 2 or len(audited) >= MOST_AUDITS:
        return ()
    if _seconds(experiment.evaluation, len(named)) > TIME_SHARE * dojo.remaining_budget_seconds():
        return ()
    if len(experiment.plan.sources) < 2:
        return named if not audited and dojo.right_share(experiment.id) >= LEAST_RIGHT else ()
    before = audited[-1].evaluation if audited else None
    if before is not None and experiment.evaluation.score.value < before.score.value + CLEARLY_BETTER:
        return ()
    return named


def _seconds(evaluation: Evaluation, sources: int) -> float:
    """Wall-clock of an audit, by what the answers to the validation items took."""
    return seconds_for(evaluation, AUDIT_ROWS * sources / evaluation.score.n)


def with_agreements(dojo: Dojo, diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis with every audit that was made for it, by the harness or on the Diagnostician's request.

    One that an earlier diagnosis took down is not repeated.
    """
    noted = dojo.journal.agreements
    fresh = tuple(item for key, item in dojo.agreements.items() if key not in noted)
    return diagnosis.model_copy(update={"agreements": fresh})
