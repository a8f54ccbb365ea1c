"""The Diagnostician: why it came out so, what to do next, and what to remember."""

from __future__ import annotations

from memory.records import Diagnosis, Experiment, Lesson
from roles.source_kinds import IN_WORDS, distrusted, kind_of
from tools.dojo import AUDIT_ROWS, Dojo
from tools.training.loss_curve import loss_fall

UNPARSEABLE_SHARE = 0.15
"""From this share of unreadable answers on, format comes before capability."""
STILL_FALLING = 0.05
"""Relative fall of the training loss over the last quarter from which training was too short."""
MEMORISED_LOSS = 0.02
"""Training loss under which the rows are known by heart."""


def diagnose(dojo: Dojo, experiment: Experiment) -> Diagnosis:
    """Cause, evidence and next move for one finished or failed experiment."""
    if experiment.failure is not None:
        return _of_failure(experiment)
    audit = _audit(dojo, experiment)
    cause, evidence, move = _of_result(dojo, experiment)
    doubted = distrusted(audit, AUDIT_ROWS)
    used = [name for name in doubted if name in experiment.plan.sources]
    if used:
        shares = ", ".join(f"{name} {audit[name]:.0%}" for name in used)
        best = max(audit, key=lambda name: audit[name])
        cause, move = "data", "clean_data"
        evidence = (*evidence, f"agreement with labels: {shares} against {best} {audit[best]:.0%}")
    return Diagnosis(cause=cause, evidence=evidence, next_move=move, source_scores=audit)


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
        case "rejected":
            move = "change_sources" if failure.stage == "data" else "tune"
            return Diagnosis(cause="none", evidence=evidence, next_move=move)
        case _:
            return Diagnosis(cause="harness", evidence=evidence, next_move="change_method")


def _of_result(dojo: Dojo, experiment: Experiment) -> tuple[str, tuple[str, ...], str]:
    """From scores, error clusters and the loss curve: (cause, evidence, next move)."""
    evaluation, training = experiment.evaluation, experiment.training
    assert evaluation is not None and training is not None
    score = evaluation.score
    evidence = [f"{experiment.id}: validation {score.text()}"]
    if evaluation.clusters:
        worst = evaluation.clusters[0]
        evidence.append(f"largest error cluster: {worst.name}, {worst.share:.0%} of all items")
    fall = loss_fall(training.losses)
    if fall is not None:
        evidence.append(
            f"training loss fell {fall:.0%} over the last quarter, to {training.losses[-1][1]:.3f}"
        )
    if score.unparseable_share > UNPARSEABLE_SHARE:
        evidence.append(f"{score.unparseable_share:.0%} of the answers cannot be parsed")
        return "format", tuple(evidence), "train_longer"
    if experiment.outcome == "kept":
        move = "train_longer" if fall is None or fall > STILL_FALLING else "tune"
        return ("underfit" if move == "train_longer" else "capability"), tuple(evidence), move
    if training.losses and training.losses[-1][1] < MEMORISED_LOSS:
        return "overfit", tuple(evidence), "more_rows"
    return "capability", tuple(evidence), "tune"


def _audit(dojo: Dojo, experiment: Experiment) -> dict[str, float]:
    """The champion's agreement with each usable source's labels, when it was trained on more than one.

    Costs a few seconds of generation, so it is done after the first kept experiment and
    again only when the champion has become clearly better than at the last audit.
    """
    if experiment.outcome != "kept" or experiment.evaluation is None or len(experiment.plan.sources) < 2:
        return {}
    usable = [name for name, profile in dojo.profiles().items() if kind_of(profile) != "unusable"]
    audited = [e for e in dojo.journal.experiments() if e.diagnosis and e.diagnosis.source_scores]
    if len(usable) < 2 or len(audited) >= 2:
        return {}
    if audited:
        before = audited[-1].evaluation
        if before is not None and experiment.evaluation.score.value < before.score.value + 10:
            return {}
    return dojo.audit(experiment.id, usable)


def lesson_of(dojo: Dojo, experiment: Experiment) -> Lesson | None:
    """What transfers to the next run; None when the experiment shows nothing that it could use."""
    if experiment.training_plan is None or experiment.evaluation is None or experiment.comparison is None:
        return None
    base = dojo.validation_score("base").value
    score = experiment.evaluation.score
    trained, kind = experiment.training_plan, data_kind(dojo, experiment)
    gain = score.value - base if score.higher_is_better else base - score.value
    verb = "kept" if experiment.outcome == "kept" else "discarded"
    text = (
        f"{dojo.spec.id} with {dojo.base_model.name}: {IN_WORDS[kind]} answers, {trained.method} fine-tuning "
        f"from {'the base' if trained.init_from == 'base' else 'an earlier champion'}, learning rate "
        f"{trained.learning_rate:.2g}, batch {trained.per_device_train_batch_size}, "
        f"{trained.num_train_epochs:.1f} epochs of {experiment.card.rows if experiment.card else 0} rows: "
        f"{score.text()} against {base:.1f} for the base; {verb} "
        f"({experiment.comparison.delta:+.1f} over {experiment.comparison.champion}, "
        f"p={experiment.comparison.p_value:.2g})."
    )
    return Lesson(
        id=f"{dojo.journal.info.run}/{experiment.id}",
        text=text,
        task=dojo.spec.id,
        domain=dojo.spec.domain,
        features={
            "base_model": dojo.base_model.name,
            "edition": dojo.edition,
            "score": score.value,
            "base": base,
        },
        settings={
            "kind": kind,
            "start": "base" if trained.init_from == "base" else "champion",
            "method": trained.method,
            "learning_rate": trained.learning_rate,
            "per_device_train_batch_size": float(trained.per_device_train_batch_size),
            "num_train_epochs": trained.num_train_epochs,
        },
        gain=gain if experiment.outcome == "kept" else experiment.comparison.delta,
        evidence=(f"{dojo.journal.info.run}/{experiment.id}",),
        created=dojo.now(),
    )


def data_kind(dojo: Dojo, experiment: Experiment) -> str:
    """``chain_of_thought``, ``direct`` or ``all``: what its sources were, in words that outlive their
    names."""
    kinds = {kind_of(dojo.profiles()[name]) for name in experiment.plan.sources if name in dojo.profiles()}
    return kinds.pop() if len(kinds) == 1 else "all"
