"""The lesson of an experiment: what transfers to the next run, written by the harness from measurements."""

from __future__ import annotations

import json
from textwrap import shorten
from typing import Literal

from memory.experience.catalogue import digest
from memory.experience.effect import LEAST_ERROR
from memory.lesson import Place, Tried
from memory.recipe import Operation, Script
from memory.records import Diagnosis, Experiment, Lesson, TrainingPlan
from memory.training import rate_used
from roles.lesson_verdict import verdict_on_lessons
from tools.checks.source_kinds import IN_WORDS, kind_of, usable_kinds
from tools.dojo import Dojo
from tools.training.learning_rate import place_of_rate

CLAIM = 300
"""Characters of what a role wrote; the lesson's own fields hold it whole."""
EVERYWHERE = ("select", "map", "cap", "decontaminate")
"""Operations of every recipe, which tell a reader nothing."""
SOURCES_JOIN = "\n"
"""Between the names of a lesson's sources."""


def lesson_of(dojo: Dojo, experiment: Experiment) -> Lesson | None:
    """What transfers to the next run; None when the experiment shows nothing that it could use."""
    if experiment.training_plan is None or experiment.evaluation is None or experiment.comparison is None:
        return _counter_lesson(dojo, experiment)
    base = dojo.validation_score("base").value
    score = experiment.evaluation.paired_score
    trained, kind = experiment.training_plan, data_kind(dojo, experiment)
    rate = rate_used(trained, experiment.training)
    gain = score.value - base if score.higher_is_better else base - score.value
    verb: Literal["kept", "discarded"] = "kept" if experiment.outcome == "kept" else "discarded"
    comparison, diagnosis = experiment.comparison, dojo.journal.diagnosis(experiment.id)
    said = verdict_on_lessons(dojo, experiment)
    text = (
        f"{dojo.spec.id} with {dojo.base_model.name}: {IN_WORDS[kind]} answers, {trained.method} fine-tuning "
        f"from {_start(dojo, trained.init_from)}, learning rate "
        f"{rate:.2g}, batch {trained.effective_batch_size}, "
        f"{trained.num_train_epochs:.1f} epochs of {experiment.card.rows if experiment.card else 0} rows: "
        f"{experiment.evaluation.text()} against {base:.1f} for the base; {verb} "
        f"({comparison.delta:+.1f} [{comparison.low:+.1f}, {comparison.high:+.1f}] over "
        f"{comparison.champion}, p={comparison.p_value:.2g}). Changed {experiment.plan.change}: "
        f"{_short(experiment.plan.hypothesis)}.{_data_text(experiment)}{_cause_text(diagnosis)}"
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
            "learning_rate": rate,
            "per_device_train_batch_size": float(trained.effective_batch_size),
            "num_train_epochs": trained.num_train_epochs,
        },
        gain=gain if experiment.outcome == "kept" else comparison.delta,
        evidence=(f"{dojo.journal.info.run}/{experiment.id}",),
        created=dojo.now(),
        operations=tuple(_operation(op) for op in experiment.recipe.operations) if experiment.recipe else (),
        scripts=_scripts(experiment),
        cause=f"{diagnosis.cause}: {_said(diagnosis)}" if diagnosis else "",
        claim=experiment.plan.hypothesis,
        effect=(comparison.delta, comparison.low, comparison.high),
        outcome=verb,
        weights=experiment.plan.weights,
        place=_place(dojo),
        tried=_tried(dojo, experiment, trained, kind),
        confirms=said.confirms,
        contradicts=said.contradicts,
    )


def _counter_lesson(dojo: Dojo, experiment: Experiment) -> Lesson | None:
    """What a failed experiment teaches about the lessons that it followed; None where it followed none."""
    said, failure, trained = (
        verdict_on_lessons(dojo, experiment),
        experiment.failure,
        experiment.training_plan,
    )
    if failure is None or not said.contradicts:
        return None
    how = f", learning rate {trained.learning_rate:.2g}, {trained.method} fine-tuning" if trained else ""
    return Lesson(
        id=f"{dojo.journal.info.run}/{experiment.id}",
        text=f"{dojo.spec.id} with {dojo.base_model.name}: a training that followed an earlier lesson{how} "
        f"failed at {failure.stage} ({failure.code})",
        task=dojo.spec.id,
        domain=dojo.spec.domain,
        features={"base_model": dojo.base_model.name, "edition": dojo.edition},
        gain=0.0,
        evidence=(f"{dojo.journal.info.run}/{experiment.id}",),
        created=dojo.now(),
        claim=experiment.plan.hypothesis,
        outcome="discarded",
        place=_place(dojo),
        contradicts=said.contradicts,
    )


