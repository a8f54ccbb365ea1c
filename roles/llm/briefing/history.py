"""The run so far, for a briefing: the score to beat, what was tried and what came of it, what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from memory.budget.spending import Spending
from memory.calibration import forecasts, overrides, predictions
from memory.journal.log import BASE
from memory.records import Approval, Experiment, Failure, Training, TrainingPlan
from memory.training import rate_used
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.costs import allowance, what_shares_buy
from roles.llm.briefing.findings import found_on
from roles.llm.briefing.layout import listing, name, names, quoted, table
from tasks.base import Score
from tools.chat.untrusted_text import one_line
from tools.process.root_cause import root_cause, without_paths

LINEAGE = 6
SUBSETS = 8
FAILURES = 3
REMARK = 400
"""Characters of what a person said."""
WORDS = 160
"""Characters of what a role wrote about an experiment."""


def standing(context: ExperimentContext, tokens: int) -> str:
    """Base, incumbent, and the way from one to the other."""
    base = context.journal.base_evaluation
    lines = [f"- base: {score_text(base.score)}" if base else "- base: not measured yet"]
    champion = context.champion
    if champion is None or champion.evaluation is None:
        lines.append("- incumbent: the base model; nothing was kept yet")
        return "\n".join(lines)
    lines.append(f"- incumbent: {champion.id}, {score_text(champion.evaluation.score)}")
    line = context.journal.lineage(champion.id)
    steps = [_step(context, id) for id in line]
    if len(steps) > LINEAGE:
        steps = [steps[0], f"({len(steps) - LINEAGE} more)", *steps[-(LINEAGE - 1) :]]
    lines.append(f"- its line: base -> {' -> '.join(steps)}")
    return listing(lines, tokens)


def _step(context: ExperimentContext, id: str) -> str:
    experiment = context.finished(id)
    if experiment is None or experiment.evaluation is None:
        return id
    return f"{id} ({experiment.plan.change}, {experiment.evaluation.score.value:.1f})"


def score_text(score: Score) -> str:
    """A score with its interval, the share that no parser could read, and its weakest subsets."""
    text = score.text()
    if score.unparseable_share:
        text += f", {score.unparseable_share:.0%} of the answers cannot be parsed"
    if len(score.subsets) > 1:
        weakest = sorted(
            score.subsets.items(), key=lambda subset: subset[1], reverse=not score.higher_is_better
        )
        shown = ", ".join(f"{name(subset)} {value:.1f}" for subset, value in weakest[:SUBSETS])
        text += f"; by subset: {shown}" + (" ..." if len(weakest) > SUBSETS else "")
    return text


def tried(context: ExperimentContext, tokens: int) -> str:
    """The listed experiments in a table, then the others in one line per outcome."""
    if not context.history:
        return "Nothing was tried yet."
    header = (
        "id",
        "parent",
        "change",
        "sources",
        "rows",
        "training",
        "outcome",
        "score",
        "against the incumbent",
    )
    marked = {e.id for e in context.siblings}
    lines = table(header, [_row(e, marked) for e in context.listed]).split("\n")
    rest = _summed_up([e for e in context.history if e not in context.listed])
    note = f"* same parent as {context.experiment}" if context.plan else "* builds on the incumbent"
    return "\n".join([*lines, note, *rest])


def _row(e: Experiment, siblings: set[str]) -> tuple[str, ...]:
    outcome: str = e.outcome
    if e.failure:
        outcome += f" ({e.failure.stage}: {e.failure.code})"
    elif e.forgetting and e.forgetting.beyond:
        outcome += " (forgot more than its budget)"
    against = "-"
    if c := e.comparison:
        against = f"{c.delta:+.1f} [{c.low:+.1f}, {c.high:+.1f}] p={c.p_value:.2g} ({c.champion})"
    return (
        e.id + ("*" if e.id in siblings else ""),
        e.plan.parent or BASE,
        e.plan.change,
        names(e.plan.sources),
        str(e.card.rows) if e.card else "-",
        hyperparameters_text(e.training_plan, e.training),
        outcome,
        e.evaluation.brief() if e.evaluation else "-",
        against,
    )


def hyperparameters_text(plan: TrainingPlan | None, done: Training | None = None) -> str:
    """Method and hyperparameters in a few words; the rate is that of the training, once it is done."""
    if plan is None:
        return "-"
    own = ", own hyperparameters" if plan.override_reason else ""
    return (
        f"{plan.method} lr {rate_used(plan, done):.2g} b{plan.effective_batch_size} "
        f"{plan.num_train_epochs:.2g} ep from {plan.init_from}{own}"
    )


def _summed_up(others: Sequence[Experiment]) -> list[str]:
    """One line per outcome: how many, of which kinds of change or failure."""
    lines = []
    for outcome in ("kept", "discarded", "failed"):
        these = [e for e in others if e.outcome == outcome]
        if not these:
            continue
        kinds = Counter(
            f"{e.failure.stage} {e.failure.code}" if e.failure else str(e.plan.change) for e in these
        )
        shown = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(6))
        deltas = [e.comparison.delta for e in these if e.comparison]
        best = f"; best {max(deltas):+.1f}" if deltas else ""
        lines.append(f"Not listed, {outcome}: {len(these)} ({shown}{best}).")
    return lines


def words(context: ExperimentContext, tokens: int) -> str:
    """What roles wrote about the listed experiments, and what was not run, the newest first, in one fence.

    A diagnosis that ``findings`` tells whole is not told again.
    """
    told = found_on(context)
    entries = [_words_of(e, with_diagnosis=e not in told) for e in reversed(context.listed)]
    return quoted("\n".join(entries), "what the roles wrote, newest first", tokens) if entries else ""


def _words_of(e: Experiment, *, with_diagnosis: bool) -> str:
    text = f"{e.id} tried: {name(e.plan.hypothesis, WORDS)}"
    if e.diagnosis and with_diagnosis:
        found = e.diagnosis.note or "; ".join(e.diagnosis.evidence)
        text += f" | diagnosis: {e.diagnosis.cause}, next {e.diagnosis.next_move}: {name(found, WORDS)}"
    for other in e.plan.alternatives:
        why = "could not be run" if other.refused else f"{other.expected_gain:+.1f} in {other.seconds:.0f} s"
        text += f" | ranked lower: {name(other.hypothesis, WORDS)} ({why})"
    return text


def open_prediction(context: ExperimentContext, tokens: int) -> str:
    """The newest prediction that is not tested yet."""
    if context.prediction is None:
        return ""
    id, diagnosis, prediction = context.prediction
    line = (
        f"{id}'s diagnosis (cause {diagnosis.cause}, next move {diagnosis.next_move}) predicts "
        f"{prediction.expected_gain:+.1f} points over {id} from a change of {prediction.change}. "
        f"A plan that tests it names {id} in `tests`."
    )
    return f"{line}\n{quoted(prediction.claim, f'prediction after {id}', tokens - 80)}"


def calibration(context: ExperimentContext, tokens: int) -> str:
    """Whether earlier predictions came true, and what setting hyperparameters by hand was worth."""
    if not context.history:
        return ""
    base = context.journal.base_evaluation
    lines = [predictions(context.history).text()]
    if base is not None:
        lines.append(overrides(context.history, base.score.value).text())
        if (foretold := forecasts(context.history, base.paired_score)).n:
            lines.append(foretold.text())
    gains = [(e.plan.expected_gain, gain) for e in context.history if (gain := _gain(context, e)) is not None]
    if gains:
        expected, got = (sum(side) / len(gains) for side in zip(*gains, strict=True))
        lines.append(
            f"Plans: expected {expected:+.1f} points over their parents, got {got:+.1f} ({len(gains)})."
        )
    return listing(lines, tokens)


def _gain(context: ExperimentContext, e: Experiment) -> float | None:
    """Points over the parent; positive is better whatever the metric's direction."""
    before = context.evaluated(e.plan.parent or BASE)
    if before is None or e.evaluation is None:
        return None
    gain = e.evaluation.paired_score.value - before.paired_score.value
    return gain if e.evaluation.score.higher_is_better else -gain


