"""The lesson of an experiment: what transfers to the next run, written by the harness from measurements."""

from __future__ import annotations

import json
from textwrap import shorten
from typing import Literal

from memory.recipe import Operation, Script
from memory.records import Diagnosis, Experiment, Lesson
from memory.training import rate_used
from tools.checks.source_kinds import IN_WORDS, kind_of
from tools.dojo import Dojo

CLAIM = 300
"""Characters of what a role wrote; the lesson's own fields hold it whole."""
EVERYWHERE = ("select", "map", "cap", "decontaminate")
"""Operations of every recipe, which tell a reader nothing."""
SOURCES_JOIN = "\n"
"""Between the names of a lesson's sources."""


def lesson_of(dojo: Dojo, experiment: Experiment) -> Lesson | None:
    """What transfers to the next run; None when the experiment shows nothing that it could use."""
    if experiment.training_plan is None or experiment.evaluation is None or experiment.comparison is None:
        return None
    base = dojo.validation_score("base").value
    score = experiment.evaluation.paired_score
    trained, kind = experiment.training_plan, data_kind(dojo, experiment)
    rate = rate_used(trained, experiment.training)
    gain = score.value - base if score.higher_is_better else base - score.value
    verb: Literal["kept", "discarded"] = "kept" if experiment.outcome == "kept" else "discarded"
    comparison, diagnosis = experiment.comparison, dojo.journal.diagnosis(experiment.id)
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
    )


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