def _tried(dojo: Dojo, experiment: Experiment, trained: TrainingPlan, kind: str) -> Tried | None:
    """What was trained, in units that mean the same on every task."""
    before = dojo.journal.evaluation(trained.init_from) or dojo.journal.base_evaluation
    assert experiment.evaluation is not None and experiment.comparison is not None
    if before is None or experiment.training is None:
        return None
    start, score = before.paired_score, experiment.evaluation.paired_score
    left = max(100.0 - start.value if score.higher_is_better else start.value, 1.0)
    better = score.value - start.value if score.higher_is_better else start.value - score.value
    rate = rate_used(trained, experiment.training)
    share = experiment.card.reasoning_share if experiment.card else float(kind == "chain_of_thought")
    error = (experiment.comparison.high - experiment.comparison.low) / (2 * 1.96)
    return Tried.model_validate(
        {
            "kind": kind,
            "start": "base" if trained.init_from == "base" else "trained",
            "footing": _footing(dojo, experiment, trained.init_from),
            "method": trained.method,
            "rate_place": place_of_rate(rate, trained.method, dojo.base_model.hidden_size),
            "batch_size": trained.effective_batch_size,
            "chain_of_thought_share": min(max(share, 0.0), 1.0),
            "rows_read": float(experiment.training.steps * trained.effective_batch_size),
            "removed": min(max(100.0 * better / left, -1000.0), 100.0),
            "error": max(100.0 * error / left, LEAST_ERROR),
        }
    )


def _place(dojo: Dojo) -> Place:
    return dojo.place.model_copy(update={"kinds": usable_kinds(dojo.profiles())})


def _footing(dojo: Dojo, experiment: Experiment, init_from: str) -> str:
    info, plan = dojo.journal.info, experiment.plan
    weights = "base" if init_from == "base" else f"{info.run}/{init_from}"
    data = (info.data_digest, sorted(plan.sources), sorted(plan.shares.items()))
    return digest(repr((dojo.spec.id, dojo.base_model.name, weights, data))).hex()


def _start(dojo: Dojo, init_from: str) -> str:
    """Whose weights training went on from, as what they were."""
    if init_from == "base":
        return "the base"
    before = dojo.journal.experiment(init_from)
    outcome = str((dojo.journal.stage(init_from, "finished") or {}).get("outcome", "unfinished"))
    what = "an earlier champion" if outcome == "kept" else f"the weights of a {outcome} experiment"
    return f"{what}, which changed {before.plan.change}" if before else what


def _data_text(experiment: Experiment) -> str:
    """The operations that say something, and what the scripts are for."""
    recipe = experiment.recipe
    if recipe is None:
        return ""
    names = dict.fromkeys(op.op for op in recipe.operations if op.op not in EVERYWHERE)
    purposes = "; ".join(_short(script.purpose) for script in _scripts(experiment))
    told = f" Data: {', '.join(names)}." if names else ""
    return f"{told} Script: {purposes}." if purposes else told


def _short(text: str) -> str:
    return shorten(text, CLAIM, placeholder=" …")


def _cause_text(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return ""
    return f" Diagnosis: {diagnosis.cause}, {_short(_said(diagnosis))}; next {diagnosis.next_move}."


def _said(diagnosis: Diagnosis) -> str:
    return diagnosis.note or "; ".join(diagnosis.evidence)


def _scripts(experiment: Experiment) -> tuple[Script, ...]:
    operations = experiment.recipe.operations if experiment.recipe else ()
    return tuple(op for op in operations if isinstance(op, Script))


def _operation(operation: Operation) -> str:
    """``filter {"rule": "parseable"}``; of a script what it is for."""
    fields = operation.model_dump(mode="json", exclude_defaults=True, exclude={"op", "code"})
    return f"{operation.op} {json.dumps(fields, ensure_ascii=False)}" if fields else operation.op


def data_kind(dojo: Dojo, experiment: Experiment) -> str:
    """``chain_of_thought``, ``direct`` or ``all``: what its sources were, in words that outlive their
    names."""
    kinds = {kind_of(dojo.profiles()[name]) for name in experiment.plan.sources if name in dojo.profiles()}
    return kinds.pop() if len(kinds) == 1 else "all"
