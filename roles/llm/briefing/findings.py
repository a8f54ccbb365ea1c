"""Findings, for a briefing: what the Evaluator and the Diagnostician wrote of what matters now.

Who acts next has to know them whole: an error cluster's note says what a curator can mend, the evidence says
how sure it is, the claim what would test it.
"""

from __future__ import annotations

from memory.records import Diagnosis, Experiment, Verdict
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.layout import quoted


def findings(context: ExperimentContext, tokens: int) -> str:
    """Notes, evidence and claims of those that matter now, in one fence."""
    texts = [text for e in found_on(context) if (text := _of(e))]
    return quoted("\n\n".join(texts), "what the roles found", tokens) if texts else ""


def found_on(context: ExperimentContext) -> list[Experiment]:
    """The experiments of which everything is told: what this one tests and builds on, and the latest."""
    wanted = (
        context.plan.tests if context.plan else "",
        context.parent_id,
        context.history[-1].id if context.history else "",
    )
    return [e for id in dict.fromkeys(wanted) if (e := context.finished(id)) is not None]


def _of(e: Experiment) -> str:
    """One experiment: the reading of its errors, the diagnosis, its claim; empty where nothing was said."""
    lines = [*(_reading(e.verdict) if e.verdict else ()), *(_diagnosis(e.diagnosis) if e.diagnosis else ())]
    score = f", {e.evaluation.brief()}" if e.evaluation else ""
    return "\n".join([f"{e.id} ({e.outcome}{score}):", *lines]) if lines else ""


def _reading(verdict: Verdict) -> list[str]:
    """The Evaluator's note, and what the answers of each error cluster share."""
    notes = [
        f"- cluster {cluster}: {note}" for cluster, note in verdict.cluster_notes.items() if note.strip()
    ]
    return [f"- reading: {verdict.note}", *notes]


def _diagnosis(diagnosis: Diagnosis) -> list[str]:
    """Cause, evidence, note, next move and claim."""
    where = f", from {diagnosis.origin}" if diagnosis.origin else ""
    lines = [f"- diagnosis: {diagnosis.cause}{where}; next move {diagnosis.next_move}"]
    lines += [f"- evidence: {fact}" for fact in diagnosis.evidence]
    lines += [f"- note: {diagnosis.note}"] if diagnosis.note else []
    if claim := diagnosis.prediction:
        lines.append(f"- claim: {claim.claim} ({claim.change}, {claim.expected_gain:+.1f} points)")
    return lines
