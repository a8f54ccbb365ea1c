"""The lesson of an experiment: what transfers to the next run, written by the harness from measurements."""

from __future__ import annotations

from memory.records import Experiment, Lesson
from tools.checks.source_kinds import IN_WORDS, kind_of
from tools.dojo import Dojo

SOURCES_JOIN = "\n"
"""Between the names of a lesson's sources."""


def lesson_of(dojo: Dojo, experiment: Experiment) -> Lesson | None:
    """What transfers to the next run; None when the experiment shows nothing that it could use."""
    if experiment.training_plan is None or experiment.evaluation is None or experiment.comparison is None:
        return None
    base = dojo.validation_score("base").value
    score = experiment.evaluation.paired_score
    trained, kind = experiment.training_plan, data_kind(dojo, experiment)
    gain = score.value - base if score.higher_is_better else base - score.value
    verb = "kept" if experiment.outcome == "kept" else "discarded"
    text = (
        f"{dojo.spec.id} with {dojo.base_model.name}: {IN_WORDS[kind]} answers, {trained.method} fine-tuning "
        f"from {'the base' if trained.init_from == 'base' else 'an earlier champion'}, learning rate "
        f"{trained.learning_rate:.2g}, batch {trained.effective_batch_size}, "
        f"{trained.num_train_epochs:.1f} epochs of {experiment.card.rows if experiment.card else 0} rows: "
        f"{experiment.evaluation.text()} against {base:.1f} for the base; {verb} "
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
            "data": dojo.journal.info.data_digest,
        },
        settings={
            "kind": kind,
            "sources": SOURCES_JOIN.join(experiment.plan.sources),
            "start": "base" if trained.init_from == "base" else "champion",
            "method": trained.method,
            "learning_rate": trained.learning_rate,
            "per_device_train_batch_size": float(trained.effective_batch_size),
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
