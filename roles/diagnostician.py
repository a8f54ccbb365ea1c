"""The Diagnostician: why it came out so, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memory.records import Change, Diagnosis, Experiment, Prediction
from roles.plan_context import CLEAN_GAIN, IMPROVE_SHARE
from tools.checks.champion import beyond_budget
from tools.checks.source_kinds import distrusted
from tools.curation.audit import AUDIT_ROWS
from tools.dojo import Dojo
from tools.training.loss_curve import STILL_FALLING, loss_fall

UNPARSEABLE_SHARE = 0.15
"""From this share of unreadable answers on, format comes before capability."""
MEMORISED_LOSS = 0.02
"""Training loss under which the rows are known by heart."""

PREDICTED: dict[str, tuple[Change, str]] = {
    "train_longer": ("duration", "training on for longer"),
    "tune": ("hyperparameters", "training on with other hyperparameters"),
    "clean_data": ("sources", "leaving the doubted sources out"),
}
"""By next move: the one change that would test the diagnosis."""


def diagnose(dojo: Dojo, experiment: Experiment, audit: Mapping[str, float]) -> Diagnosis:
    """Cause, evidence and next move for one finished or failed experiment.

    Args:
        dojo: the run.
        experiment: the experiment with its outcome.
        audit: by source, the share of sampled rows on which its model agrees with the label; empty
            where no audit was made (``roles.audit``).
    """
    if experiment.failure is not None:
        return _of_failure(experiment)
    cause, evidence, move = _of_result(experiment)
    doubted = distrusted(audit, AUDIT_ROWS, dojo.right_share(experiment.id)) if audit else ()
    used = [name for name in doubted if name in experiment.plan.sources]
    if used:
        shares = ", ".join(f"{name} {audit[name]:.0%}" for name in used)
        best = max(audit, key=lambda name: audit[name])
        cause, move = "data", "clean_data"
        evidence = (*evidence, f"agreement with labels: {shares} against {best} {audit[best]:.0%}")
    return Diagnosis(
        cause=cause,
        evidence=evidence,
        next_move=move,
        source_scores=dict(audit),
        prediction=_prediction(experiment, move, used),
    )


def _prediction(experiment: Experiment, move: str, doubted: Sequence[str]) -> Prediction | None:
    """What the next move is expected to bring, to be scored when a plan makes it; none of a look, which
    compares sources, nor of a move that no single change makes."""
    if experiment.plan.steps or move not in PREDICTED or experiment.evaluation is None:
        return None
    change, what = PREDICTED[move]
    left = 100.0 - experiment.evaluation.paired_score.value
    named = f" ({', '.join(doubted)})" if move == "clean_data" else ""
    gain = CLEAN_GAIN if move == "clean_data" else round(IMPROVE_SHARE * left, 2)
    return Prediction(
        change=change, claim=f"{what}{named} gains {gain:.1f} points over {experiment.id}", expected_gain=gain
    )


def _of_failure(experiment: Experiment) -> Diagnosis:
    """Failures name their own cause by code."""
    failure = experiment.failure
    assert failure is not None
    evidence = (f"{experiment.id} failed at {failure.stage}: {failure.message}",)
    match failure.code:
        case "does_not_fit" | "out_of_memory" | "timeout":
            return Diagnosis(cause="resources", evidence=evidence, next_move="smaller")
        case "diverged" | "no_progress":
            return Diagnosis(cause="divergence", evidence=evidence, next_move="tune")
        case "empty_data" | "contaminated" | "bad_recipe":
            return Diagnosis(cause="data", evidence=evidence, next_move="change_sources")
        case "repeated":
            return Diagnosis(cause="none", evidence=evidence, next_move="change_sources")
        case "rejected":
            move = "change_sources" if failure.stage == "data" else "tune"
            return Diagnosis(cause="none", evidence=evidence, next_move=move)
        case _:
            return Diagnosis(cause="harness", evidence=evidence, next_move="change_method")


def _of_result(experiment: Experiment) -> tuple[str, tuple[str, ...], str]:
    """From scores, error clusters and the loss curve: (cause, evidence, next move)."""
    evaluation, training = experiment.evaluation, experiment.training
    assert evaluation is not None and training is not None
    score = evaluation.score
    evidence = [f"{experiment.id}: validation {score.text()}"]
    if evaluation.stopped:
        evidence.append(evaluation.stopped.text())
    if evaluation.clusters:
        worst, of = evaluation.clusters[0], "the answered" if evaluation.stopped else "all"
        evidence.append(f"largest error cluster: {worst.name}, {worst.share:.0%} of {of} items")
    fall = loss_fall(training.losses)
    if fall is not None:
        evidence.append(
            f"training loss fell {fall:.0%} over the last quarter, to {training.losses[-1][1]:.3f}"
        )
    by_heart = training.held_out is not None and training.held_out.rose
    if training.held_out is not None:
        evidence.append(training.held_out.in_words())
    if score.unparseable_share > UNPARSEABLE_SHARE:
        evidence.append(f"{score.unparseable_share:.0%} of the answers cannot be parsed")
        return "format", tuple(evidence), "train_longer"
    if beyond_budget(experiment) and experiment.forgetting is not None:
        evidence.append(f"beside the task: {experiment.forgetting.text()}")
        return "forgetting", tuple(evidence), "replay"
    if by_heart:
        return "overfit", tuple(evidence), "more_rows"
    if experiment.outcome == "kept":
        move = "train_longer" if fall is None or fall >= STILL_FALLING else "tune"
        return ("underfit" if move == "train_longer" else "capability"), tuple(evidence), move
    if training.losses and training.losses[-1][1] < MEMORISED_LOSS:
        return "overfit", tuple(evidence), "more_rows"
    return "capability", tuple(evidence), "tune"
