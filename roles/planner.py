"""The Planner: one hypothesis at a time, from the journal, the profiles and remembered lessons.

The playbook's order is the order of a practised fine-tuner:

1. **Recall.** A lesson from an earlier run on this task goes first: its kind of data
   and its hyperparameters, with a full budget, instead of a screening.
2. **Look** at each usable source, from the base weights and for the same few steps, and go on from
   the best look with the sources of its kind that do about as well (``roles.source_looks``): data
   decides more than any hyperparameter (LIMA, arXiv 2305.11206). Where time holds no look at each,
   **screen** the kinds of data; where it holds one more, go on with what taught something.
3. **Look again** at chain-of-thought answers that lost their screening while they were still learning fast,
   at once where the champion is poor, later where it stalls and they are within reach:
   more tokens a row make a slower start, and a short race favours what starts fast (the known bias of
   successive halving, Li et al. 2018, arXiv 1603.06560).
4. **Clean**: when the champion contradicts a source's labels, try without it.
5. **Improve**: go on from the champion's weights with hyperparameters that TPE suggests, as in
   population-based training (Jaderberg et al. 2017, arXiv 1711.09846): copy the best,
   perturb, keep what wins. Warm restarts of the schedule come with it (arXiv 1608.03983).
6. **Widen** when improving stalls: add the next kind of data to the champion's.

Where a training scored well and forgot more than its budget, it goes **on with general rows**
(``roles.replay``), before anything else but looks.

Each function that can make a plan returns None when its case does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from memory.records import Experiment, Move, Plan
from roles import replay
from roles.forecast import forecast
from roles.look_plans import go_on_from_best_look, look, mix
from roles.plan_context import (
    CLEAN_GAIN,
    IMPROVE_SHARE,
    STALLED_DISCARDS,
    PlannerContext,
    draft,
)
from roles.recall import from_lesson
from roles.recovery import once_more
from roles.screening import screen
from roles.search import tree
from roles.search.moves import anew, complement, leave_out, other_branch
from roles.stopping import Stop
from tasks.errors import ExperimentFailed, InvalidDecision
from tools.checks.repeated_failure import check_plan_repeats
from tools.checks.repeats import refusal
from tools.checks.source_kinds import CHAIN_OF_THOUGHT_SHARE, by_kind, why_unusable
from tools.dojo import Dojo
from tools.training.loss_curve import STILL_FALLING, loss_fall

PATIENCE = 5
"""Discarded improvements in a row after which the run counts as stuck: TPE has then seen as many rates
as its two start-up trials and a few guided ones."""
NEW_SOURCE_WEIGHT = 0.25
"""Of a newly added source against the champion's own: enough to show an effect, too little to undo it."""
POOR_SCORE = 50.0
"""Below it the champion errs on more than half of the items, and which data teaches is an open question."""
CLOSING_SHARE = 0.5
"""Of the gap to the champion, what one more look must have gained for another to be likely to close it."""


Rule = Callable[[PlannerContext], Plan | None]
VALUATION: tuple[Rule, ...] = (look, mix, go_on_from_best_look)
"""The rules that judge sources by what training on them does to validation."""


def plan(dojo: Dojo, experiment: str) -> Plan | Stop | None:
    """The next experiment, or None when nothing is left to try (the run is stuck).

    ``Dojo.search`` says how it is chosen: ``greedy`` takes the first rule that applies, and branches of the
    tree where none does; ``tree`` weighs what all of them propose (``roles.search``).

    Raises:
        ExperimentFailed: the pool holds no usable source at all.
    """
    context = _context(dojo, experiment)
    if not context.usable:
        reasons = "; ".join(f"{name}: {why_unusable(profile)}" for name, profile in dojo.profiles().items())
        raise ExperimentFailed("plan", "empty_data", f"no source can be used ({reasons})")
    if dojo.search == "tree":
        return tree.choose(context, proposals(context, (*RULES, *BRANCHES)), forecast)
    first = next(proposals(context, RULES), None)
    return first or tree.choose(context, proposals(context, BRANCHES), forecast)


