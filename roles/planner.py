"""The Planner: one hypothesis at a time, from the journal, the profiles and remembered lessons.

The playbook's order is the order of a practised fine-tuner:

1. **Recall.** A lesson from an earlier run on this task goes first: its kind of data
   and its hyperparameters, with a full budget, instead of a screening.
2. **Look** at each usable source, from the base weights and for the same few steps, and go on from the best
   look with the sources of its kind that do about as well (``roles.source_looks``): data decides more than any
   hyperparameter (LIMA, arXiv 2305.11206). Where time holds no look at each, **screen** the kinds of data.
3. **Look again** at chain-of-thought answers that lost their screening while they were still learning fast,
   at once where the champion is poor, later where it stalls and they are within reach:
   more tokens a row make a slower start, and a short race favours what starts fast (the known bias of
   successive halving, Li et al. 2018, arXiv 1603.06560).
4. **Clean**: when the champion contradicts a source's labels, try without it.
5. **Improve**: go on from the champion's weights with hyperparameters that TPE suggests, as in
   population-based training (Jaderberg et al. 2017, arXiv 1711.09846): copy the best,
   perturb, keep what wins. Warm restarts of the schedule come with it (arXiv 1608.03983).
6. **Widen** when improving stalls: add the next kind of data to the champion's.

Each function that can make a plan returns None when its case does not apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from memory.experience.lessons import Recalled
from memory.records import Experiment, Plan
from roles import source_looks
from roles.method import method_for
from roles.time_split import experiment_seconds, long_seconds
from tasks.errors import ExperimentFailed
from tools.checks.source_kinds import IN_WORDS, Kind, by_kind, distrusted, why_unusable
from tools.dojo import AUDIT_ROWS, Dojo
from tools.training.loss_curve import STILL_FALLING, loss_fall

SCREEN_SHARE = 0.6
"""A screening's budget, relative to an equal share of the time left: a ranking of data takes less
training than a champion. Set on the synthetic editions."""
LESSON_SHARE = 1.5
"""A plan from a lesson takes the time of the screenings that it saves."""
PATIENCE = 5
"""Discarded improvements in a row after which the run counts as stuck: TPE has then seen as many rates
as its two start-up trials and a few guided ones."""
STALLED_DISCARDS = 2
"""Discarded improvements in a row after which more data is added: one may be bad luck."""
NEW_SOURCE_WEIGHT = 0.25
"""Of a newly added source against the champion's own: enough to show an effect, too little to undo it."""
POOR_SCORE = 50.0
"""Below it the champion errs on more than half of the items, and which data teaches is an open question."""
CLOSING_SHARE = 0.5
"""Of the gap to the champion, what one more look must have gained for another to be likely to close it."""
SCREEN_GAIN, CLEAN_GAIN = 10.0, 5.0
"""Points that a screening and a cleaning are said to gain: guesses, scored by ``memory.calibration``."""
IMPROVE_SHARE = 0.1
"""Of the remaining error, what an improvement is said to remove: a guess as well."""


