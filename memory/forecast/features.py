"""Features of an experiment: what is known of it before it runs, as numbers.

Everything is read from records that a journal holds, so that a past experiment and one that is being planned
are described by the same function. Nothing that was measured after the moment is looked at: of the run's
other experiments only the finished ones before it.

Two moments: when the plan is there (``planned``), and when its data and training plan are there as well
(``drafted``). What is not known is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import get_args

from memory.journal.log import BASE
from memory.recipe import DataCard, DataRecipe, Repair, Script
from memory.records import Change, Evaluation, Experiment, Plan, RunInfo, TrainingPlan
from memory.training import rate_used

UNKNOWN = math.nan
Features = dict[str, float]
"""By name; NaN where it is not known."""


def planned(info: RunInfo, base: Evaluation, history: Sequence[Experiment], plan: Plan) -> Features:
    """What is known of an experiment when it is planned.

    Args:
        info: of its run.
        base: the base model on validation.
        history: the run's finished experiments before it, oldest first.
        plan: what is to be done.
    """
    return {
        **_task(info, base),
        **_standing(base, history),
        **_start(base, history, plan),
        **_plan(history, plan),
        **_sources(base, history, plan),
    }


def drafted(
    info: RunInfo,
    base: Evaluation,
    history: Sequence[Experiment],
    plan: Plan,
    recipe: DataRecipe | None,
    card: DataCard,
    training: TrainingPlan,
) -> Features:
    """The same when its data are made and its hyperparameters chosen."""
    before = _by_id(history).get(plan.init_from)
    return {
        **planned(info, base, history, plan),
        **_data("data", recipe, card),
        **_training(training, card, before),
    }


def start_points(base: Evaluation, history: Sequence[Experiment], plan: Plan) -> float | None:
    """Points of the weights that training goes on from; None where they have no score."""
    if plan.init_from == BASE:
        return base.paired_score.points
    before = _by_id(history).get(plan.init_from)
    return before.evaluation.paired_score.points if before and before.evaluation else None


def _task(info: RunInfo, base: Evaluation) -> Features:
    score = base.paired_score
    return {
        "base score": score.points,
        "items": math.log(max(score.n, 1)),
        "higher is better": float(score.higher_is_better),
        "exact metric": float("accuracy" in score.metric.lower() or "exact" in score.metric.lower()),
        "answer tokens of the base": math.log1p(base.generated_tokens / max(score.n, 1)),
        "unparseable share of the base": score.unparseable_share,
        "parameters": math.log(info.parameters) if info.parameters else UNKNOWN,
        "user's own data": float(info.edition == "user"),
    }


def _standing(base: Evaluation, history: Sequence[Experiment]) -> Features:
    """How far the run has come."""
    scored = [e.evaluation.paired_score.points for e in history if e.evaluation]
    floor = base.paired_score.points
    best = max([floor, *scored])
    return {
        "experiments so far": float(len(history)),
        "kept so far": float(sum(e.outcome == "kept" for e in history)),
        "not kept in a row": float(len(list(takewhile(lambda e: e.outcome != "kept", reversed(history))))),
        "best score": best,
        "best gain": best - floor,
        "failed share": sum(e.outcome == "failed" for e in history) / len(history) if history else 0.0,
    }


def _start(base: Evaluation, history: Sequence[Experiment], plan: Plan) -> Features:
    """The weights that training goes on from."""
    score = start_points(base, history, plan)
    before = _by_id(history).get(plan.init_from)
    found: Features = {
        "from the base": float(plan.init_from == BASE),
        "start score": UNKNOWN if score is None else score,
        "left to gain": UNKNOWN if score is None else 100.0 - score,
        "behind the best": UNKNOWN if score is None else _standing(base, history)["best score"] - score,
    }
    training = before.training if before else None
    earlier = start_points(base, history, before.plan) if before else None
    return found | {
        "start's own gain": UNKNOWN if score is None or earlier is None or not before else score - earlier,
        "start's loss fell": _fall(training.losses) if training else UNKNOWN,
        "start's last loss": training.losses[-1][1] if training and training.losses else UNKNOWN,
        "start's epochs": before.training_plan.num_train_epochs
        if before and before.training_plan
        else UNKNOWN,
        "start knows its rows": training.reproduced.whole if training and training.reproduced else UNKNOWN,
        "start overfits": float(training.held_out.rose) if training and training.held_out else UNKNOWN,
        "tried from it": float(sum(e.plan.init_from == plan.init_from for e in history)),
        **_data("start's data", before.recipe if before else None, before.card if before else None),
    }


def _plan(history: Sequence[Experiment], plan: Plan) -> Features:
    speeds = [e.training.tokens_per_second for e in history if e.training]
    rows = [e.card.mean_tokens for e in history if e.card]
    tokens = plan.max_seconds * speeds[-1] if speeds else UNKNOWN
    return {
        **{f"changes {change}": float(plan.change == change) for change in get_args(Change)},
        "seconds": math.log(max(plan.max_seconds, 1.0)),
        "steps": math.log1p(plan.steps),
        "tokens in its time": math.log(max(tokens, 1.0)) if speeds else UNKNOWN,
        "rows in its time": math.log(max(tokens / max(rows[-1], 1.0), 1.0)) if speeds and rows else UNKNOWN,
        "replay": plan.replay,
        "sources": float(len(plan.sources)),
        "weighted": float(bool(plan.shares)),
        "rows at most": math.log(plan.rows),
        "from a lesson": float(bool(plan.lessons)),
        "by a language model": float(plan.decided_by == "llm"),
        "expected by its plan": plan.expected_gain,
    }


def _sources(base: Evaluation, history: Sequence[Experiment], plan: Plan) -> Features:
    """What training on these sources, alone or together, came to in this run."""
    wanted, floor = set(plan.sources), base.paired_score.points
    same, alone, touching = [], [], []
    for e in history:
        if e.evaluation is None:
            continue
        gain = e.evaluation.paired_score.points - floor
        if set(e.plan.sources) == wanted:
            same.append(gain)
        if len(e.plan.sources) == 1 and set(e.plan.sources) <= wanted:
            alone.append(gain)
        if wanted & set(e.plan.sources):
            touching.append(gain)
    return {
        "same sources tried": float(len(same)),
        "best with the same sources": max(same, default=UNKNOWN),
        "last with the same sources": same[-1] if same else UNKNOWN,
        "mean of its sources alone": sum(alone) / len(alone) if alone else UNKNOWN,
        "worst of its sources alone": min(alone, default=UNKNOWN),
        "best with any of its sources": max(touching, default=UNKNOWN),
        "new sources": float(len(wanted - {name for e in history for name in e.plan.sources})),
    }


def _data(what: str, recipe: DataRecipe | None, card: DataCard | None) -> Features:
    """Rows, lengths, and how much of them curation dropped, repaired or rewrote."""
    names = ("rows", "tokens", "longest answer", "reasoning", "dropped", "largest source", "replay")
    found: Features = dict.fromkeys((f"{what}: {name}" for name in names), UNKNOWN)
    operations = recipe.operations if recipe else ()
    found[f"{what}: repairs"] = float(sum(isinstance(op, Repair) for op in operations)) if recipe else UNKNOWN
    found[f"{what}: scripts"] = float(sum(isinstance(op, Script) for op in operations)) if recipe else UNKNOWN
    if card is None:
        return found
    rows, first = max(card.rows, 1), max((step.rows_out for step in card.steps), default=0)
    return found | {
        f"{what}: rows": math.log(rows),
        f"{what}: tokens": math.log(max(card.mean_tokens, 1.0)),
        f"{what}: longest answer": math.log1p(card.longest_trained_tokens)
        if card.longest_trained_tokens
        else UNKNOWN,
        f"{what}: reasoning": card.reasoning_share,
        f"{what}: dropped": 1.0 - min(1.0, rows / first) if first else UNKNOWN,
        f"{what}: largest source": max(card.rows_by_source.values(), default=0) / rows,
        f"{what}: replay": card.replay_rows / rows,
    }


def _training(plan: TrainingPlan, card: DataCard, before: Experiment | None) -> Features:
    batch = plan.effective_batch_size
    steps = plan.max_steps if plan.max_steps > 0 else plan.num_train_epochs * card.rows / batch
    earlier = rate_used(before.training_plan, before.training) if before and before.training_plan else 0.0
    return {
        "lora": float(plan.method == "lora"),
        "rate": math.log(plan.learning_rate),
        "rate to the start's": math.log(plan.learning_rate / earlier) if earlier else UNKNOWN,
        "batch": math.log(batch),
        "epochs": math.log(max(plan.num_train_epochs, 1e-3)),
        "planned steps": math.log(max(steps, 1.0)),
        "rows read": math.log(max(steps * batch, 1.0)),
        "tokens read": math.log(max(steps * batch * card.mean_tokens, 1.0)),
        "rank": math.log(plan.lora_r) if plan.method == "lora" else UNKNOWN,
        "dropout": plan.lora_dropout,
        "noise": plan.neftune_noise_alpha or 0.0,
        "weight decay": plan.weight_decay,
        "rate comes down": float(plan.lr_scheduler_type != "constant_with_warmup"),
        "early stopping": float(plan.early_stopping),
    }


def _fall(losses: Sequence[tuple[int, float]]) -> float:
    """Relative fall of the mean loss from the third to the last quarter."""
    if len(losses) < 8:
        return UNKNOWN
    quarter = len(losses) // 4
    third = sum(loss for _, loss in losses[-2 * quarter : -quarter])
    last = sum(loss for _, loss in losses[-quarter:])
    return (third - last) / third if third > 0 else 0.0


def _by_id(history: Sequence[Experiment]) -> dict[str, Experiment]:
    return {e.id: e for e in history}