def next_look(dojo: Dojo, experiment: str) -> Plan | None:
    """The next look at a source or trial of a mixture, as ``plan`` would make it were no other rule before.

    Within a round it does not depend on how the look under way ends: it may be begun ahead.
    """
    looks = [(move, rule) for move, rule in RULES if rule in (look, mix)]
    return next(proposals(_context(dojo, experiment), looks), None)


def _context(dojo: Dojo, experiment: str) -> PlannerContext:
    return PlannerContext(
        dojo=dojo,
        experiment=experiment,
        history=dojo.journal.experiments(),
        champion=dojo.journal.best(),
        groups=by_kind(dojo.profiles()),
        advice=dojo.recall(),
    )


def proposals(context: PlannerContext, rules: Sequence[tuple[Move, Rule]]) -> Iterator[Plan]:
    """What the rules propose, in their order; without what failed too often in the same way, and without what
    was done before in vain."""
    in_vain: Plan | None = None
    for move, rule in rules:
        proposal = None if _switched_off(rule, context.dojo) else rule(context)
        if proposal is None or _refused(context.dojo, proposal):
            continue
        tests = proposal.tests or _tested(context, proposal)
        proposal = proposal.model_copy(update={"move": move, "tests": tests})
        if proposal.steps or not refusal(context.dojo, proposal):  # looks see to it themselves
            yield proposal
        else:
            in_vain = in_vain or proposal
    if in_vain is not None and not context.history:
        yield in_vain  # a run that has tried nothing tries even what another run tried in vain


def _tested(context: PlannerContext, proposal: Plan) -> str:
    """The experiment whose diagnosis predicts what this change brings, where no plan has tested it yet."""
    if proposal.steps or any(e.plan.tests == proposal.init_from for e in context.history):
        return ""
    start = next((e for e in context.history if e.id == proposal.init_from), None)
    made = start.diagnosis.prediction if start and start.diagnosis else None
    return proposal.init_from if made is not None and made.change == proposal.change else ""


def _refused(dojo: Dojo, proposal: Plan) -> bool:
    try:
        check_plan_repeats(dojo, proposal)
    except InvalidDecision:
        return True
    return False


def _switched_off(rule: Rule, dojo: Dojo) -> bool:
    """Whether a benchmark runs without what this rule is a part of."""
    return rule in VALUATION and "valuation" in dojo.journal.without


def _replay(context: PlannerContext) -> Plan | None:
    """On from the training that forgetting kept from becoming the incumbent, with more general rows."""
    before = replay.to_recover(context.dojo, context.history)
    if before is None or before.forgetting is None:
        return None
    share = replay.next_share(before.plan.replay)
    return draft(
        context,
        sources=before.plan.sources,
        init_from=before.id,
        change="operations",
        hypothesis=f"On with {share:.0%} of general rows {before.id} keeps the task and recovers the rest",
        reason=f"{before.id} would have been kept but for what it forgot: {before.forgetting.text()}",
        expected_gain=before.comparison.delta if before.comparison else 0.0,
        seconds=min(before.plan.max_seconds, context.dojo.remaining_budget_seconds()),
        weights=dict(before.plan.weights),
    )


def _look_again(context: PlannerContext) -> Plan | None:
    """Chain-of-thought answers on from their own weights, as long as each look closes enough of the gap.

    Only while which data teaches is still open: the champion errs on more than half of the items, or it has
    stalled with a lead that is smaller than what it still gets wrong. Tuned on one synthetic task
    (ChemCoTBench molecule understanding, two seeds). The rule for answers that do not end yet is from one run
    of another (PANORAMA PAR4PC), and no run has gone that way since.
    """
    rationales = set(context.groups["chain_of_thought"])
    if context.champion is None or not rationales or rationales & set(context.champion.plan.sources):
        return None
    looks = [e for e in context.history if rationales & set(e.plan.sources) and e.evaluation and e.training]
    if not looks:
        return None
    last = max(reversed(looks), key=lambda look: context.score_of(look.id))
    if context.tried(last.plan.sources, last.id):
        return None
    assert last.training is not None
    gained = context.score_of(last.id) - context.score_of(last.plan.init_from)
    gap = context.champion_score - context.score_of(last.id)
    within_reach = _stalled(context.champion, context.history[-1]) and gap < 100.0 - context.champion_score
    if context.champion_score >= POOR_SCORE and not within_reach:
        return None
    closing = last.plan.init_from == "base" or gained >= CLOSING_SHARE * gap
    fall, unread = _loss_fall(last), _lead_of_what_is_read(context, last)
    if (fall < STILL_FALLING and unread <= 0.0) or gained <= 0 or not closing:
        return None
    cut = (
        f"its loss fell {fall:.0%} over the last quarter" if fall >= STILL_FALLING else _unread(context, last)
    )
    return draft(
        context,
        sources=last.plan.sources,
        init_from=last.id,
        change="duration",
        hypothesis=f"Chain-of-thought answers overtake {context.champion_id} when trained for longer",
        reason=f"{last.id} was cut short: {cut}, and it is "
        f"{gained:+.1f} over {last.plan.init_from} after {last.training.steps} steps",
        expected_gain=max(0.0, gained - gap),
    )