@dataclass(frozen=True)
class PlannerContext:
    """What the Planner has in front of it: facts derived from the journal, nothing of its own."""

    dojo: Dojo
    experiment: str
    history: tuple[Experiment, ...]
    champion: Experiment | None
    groups: dict[Kind, tuple[str, ...]]
    advice: tuple[Recalled, ...]

    @property
    def champion_id(self) -> str:
        """``base`` as long as nothing was kept."""
        return self.champion.id if self.champion else "base"

    @property
    def champion_score(self) -> float:
        """Validation score of the champion, or of the base model."""
        return self.dojo.validation_score(self.champion_id).value

    def score_of(self, experiment: str) -> float:
        """Validation score of ``base`` or of an evaluated experiment."""
        return self.dojo.validation_score(experiment).value

    @property
    def initial_checkpoint(self) -> str:
        """The weights to train on from: the champion's, or those of a better, unproven challenger of it.

        A challenger that scores higher without the evidence to replace the champion was still
        trained for longer; going on from it keeps that training, and the next paired test
        against the champion decides about both.
        """
        since = list(self.history)
        if self.champion is not None:
            since = since[since.index(self.champion) + 1 :]
        ahead = [e for e in since if e.comparison and e.comparison.delta > 0 and e.training]
        best = max(ahead, key=lambda e: e.comparison.delta if e.comparison else 0.0, default=None)
        return best.id if best else self.champion_id

    @property
    def trusted(self) -> tuple[str, ...]:
        """Usable sources whose labels the last audit does not contradict."""
        audits = [e for e in self.history if e.diagnosis and e.diagnosis.source_scores]
        if not audits:
            return self.usable
        assert audits[-1].diagnosis is not None
        shares, right = audits[-1].diagnosis.source_scores, self.dojo.right_share(audits[-1].id)
        best = {self.chosen[0].source} if self.chosen else set()
        doubted = set(distrusted(shares, AUDIT_ROWS, right)) - best
        return tuple(name for name in self.usable if name not in doubted)

    @property
    def chosen(self) -> tuple[source_looks.Seen, ...]:
        """What the looks came to: the best source and those of its kind that are about as good."""
        return source_looks.chosen(self.history, self.groups, self.dojo.validation_score("base"))

    @property
    def looks(self) -> int:
        """How many looks at sources were made."""
        return sum(map(source_looks.is_look, self.history))

    @property
    def usable(self) -> tuple[str, ...]:
        """Chain-of-thought sources first, then direct ones."""
        return self.groups["chain_of_thought"] + self.groups["direct"]

    def tried(self, sources: tuple[str, ...], init_from: str) -> bool:
        """Whether this set of sources was already trained from these weights."""
        return any(
            set(e.plan.sources) == set(sources) and e.plan.init_from == init_from for e in self.history
        )


def plan(dojo: Dojo, experiment: str) -> Plan | None:
    """The next experiment, or None when nothing is left to try (the run is stuck).

    Raises:
        ExperimentFailed: the pool holds no usable source at all.
    """
    context = PlannerContext(
        dojo=dojo,
        experiment=experiment,
        history=dojo.journal.experiments(),
        champion=dojo.journal.best(),
        groups=by_kind(dojo.profiles()),
        advice=dojo.recall(),
    )
    if not context.usable:
        reasons = "; ".join(f"{name}: {why_unusable(profile)}" for name, profile in dojo.profiles().items())
        raise ExperimentFailed("plan", "empty_data", f"no source can be used ({reasons})")
    for rule in (
        _from_lesson,
        _look,
        _go_on_from_best_look,
        _screen,
        _look_again,
        _clean,
        _widen_when_stalled,
        _improve,
    ):
        proposal = rule(context)
        if proposal is not None:
            return proposal
    return None


def _from_lesson(context: PlannerContext) -> Plan | None:
    """First experiment with a warm memory: what worked on this task before, at full length."""
    advice = [
        item for item in context.advice if item.kind == "advice" and item.lesson.task == context.dojo.spec.id
    ]
    if context.history or not advice:
        return None
    # What refined a champion does not suit a first training: a lesson from the base goes first.
    advice.sort(key=lambda item: (item.lesson.settings.get("start") != "base", -item.lesson.gain))
    lesson = advice[0].lesson
    kind = str(lesson.settings.get("kind", ""))
    sources = _sources_of_kind(context, kind)
    if not sources:
        return None
    return _draft(
        context,
        sources=sources,
        init_from="base",
        change="first",
        hypothesis=f"What helped on this task before helps again: {IN_WORDS.get(kind, kind)} answers",
        reason=f"lesson {lesson.id}: {lesson.text}",
        expected_gain=max(0.0, lesson.gain),
        share=LESSON_SHARE,
        lessons=(lesson.id,),
    )


def _sources_of_kind(context: PlannerContext, kind: str) -> tuple[str, ...]:
    """The sources that a lesson's kind means here; names differ from pool to pool, kinds do not."""
    if kind == "chain_of_thought":
        return context.groups["chain_of_thought"]
    if kind == "direct":
        return context.groups["direct"]
    return context.usable if kind == "all" else ()