def failures(context: ExperimentContext, tokens: int) -> str:
    """The newest failures of different kinds, each with the first cause that its log names."""
    found: dict[tuple[str, str], Experiment] = {}
    for e in reversed(context.history):
        if e.failure is not None:
            found.setdefault((e.failure.stage, e.failure.code), e)
    newest = [(e.id, e.failure) for e in list(found.values())[:FAILURES] if e.failure]
    return "\n".join(failure_text(id, failure, tokens // len(newest)) for id, failure in newest)


def failure_text(id: str, failure: Failure, tokens: int) -> str:
    """One failure: stage, code, message and root cause."""
    message = without_paths(failure.message)
    cause = root_cause(failure.log_tail)
    text = message if not cause or cause in message else f"{message}\n{cause}"
    head = f"{id} failed at {name(failure.stage)}: {name(failure.code)}"
    return f"{head}\n{quoted(text, f'failure of {id}', tokens - 30)}"


def remarks(context: ExperimentContext, tokens: int) -> str:
    """What the person who was asked said, the newest first: a word of the run's owner, so not in a fence."""
    entries = []
    for event in reversed(context.journal.events):
        if event.kind == "approval" and event.data.get("note"):
            said = Approval.model_validate(event.data)
            verdict = {"approve": "approved", "edit": "edited", "reject": "rejected"}[said.verdict]
            entries.append(f"- {event.experiment} {said.stage}, {verdict}: {one_line(said.note, REMARK)}")
    return listing(entries, tokens) if entries else ""


def budget(context: ExperimentContext, tokens: int) -> str:
    """Time, money and tokens left, and about how many experiments they hold."""
    dojo = context.dojo
    left = max(0.0, dojo.remaining_budget_seconds())
    done = [e.clocks for e in context.history if e.clocks][-3:]
    lines = [
        f"- time: {left:.0f} s left for experiments of {dojo.ledger.budget.seconds:.0f} s; "
        f"the final test is paid for",
        f"- an experiment costs {dojo.overhead_seconds():.0f} s besides its training, "
        f"and is worth no less than {dojo.minimum_experiment_seconds():.0f} s",
    ]
    if done:
        lines.append(f"- {prices(done, left, dojo.minimum_experiment_seconds())}")
    lines += what_shares_buy(context) if context.plan is None else allowance(context)
    if dojo.spending is not None:
        lines.append(f"- language models: {_spent(dojo.spending)}")
    return listing(lines, tokens)


def prices(clocks: Sequence[Mapping[str, float]], left: float, least: float) -> str:
    """What the latest experiments took, and how many more there is room for: their own work, and with the
    waits for language models, which are no part of an experiment's price."""
    waited = sum(each.get("think", 0.0) for each in clocks) / len(clocks)
    work = sum(sum(each.values()) for each in clocks) / len(clocks) - waited
    many = int(left / max(work, least))
    text = f"the last {len(clocks)} took {work:.0f} s each: room for about {many} more"
    if waited < 1.0:
        return text
    fewer = int(left / max(work + waited, least))
    return f"{text}; deciding took {waited:.0f} s more each, and if it does again, for about {fewer}"


def _spent(spending: Spending) -> str:
    money = f"{spending.usd:.2f} USD spent"
    money += f" of {spending.max_usd:.2f}" if spending.max_usd is not None else ""
    tokens = f"{spending.tokens} tokens used"
    tokens += f" of {spending.max_tokens}" if spending.max_tokens is not None else ""
    return f"{money}, {tokens}"
