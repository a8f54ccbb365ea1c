"""Results, for a briefing: the paired comparison, the loss curve, hyperparameters and trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memory.journal.log import BASE
from memory.records import Training, TrainingPlan
from roles.hyperparameters import caution
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.costs import usual_batch
from roles.llm.briefing.history import failure_text, hyperparameters_text, score_text
from roles.llm.briefing.layout import listing, name, quoted, table
from roles.method import method_for
from roles.training_engineer import hyperparameters_for, rate_ceiling
from roles.trials import trials_from
from tools.checks.champion import gate_words
from tools.training.learning_rate import Method, learning_rate_range
from tools.training.loss_curve import loss_fall

TRIALS = 8
DIAGNOSES = 6


def comparison(context: ExperimentContext, tokens: int) -> str:
    """The paired test, the scores on both sides, and how much of the difference is format."""
    c = context.current.comparison if context.current else None
    if c is None:
        return failure(context, tokens)
    mine, theirs = context.evaluated(c.challenger), context.evaluated(c.champion)
    lines = [
        f"- {id}: {score_text(each.score)}" + (f"; {each.stopped.text()}" if each.stopped else "")
        for id, each in ((c.challenger, mine), (c.champion, theirs))
        if each is not None
    ]
    lines.append(
        f"- difference {c.delta:+.1f} points [{c.low:+.1f}, {c.high:+.1f}], p={c.p_value:.2g} "
        f"({name(c.test)}, n={c.n}); {c.fixed} items fixed, {c.broken} broken"
    )
    lines.append(f"- the paired test: {gate_words(c)}")
    lines.append(f"- of it answer format {c.format_gain:+.1f}, capability {c.capability_gain:+.1f}")
    if context.current and context.current.forgetting:
        lines.append(f"- beside the task: {context.current.forgetting.text()}")
    if context.plan is not None:
        lines.append(f"- expected over {context.parent_id}: {context.plan.expected_gain:+.1f} points")
    return listing(lines, tokens)


def failure(context: ExperimentContext, tokens: int) -> str:
    """Why the experiment ended early."""
    failed = context.current.failure if context.current else None
    return failure_text(context.experiment, failed, tokens) if failed else ""


def curve(context: ExperimentContext, tokens: int) -> str:
    """The loss curve of the experiment, or of what it starts from, in a few numbers."""
    id, journal = context.experiment, context.journal
    if journal.training(id) is None:
        id = context.plan.init_from if context.plan else context.champion_id
    training, plan = journal.training(id), journal.training_plan(id)
    if training is None:
        return ""
    lines = [
        f"- {id}: {hyperparameters_text(plan, training)}, {training.steps} steps over {training.rows} rows"
    ]
    lines.append(f"- loss: {curve_text(training)}")
    lines.append(
        f"- {training.wall_seconds:.0f} s, {training.tokens_per_second:.0f} tokens/s, "
        f"{training.peak_gib:.1f} GiB at most"
    )
    if ending := training.ending():
        lines.append(f"- {name(ending, 200)}")
    if training.held_out is not None:
        lines.append(f"- {training.held_out.in_words()}")
    if known := training.reproduced:
        seen = training.steps * plan.effective_batch_size / max(training.rows, 1) - 1 if plan else 0.0
        before = f"seen about {seen:.1f} times before" if seen >= 0.5 else "most of them not seen before"
        lines.append(
            f"- its last {known.rows} training rows, {before}: {known.whole:.0%} would be written word for "
            f"word, {known.tokens:.0%} of their answer tokens are the likeliest"
        )
    return listing(lines, tokens)


def curve_text(training: Training) -> str:
    """Loss at the start, the quarters and the end; its lowest; its fall over the last quarter."""
    losses = training.losses
    if not losses:
        return "not recorded"
    places = sorted({round(part * (len(losses) - 1) / 4) for part in range(5)})
    points = ", ".join(f"{losses[place][1]:.3f} at {losses[place][0]}" for place in places)
    lowest = min(losses, key=lambda point: point[1])
    fall = loss_fall(losses)
    tail = f"; mean of the last quarter {fall:.0%} under the one before" if fall is not None else ""
    return f"{points}; lowest {lowest[1]:.3f} at step {lowest[0]}{tail}"


def hyperparameters(context: ExperimentContext, tokens: int) -> str:
    """What the optimiser suggests, the range it searches, and what was tried."""
    dojo, p = context.dojo, context.plan
    base = context.journal.base_evaluation
    if p is None or base is None:
        return ""
    method = method_for(dojo)
    suggested = hyperparameters_for(dojo, p, context.history, method)
    low, high = learning_rate_range(method, dojo.base_model.hidden_size)
    lines = [
        f"- suggested: {method}, learning rate {suggested.learning_rate:.3g}, "
        f"batch {suggested.batch_size}{_further(suggested.further)} ({name(suggested.origin)})",
        *caution(context.history, method, suggested),
        f"- range searched: {low:.2g} to {high:.2g}{_ceiling_text(context, method)}",
        *_costs(context),
    ]
    trained = [e for e in context.history if e.training_plan is not None]
    worths = trials_from(trained, base.score.value, method)
    by_id = {e.id: e for e in trained}
    rows = [
        (
            trial.experiment,
            hyperparameters_text(e.training_plan, e.training),
            f"{trial.worth:+.2f}",
            e.outcome,
        )
        for trial in worths[-TRIALS:]
        if (e := by_id[trial.experiment])
    ]
    if rows:
        lines.append(
            f"- the last {len(rows)} trainings (worth: share of the remaining error removed; -1 failed):"
        )
    return listing([*lines, *table(("id", "training", "worth", "outcome"), rows).split("\n")], tokens)


def _further(values: Mapping[str, Any]) -> str:
    said = [
        f", {field} {value:.3g}" if isinstance(value, float) else f", {field} {value}"
        for field, value in values.items()
    ]
    return "".join(said)


def _ceiling_text(context: ExperimentContext, method: Method) -> str:
    """What the weights allow that training goes on from."""
    start = context.plan.init_from if context.plan else BASE
    ceiling = rate_ceiling(context.dojo, start, method)
    return f"; at most {ceiling:.3g}, the rate that made the weights of {start}" if ceiling else ""


def _costs(context: ExperimentContext) -> list[str]:
    """What an epoch needs, by either method; how many the plan's time holds stands under the budget."""
    card, p = context.journal.card(context.experiment), context.plan
    if card is None or p is None:
        return []
    lines = []
    for method in ("full", "lora"):
        draft = TrainingPlan(
            method=method,
            num_train_epochs=1.0,
            max_length=context.dojo.max_length,
            init_from=p.init_from,
            per_device_train_batch_size=usual_batch(card),
        )
        e = context.dojo.estimate(draft, card)
        fits = "fits" if e.fits else "DOES NOT FIT"
        lines.append(
            f"- one epoch, {method}, batch {draft.per_device_train_batch_size}: about {e.seconds:.0f} s and "
            f"{e.peak_gib:.1f} of {e.available_gib:.1f} GiB ({name(e.basis)}): {fits}"
        )
    return lines


def verdict(context: ExperimentContext, tokens: int) -> str:
    """What the Evaluator made of the result."""
    r = context.current.verdict if context.current else None
    if r is None:
        return ""
    words = "\n".join([r.note, *(f"{cluster}: {note}" for cluster, note in r.cluster_notes.items())])
    return f"verdict: {r.verdict}\n{quoted(words, 'note of the Evaluator', tokens - 40)}"


def diagnoses(context: ExperimentContext, tokens: int) -> str:
    """The latest diagnoses along the line that the experiment stands on, the newest first."""
    line = context.journal.lineage(context.parent_id) if context.parent_id != BASE else ()
    found: Sequence[str] = [id for id in reversed(line) if (e := context.finished(id)) and e.diagnosis]
    entries = []
    for id in found[:DIAGNOSES]:
        e = context.finished(id)
        if e and e.diagnosis:
            d = e.diagnosis
            text = name(d.note or "; ".join(d.evidence), 200)
            entries.append(f"{id}: {d.cause}, next {d.next_move}: {text}")
    return quoted("\n".join(entries), "earlier diagnoses of this line", tokens) if entries else ""