def _look(context: PlannerContext) -> Plan | None:
    """The next short training of one source, to compare sources by what they do to validation."""
    look = source_looks.next_look(context.dojo, context.history, context.groups)
    if look is None:
        return None
    again = f", {look.steps} more steps from {look.init_from}" if look.round else ""
    return _draft(
        context,
        sources=(look.source,),
        init_from=look.init_from,
        change="duration" if look.round else "sources" if context.history else "first",
        hypothesis=f"{look.source} alone teaches the task{again}",
        reason=f"a look: each source by itself for {look.steps} steps, judged by validation",
        expected_gain=SCREEN_GAIN,
        seconds=look.seconds,
        steps=look.steps,
    )


def _go_on_from_best_look(context: PlannerContext) -> Plan | None:
    """Once after the looks: the best source and those that did about as well, from the best look's weights."""
    if not context.history or not all(map(source_looks.is_look, context.history)):
        return None
    best, *others = context.chosen or (None,)
    if best is None:
        return None
    alike = f"; {', '.join(seen.source for seen in others)} did about as well" if others else ""
    return _draft(
        context,
        sources=tuple(seen.source for seen in (best, *others)),
        init_from=best.experiment,
        change="sources" if others else "duration",
        hypothesis=f"{best.source} taught most in its look and goes on teaching{alike}",
        reason=f"{best.experiment}: {best.score.text()} on validation, the best of {context.looks} looks",
        expected_gain=IMPROVE_SHARE * (100.0 - best.score.value),
        seconds=_long(context, tuple(seen.source for seen in (best, *others))),
    )


def _candidates(context: PlannerContext) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(kind, sources, reason) worth a screening, best guess first."""
    if context.groups["chain_of_thought"]:
        yield (
            "chain_of_thought",
            context.groups["chain_of_thought"],
            "written steps teach small models more than direct answers (arXiv 2212.10071)",
        )
    if context.groups["direct"]:
        yield "direct", context.groups["direct"], "the control: the same task with direct answers"


def _screen(context: PlannerContext) -> Plan | None:
    """Each kind of data once, from the base weights; none after a lesson has answered the question."""
    if context.history and (context.chosen or (context.history[0].plan.lessons and context.champion)):
        return None
    for kind, sources, reason in _candidates(context):
        if context.tried(sources, "base"):
            continue
        rejected = ", ".join(
            f"{name} ({why_unusable(context.dojo.profiles()[name])})" for name in context.groups["unusable"]
        )
        return _draft(
            context,
            sources=sources,
            init_from="base",
            change="sources" if context.history else "first",
            hypothesis=f"Cleaned {IN_WORDS[kind]} answers from {len(sources)} source(s) teach the task",
            reason=reason + (f"; left out: {rejected}" if rejected else ""),
            expected_gain=SCREEN_GAIN,
            share=SCREEN_SHARE,
        )
    return None


def _look_again(context: PlannerContext) -> Plan | None:
    """Chain-of-thought answers on from their own weights, as long as each look closes enough of the gap.

    Only while which data teaches is still open: the champion errs on more than half of the items, or it has
    stalled with a lead that is smaller than what it still gets wrong. Tuned on one synthetic task
    (ChemCoTBench molecule understanding, two seeds), the only one on which it has decided anything so far.
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
    fall = _loss_fall(last)
    if fall < STILL_FALLING or gained <= 0 or not closing:
        return None
    return _draft(
        context,
        sources=last.plan.sources,
        init_from=last.id,
        change="duration",
        hypothesis=f"Chain-of-thought answers overtake {context.champion_id} when trained for longer",
        reason=f"{last.id} was cut short: its loss fell {fall:.0%} over the last quarter, and it is "
        f"{gained:+.1f} over {last.plan.init_from} after {last.training.steps} steps",
        expected_gain=max(0.0, gained - gap),
    )


def _stalled(champion: Experiment, latest: Experiment) -> bool:
    """Whether the champion had stopped learning when its training ended, or training on gained nothing."""
    in_vain = latest.evaluation is not None and latest.plan.init_from != "base" and latest.id != champion.id
    return in_vain or _loss_fall(champion) < STILL_FALLING


