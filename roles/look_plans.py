"""Plans that come of looks: the next look at a source, the next trial of a mixture, and what goes on."""

from __future__ import annotations

from memory.records import Plan
from roles import mixtures, recall, source_looks
from roles.plan_context import IMPROVE_SHARE, SCREEN_GAIN, STALLED_DISCARDS, PlannerContext, draft
from tools.checks.repeats import refusal
from tools.checks.source_kinds import Kind


def look(context: PlannerContext) -> Plan | None:
    """The next short training of one source, to compare sources by what they do to validation.

    A source whose look another run made in vain is passed over, as long as two are left to compare.
    """
    groups = context.groups
    while (planned := _look_among(context, groups)) is not None:
        rest: dict[Kind, tuple[str, ...]] = {
            kind: tuple(name for name in names if name not in planned.sources)
            for kind, names in groups.items()
        }
        if len(rest["chain_of_thought"] + rest["direct"]) < 2 or not refusal(context.dojo, planned):
            return planned
        groups = rest
    return None


def _look_among(context: PlannerContext, groups: dict[Kind, tuple[str, ...]]) -> Plan | None:
    stalled = context.discards_in_a_row >= STALLED_DISCARDS
    early = "early-stopping" not in context.dojo.journal.without
    favoured = recall.preferred_kind(context)
    if favoured and not stalled:
        held = recall.preferred_groups(context)
        groups = {kind: tuple(name for name in names if name in held[kind]) for kind, names in groups.items()}
    found = source_looks.next_look(context.dojo, recall.unled(context), groups, stalled, early)
    if found is None:
        return None
    first = f"; {favoured[0]} first, as lessons say: {favoured[1].text()}" if favoured else ""
    again = f", {found.steps} more steps from {found.init_from}" if found.round else ""
    return draft(
        context,
        sources=(found.source,),
        init_from=found.init_from,
        change="duration" if found.round else "sources" if context.history else "first",
        hypothesis=f"{found.source} alone teaches the task{again}",
        reason=f"a look: each source by itself for {found.steps} steps, judged by validation{first}",
        expected_gain=SCREEN_GAIN,
        seconds=found.seconds,
        steps=found.steps,
    )


def mix(context: PlannerContext) -> Plan | None:
    """The next short training on a mixture of the sources that did about as well in their looks."""
    by = context.dojo.journal.explained
    trial = mixtures.next_trial(context.dojo, context.history, context.chosen, context.rows, by)
    if trial is None:
        return None
    shares = ", ".join(f"{name} {share:.0%}" for name, share in trial.weights.items())
    return draft(
        context,
        sources=tuple(trial.weights),
        init_from=trial.init_from,
        change="duration" if trial.round else "sources",
        hypothesis=f"{shares} is the best mixture of the sources that looked good",
        reason=f"a trial: each mixture for {trial.steps} steps from {trial.init_from}, judged by validation",
        expected_gain=IMPROVE_SHARE * (100.0 - context.champion_score),
        seconds=trial.seconds,
        steps=trial.steps,
        weights=trial.weights,
    )


def go_on_from_best_look(context: PlannerContext) -> Plan | None:
    """Once: the best source with those that did about as well, on from the weights of its look, or of the
    best trial of a mixture."""
    best, *others = context.chosen or (None,)
    if best is None:
        return None
    found = context.mixture
    start = found.experiment if found else best.experiment
    if any(e.plan.init_from == start for e in context.history if not source_looks.is_trial(e)):
        return None
    champion, order = context.champion, [e.id for e in context.history]
    if champion and not source_looks.is_look(champion) and start in order[: order.index(champion.id)]:
        return None  # another source has overtaken it since
    sources = tuple(found.weights) if found else tuple(seen.source for seen in (best, *others))
    alike = f"; {', '.join(seen.source for seen in others)} did about as well" if others else ""
    mixed = f", in the mixture of {start}" if found else ""
    return draft(
        context,
        sources=sources,
        init_from=start,
        change="sources" if len(sources) > 1 else "duration",
        hypothesis=f"{best.source} taught most in its look and goes on teaching{alike}{mixed}",
        reason=f"{best.experiment}: {best.score.text()} on validation, the best of {context.looks} looks",
        expected_gain=IMPROVE_SHARE * (100.0 - best.score.value),
        seconds=context.long_seconds(sources),
        weights=found.weights if found else None,
    )