def _lead_of_what_is_read(context: PlannerContext, look: Experiment) -> float:
    """By how many points it would lead the champion if all its answers were as good as those that are read.

    An answer that does not come to its end within the budget counts as wrong, and training ends it.
    """
    score = context.dojo.validation_score(look.id)
    if not score.higher_is_better or score.unparseable_share >= 1.0:
        return 0.0
    return context.score_of(look.id) / (1.0 - score.unparseable_share) - context.champion_score


def _unread(context: PlannerContext, look: Experiment) -> str:
    share = context.dojo.validation_score(look.id).unparseable_share
    return f"{share:.0%} of its answers cannot be read yet, and the others are better than the champion's"


def _stalled(champion: Experiment, latest: Experiment) -> bool:
    """Whether the champion had stopped learning when its training ended, or training on gained nothing."""
    in_vain = latest.evaluation is not None and latest.plan.init_from != "base" and latest.id != champion.id
    return in_vain or _loss_fall(champion) < STILL_FALLING


def _loss_fall(experiment: Experiment) -> float:
    """Relative fall of the training loss over the last quarter; 0 where it is not known, or where
    rows were learnt by heart."""
    training = experiment.training
    if training is None or (training.held_out is not None and training.held_out.rose):
        return 0.0
    return loss_fall(training.losses) or 0.0


def _clean(context: PlannerContext) -> Plan | None:
    """Without the sources whose labels the champion contradicts, when the champion was trained on them."""
    if context.champion is None:
        sources = context.trusted
        if sources and set(sources) != set(context.usable) and not context.tried(sources, "base"):
            return _cleaned(context, sources, context.usable, "base")
        return None
    sources = tuple(name for name in context.champion.plan.sources if name in context.trusted)
    seen = context.champion.plan.sources
    if set(sources) == set(seen) or not sources or context.tried(sources, context.champion_id):
        return None
    return _cleaned(context, sources, seen, context.champion_id)


def _cleaned(
    context: PlannerContext, sources: tuple[str, ...], before: Sequence[str], init_from: str
) -> Plan:
    left_out = sorted(set(before) - set(sources))
    return draft(
        context,
        sources=sources,
        init_from=init_from,
        change="sources",
        hypothesis=f"Leaving out {', '.join(left_out)} helps: their labels look wrong",
        reason="the model that was asked agrees with their labels clearly less than with the best source's, "
        "and than it is right on validation (confident learning, arXiv 1911.00068)",
        expected_gain=CLEAN_GAIN,
    )


def _add_repaired(context: PlannerContext) -> Plan | None:
    """Once: the champion's data with the sources of its kind for which an audit found a repair."""
    if context.champion is None or any(context.repaired & set(e.plan.sources) for e in context.after_looks):
        return None
    seen, profiles = context.champion.plan.sources, context.dojo.profiles()
    steps = {profiles[name].reasoning_share >= CHAIN_OF_THOUGHT_SHARE for name in seen}
    added = tuple(
        name
        for name in profiles
        if name in context.repaired and {profiles[name].reasoning_share >= CHAIN_OF_THOUGHT_SHARE} == steps
    )
    if not added:
        return None
    return draft(
        context,
        sources=seen + added,
        init_from=context.champion_id,
        change="sources",
        hypothesis=f"{', '.join(added)}, repaired, adds right rows",
        reason=f"one rule turns its labels into what {context.champion_id} answers",
        expected_gain=IMPROVE_SHARE * (100.0 - context.champion_score),
    )