def _loss_fall(experiment: Experiment) -> float:
    """Relative fall of the training loss over the last quarter; 0 where it is not known."""
    return (loss_fall(experiment.training.losses) or 0.0) if experiment.training else 0.0


def _clean(context: PlannerContext) -> Plan | None:
    """Without the sources whose labels the champion contradicts, when the champion was trained on them."""
    if context.champion is None:
        sources = context.trusted
        if sources and set(sources) != set(context.usable) and not context.tried(sources, "base"):
            return _cleaned(context, sources, "base")
        return None
    sources = tuple(name for name in context.champion.plan.sources if name in context.trusted)
    dropped = set(context.champion.plan.sources) - set(sources)
    if not dropped or not sources or context.tried(sources, context.champion_id):
        return None
    return _cleaned(context, sources, context.champion_id)


def _cleaned(context: PlannerContext, sources: tuple[str, ...], init_from: str) -> Plan:
    doubted = sorted(set(context.usable) - set(context.trusted))
    return _draft(
        context,
        sources=sources,
        init_from=init_from,
        change="sources",
        hypothesis=f"Leaving out {', '.join(doubted)} helps: their labels look wrong",
        reason="the champion agrees with their labels clearly less than with the best source's "
        "(confident learning, arXiv 1911.00068)",
        expected_gain=CLEAN_GAIN,
    )


def _widen_when_stalled(context: PlannerContext) -> Plan | None:
    """After two discarded improvements in a row: add trusted sources of the champion's own kind.

    Of its own kind only: direct answers mixed into chain-of-thought ones teach a model to skip its steps.
    """
    if context.champion is None or _discards_in_a_row(context) < STALLED_DISCARDS:
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
    return _draft(
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
    if _discards_in_a_row(context) >= PATIENCE:
        return None
    start = next((e for e in context.history if e.id == context.initial_checkpoint), None)
    sources = start.plan.sources if start else context.trusted or context.usable
    weights = start.plan.weights if start else {}
    gain = IMPROVE_SHARE * (100.0 - context.champion_score)
    return _draft(
        context,
        sources=sources,
        init_from=context.initial_checkpoint,
        change="duration" if _discards_in_a_row(context) == 0 else "hyperparameters",
        hypothesis=f"Training on from {context.initial_checkpoint} removes a tenth of the remaining error",
        reason="copy the best, perturb its hyperparameters, keep what wins (arXiv 1711.09846)",
        expected_gain=gain,
        seconds=_long(context, sources),
        weights=dict(weights),
    )


def _long(context: PlannerContext, sources: tuple[str, ...]) -> float | None:
    """Seconds of one long training where the time left holds only a few passes over the data."""
    card = context.champion.card if context.champion else None
    rows = card.rows if card else sum(context.dojo.profiles()[name].rows for name in sources)
    rows = min(rows, context.dojo.max_rows)
    return long_seconds(context.dojo, context.history, method_for(context.dojo), rows)


def _discards_in_a_row(context: PlannerContext) -> int:
    """How many of the latest experiments were not kept; a look that lost against others is no failure."""
    tried = [e for e in context.history if not source_looks.is_look(e)]
    runs = [(kept, len(list(group))) for kept, group in groupby(tried, key=lambda e: e.outcome == "kept")]
    return runs[-1][1] if runs and not runs[-1][0] else 0


def _draft(
    context: PlannerContext,
    *,
    sources: tuple[str, ...],
    init_from: str,
    change: str,
    hypothesis: str,
    reason: str,
    expected_gain: float,
    share: float = 1.0,
    seconds: float | None = None,
    weights: dict[str, float] | None = None,
    lessons: tuple[str, ...] = (),
    steps: int = 0,
) -> Plan:
    return Plan.model_validate(
        {
            "experiment": context.experiment,
            "parent": None if init_from == "base" else init_from,
            "hypothesis": hypothesis,
            "reason": reason,
            "change": change,
            "expected_gain": expected_gain,
            "sources": sources,
            "weights": weights or {},
            "max_seconds": seconds
            or experiment_seconds(context.dojo, context.history, method_for(context.dojo), share),
            "rows": context.dojo.max_rows,
            "init_from": init_from,
            "lessons": lessons,
            "steps": steps,
        }
    )
