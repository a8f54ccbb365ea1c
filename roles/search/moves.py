"""Moves beside those of the playbook's order: what a tree of experiments can do and a line cannot.

Each function proposes one plan or None, as the Planner's rules do.
"""

from __future__ import annotations

from memory.records import Experiment, Plan
from roles.method import method_for
from roles.plan_context import IMPROVE_SHARE, STALLED_DISCARDS, PlannerContext, draft
from roles.source_looks import clearly_above, is_look, is_source_look
from roles.time_split import experiment_seconds
from tools.checks.champion import beyond_budget

WITHIN = 10.0
"""Points behind the incumbent within which another branch is worth going on with."""
ANEW_SHARE = 2.0
"""Of an equal share of the time left, what a training from the base takes: it has a chain to overtake."""


def anew(context: PlannerContext) -> Plan | None:
    """The incumbent's data from the base, in one training as long as its chain: a chain of restarts carries
    what its first link learned wrong."""
    champion = context.champion
    if champion is None or champion.plan.init_from == "base":
        return None
    sources = champion.plan.sources
    long = [e for e in context.history if not is_look(e) and e.plan.init_from == "base"]
    if any(set(e.plan.sources) == set(sources) for e in long):
        return None
    chain = sum(e.training.wall_seconds for e in context.history if e.id in context.line and e.training)
    seconds = experiment_seconds(context.dojo, context.history, method_for(context.dojo), ANEW_SHARE)
    if seconds < chain + context.dojo.overhead_seconds():
        return None
    return draft(
        context,
        sources=sources,
        init_from="base",
        change="duration",
        hypothesis=f"One training from the base does better on the data of {champion.id} than its chain",
        reason=f"{champion.id} stands at the end of a chain, and a restart undoes a part of what came before",
        expected_gain=IMPROVE_SHARE * (100.0 - context.champion_score),
        seconds=seconds,
        weights=dict(champion.plan.weights),
        move="draft",
    )


def other_branch(context: PlannerContext) -> Plan | None:
    """On from the best experiment beside the incumbent's line, where it is close and nothing builds on it."""
    line = {context.initial_checkpoint, *context.line}
    starts = {e.plan.init_from for e in context.history if not is_look(e)}
    rivals = [
        e
        for e in context.after_looks
        if e.training and e.evaluation and e.id not in {*line, *starts} and not beyond_budget(e)
    ]
    best = max(rivals, key=lambda e: context.score_of(e.id), default=None)
    if best is None or context.champion_score - context.score_of(best.id) > WITHIN:
        return None
    behind = context.champion_score - context.score_of(best.id)
    gain = IMPROVE_SHARE * (100.0 - context.score_of(best.id)) - behind
    return draft(
        context,
        sources=best.plan.sources,
        init_from=best.id,
        change="hyperparameters",
        hypothesis=f"Training on from {best.id} overtakes {context.champion_id}",
        reason=f"{best.id} is {behind:.1f} points behind, on another branch, and nothing was built on it",
        expected_gain=gain,
        weights=dict(best.plan.weights),
        move="improve",
    )


def complement(context: PlannerContext) -> Plan | None:
    """The incumbent's data with one source more: the best of its kind that taught something in its look.

    A look is short and alone. What scores less by itself may teach what the incumbent's sources do not hold.
    """
    champion = context.champion
    if champion is None:
        return None
    kind = next((names for names in context.groups.values() if champion.plan.sources[0] in names), ())
    base = context.dojo.validation_score("base")
    looks = {
        e.plan.sources[0]: e.evaluation.paired_score
        for e in context.history
        if is_source_look(e) and e.evaluation and e.plan.sources[0] in kind
    }
    taught = {
        name: score.value
        for name, score in looks.items()
        if clearly_above(score, base) and name in context.trusted and name not in champion.plan.sources
    }
    for name in sorted(taught, key=lambda name: -taught[name]):
        sources = (*champion.plan.sources, name)
        if context.tried(sources, champion.id):
            continue
        return draft(
            context,
            sources=sources,
            init_from=champion.id,
            change="sources",
            hypothesis=f"{name} teaches what the data of {champion.id} do not hold",
            reason=f"its look scored {taught[name]:.1f}, clearly over the base, and nothing came of it",
            expected_gain=IMPROVE_SHARE * (100.0 - context.champion_score),
            move="combine",
        )
    return None


def leave_out(context: PlannerContext) -> Plan | None:
    """One source of the incumbent less, all else the same: which one, its latest audit or its looks say.

    Where the diagnosis doubts its data, or nothing else helps: the training is made again for one answer.
    """
    champion = context.champion
    if champion is None or len(champion.plan.sources) < 2:
        return None
    suspected = champion.diagnosis is not None and champion.diagnosis.cause == "data"
    if not suspected and context.discards_in_a_row < STALLED_DISCARDS:
        return None
    worst = _worst(context, champion)
    sources = tuple(name for name in champion.plan.sources if name != worst)
    if context.tried(sources, champion.plan.init_from):
        return None
    return draft(
        context,
        sources=sources,
        init_from=champion.plan.init_from,
        change="sources",
        hypothesis=f"{champion.id} does better without {worst}",
        reason=f"one factor less: the training of {champion.id}, and {worst} left out",
        expected_gain=IMPROVE_SHARE / 4 * (100.0 - context.champion_score),
        seconds=min(champion.plan.max_seconds, context.dojo.remaining_budget_seconds()),
        weights={name: share for name, share in champion.plan.weights.items() if name != worst},
        move="ablate",
    ).model_copy(update={"tests": champion.id if suspected and _predicts(champion) else ""})


def _predicts(experiment: Experiment) -> bool:
    """Whether its diagnosis says what other sources would bring."""
    made = experiment.diagnosis.prediction if experiment.diagnosis else None
    return made is not None and made.change == "sources"


def _worst(context: PlannerContext, champion: Experiment) -> str:
    """The source that the latest audit agrees with least; without one, the last of the plan, best first."""
    audits = [e.diagnosis.source_scores for e in context.history if e.diagnosis and e.diagnosis.source_scores]
    shares = dict(audits[-1]) if audits else {}
    named = [name for name in champion.plan.sources if name in shares]
    return min(named, key=lambda name: shares[name]) if named else champion.plan.sources[-1]