def _narrow_when_stalled(context: PlannerContext) -> Plan | None:
    """After two discarded improvements in a row: the source of the best look alone."""
    best = context.chosen[0].source if context.chosen else ""
    champion = context.champion
    if not champion or best not in champion.plan.sources or len(champion.plan.sources) < 2:
        return None
    if context.discards_in_a_row < STALLED_DISCARDS or context.tried((best,), champion.id):
        return None
    return draft(
        context,
        sources=(best,),
        init_from=champion.id,
        change="sources",
        hypothesis=f"{best} alone teaches what is left",
        reason="its look was the best, and two improvements in a row were discarded with others beside it",
        expected_gain=1.0,
    )


def _widen_when_stalled(context: PlannerContext) -> Plan | None:
    """After two discarded improvements in a row: add trusted sources of the champion's own kind.

    Of its own kind only: direct answers mixed into chain-of-thought ones teach a model to skip its steps.
    """
    if context.champion is None or context.discards_in_a_row < STALLED_DISCARDS:
        return None
    seen = context.champion.plan.sources
    kinds = [group for kind, group in context.groups.items() if kind != "unusable" and set(seen) & set(group)]
    alike = {name for group in kinds for name in group}
    if context.chosen:
        alike &= {each.source for each in context.chosen}
    added = tuple(name for name in context.trusted if name in alike and name not in seen)
    sources = context.champion.plan.sources + added
    if not added or context.tried(sources, context.champion_id):
        return None
    weights = dict.fromkeys(context.champion.plan.sources, 1.0) | dict.fromkeys(added, NEW_SOURCE_WEIGHT)
    return draft(
        context,
        sources=sources,
        init_from=context.champion_id,
        change="sources",
        hypothesis=f"More variety helps: {', '.join(added)} at a quarter of the weight",
        reason="two improvements in a row were discarded with the same data",
        expected_gain=1.0,
        weights=weights,
    )


def _improve(context: PlannerContext) -> Plan | None:
    """On from the champion (or again from the base), with the next hyperparameters; None when patience has
    run out."""
    if context.discards_in_a_row >= PATIENCE:
        return None
    start = next((e for e in context.history if e.id == context.initial_checkpoint), None)
    # A screening that is ahead by chance does not decide about the data: what went on from one does.
    holder = start if start and start.plan.init_from != "base" else context.champion
    sources = holder.plan.sources if holder else context.trusted or context.usable
    weights = holder.plan.weights if holder else {}
    gain = IMPROVE_SHARE * (100.0 - context.champion_score)
    return draft(
        context,
        sources=sources,
        init_from=context.initial_checkpoint,
        change="duration" if context.discards_in_a_row == 0 else "hyperparameters",
        hypothesis=f"Training on from {context.initial_checkpoint} removes a tenth of the remaining error",
        reason="copy the best, perturb its hyperparameters, keep what wins (arXiv 1711.09846)",
        expected_gain=gain,
        seconds=context.long_seconds(sources),
        weights=dict(weights),
    )


RULES: tuple[tuple[Move, Rule], ...] = (
    ("draft", from_lesson),
    ("repair", once_more),
    ("draft", look),
    ("combine", mix),
    ("repair", _replay),
    ("improve", _look_again),
    ("improve", go_on_from_best_look),
    ("draft", screen),
    ("ablate", _clean),
    ("combine", _add_repaired),
    ("ablate", _narrow_when_stalled),
    ("combine", _widen_when_stalled),
    ("improve", _improve),
)
"""In the order of the module's docstring, each with the kind of move that its plans are."""
BRANCHES: tuple[tuple[Move, Rule], ...] = (
    ("improve", other_branch),
    ("combine", complement),
    ("draft", anew),
    ("ablate", leave_out),
)
"""What the tree search weighs beside them, and what is left to a greedy one whose rules have run out."""
