"""Experiment of a story: why it was tried, what was done, what came out and what that was taken for."""

from __future__ import annotations

from collections.abc import Iterator

from memory.claim import p_text
from memory.journal.events import Event
from memory.recipe import DataRecipe, Script
from memory.records import (
    Approval,
    Comparison,
    Decision,
    Diagnosis,
    Estimate,
    Evaluation,
    Lesson,
    Plan,
    TrainingPlan,
    Verdict,
)
from tools.report.sentences import Chapter, Sentence, listed, named, quoted, resting_on
from tools.report.told_records import ToldRecords

CLUSTERS = 3
"""Kinds of wrong answers that are named."""
ALTERNATIVES = 3
"""Plans ranked lower that are named."""
DECIDED_BY = {"playbook": "The playbook", "llm": "The language model", "agent": "An outside agent"}
CHANGED = {
    "first": "the first experiment",
    "sources": "its sources changed",
    "operations": "what is done to its rows changed",
    "data": "its sources and what is done to them changed",
    "method": "its method changed",
    "hyperparameters": "its hyperparameters changed",
    "duration": "its duration changed",
}
"""By ``Plan.change``."""


def decider(name: str) -> str:
    """Who decided, at the start of a sentence; who has no words of their own is called by name."""
    return DECIDED_BY.get(name) or f"The policy {named(name)}"


def chapter_of(records: ToldRecords, id: str) -> Chapter:
    """One experiment in the order in which it happened, as far as it has come."""
    told = [
        sentence
        for tell in (_planned, _data, _trained, _measured, _diagnosed, _closed)
        for sentence in tell(records, id)
    ]
    notes = beside(records, id)
    return Chapter(_title(records, id), tuple(sorted([*told, *notes], key=lambda one: one.events[0])))


def beside(records: ToldRecords, id: str | None) -> tuple[Sentence, ...]:
    """Notes, approvals and decisions of an experiment, or of what came before or after them all."""
    return tuple(_said(event) for event in records.beside(id))


def _said(event: Event) -> Sentence:
    if event.kind == "decision":
        return _decision(event)
    if event.kind == "approval":
        said = Approval.model_validate(event.data)
        why = f": {quoted(said.note)}" if said.note else ""
        done = {"approve": "approved", "edit": "edited", "reject": "rejected"}[said.verdict]
        return resting_on(f"A person {done} the step {said.stage}{why}.", event)
    return resting_on(f"Noted: {named(str(event.data.get('text', '')), 600).rstrip('.')}.", event)


def _decision(event: Event) -> Sentence:
    made = Decision.model_validate(event.data)
    subject = made.subject.replace("_", " ")
    last = f", the last problem being {quoted(made.problems[-1])}" if made.problems else ""
    if made.decided_by == "playbook":
        text = f"The playbook decided the {subject} in place of {named(made.model)}{last}."
    else:
        cost = f"calls {made.calls}, replies sent back {made.repairs}"
        text = f"{named(made.model)} decided the {subject} ({cost}){last}."
    return resting_on(text, event)


def _title(records: ToldRecords, id: str) -> str:
    plan, closed = records.event("plan", id), records.event("finished", id)
    change = f"{plan.data.get('change', '')}, " if plan else ""
    return f"{named(id)}: {named(change + str(closed.data['outcome'] if closed else 'unfinished'))}"


# ---- why


def _planned(records: ToldRecords, id: str) -> Iterator[Sentence]:
    event = records.event("plan", id)
    if event is None:
        return
    plan = Plan.model_validate(event.data)
    parent = named(plan.parent) if plan.parent else "the base model"
    yield resting_on(
        f"On top of {parent}, {CHANGED[plan.change]}; the hypothesis: {quoted(plan.hypothesis)}.", event
    )
    yield resting_on(f"{DECIDED_BY[plan.decided_by]} gave as reason: {quoted(plan.reason, 400)}.", event)
    expected = (
        f"It was to gain {plan.expected_gain:+.1f} points over {parent} within {plan.max_seconds:.0f} s"
    )
    yield resting_on(f"{expected}, training from the weights of {named(plan.init_from)}.", event)
    if plan.tests:
        yield resting_on(f"It puts the prediction of {named(plan.tests)} to the test.", event)
    if plan.lessons:
        yield resting_on(f"It used these lessons of memory: {listed(map(named, plan.lessons))}.", event)
    for other in plan.alternatives[:ALTERNATIVES]:
        why = f"refused: {quoted(other.refused)}" if other.refused else "ranked lower by gain per second"
        yield resting_on(
            f"Thought of beside it, {points(other.expected_gain)} points in {other.seconds:.0f} s: "
            f"{quoted(other.hypothesis)}, {why}.",
            event,
        )


# ---- what was done


def _data(records: ToldRecords, id: str) -> Iterator[Sentence]:
    written, made = records.event("recipe", id), records.event("card", id)
    recipe, card = records.journal.recipe(id), records.journal.card(id)
    same = _same_data(records, id, card.data_sha256) if card is not None else None
    if card is not None and made is not None and same is not None:
        events = (written, made) if written is not None else (made,)
        yield resting_on(f"The {card.rows:,} rows are those of {named(str(same.experiment))}.", *events)
        return
    if written is not None and recipe is not None:
        yield from _recipe(recipe, written)
    if made is None or card is None:
        return
    steps = listed(
        f"{named(step.op)} {step.rows_in:,} to {step.rows_out:,}"
        for step in card.steps
        if step.rows_in != step.rows_out
    )
    if steps:
        yield resting_on(f"Rows before and after the steps that changed their number: {steps}.", made)
    by_source = listed(f"{named(name)} {rows:,}" for name, rows in card.rows_by_source.items())
    worked = f"{card.reasoning_share:.0%} of them with a worked solution"
    general = f", {card.replay_rows:,} of them general rows" if card.replay_rows else ""
    yield resting_on(f"Training got {card.rows:,} rows ({by_source}), {worked}{general}.", made)


def _recipe(recipe: DataRecipe, written: Event) -> Iterator[Sentence]:
    steps = listed(
        named(f"{operation.op} {getattr(operation, 'rule', '')}".strip()) for operation in recipe.operations
    )
    yield resting_on(f"The data recipe over {listed(map(named, recipe.sources))}: {steps}.", written)
    for operation in recipe.operations:
        if isinstance(operation, Script):
            yield resting_on(f"Its script is there to: {quoted(operation.purpose)}.", written)


def _same_data(records: ToldRecords, id: str, digest: str) -> Event | None:
    """The first card before this one with the same rows."""
    cards = records.of_kind("card")
    first = next((event for event in cards if event.data.get("data_sha256") == digest), None)
    return first if first is not None and first.experiment != id else None


def _trained(records: ToldRecords, id: str) -> Iterator[Sentence]:
    if (event := records.event("estimate", id)) is not None:
        expected = Estimate.model_validate(event.data)
        memory = f"{expected.peak_gib:.1f} GiB of {expected.available_gib:.1f}"
        yield resting_on(
            f"Training was to take {expected.seconds:.0f} s and {memory} ({expected.basis}).", event
        )
    if (event := records.event("training_plan", id)) is not None:
        plan = TrainingPlan.model_validate(event.data)
        yield resting_on(f"The training plan: {hyperparameters(plan)}.", event)
        if plan.override_reason:
            yield resting_on(
                f"The optimiser's hyperparameters were set aside: {quoted(plan.override_reason)}.", event
            )
    event, training = records.event("training", id), records.journal.training(id)
    if event is None or training is None:
        return
    loss = ""
    if training.losses:
        (first, before), (last, after) = training.losses[0], training.losses[-1]
        loss = f", the loss {before:.3f} at step {first} and {after:.3f} at step {last}"
    yield resting_on(
        f"It trained {training.steps:,} steps on {training.rows:,} rows in {training.wall_seconds:.0f} s"
        f"{loss}.",
        event,
    )
    if ending := training.ending():
        yield resting_on(f"How it ended: {named(ending, 300)}.", event)
    if training.held_out is not None:
        yield resting_on(f"Of its own rows kept back: {training.held_out.in_words()}.", event)


def hyperparameters(plan: TrainingPlan) -> str:
    """Method and main settings of a training, on one line."""
    method = f"LoRA of rank {plan.lora_r}" if plan.method == "lora" else "full fine-tuning"
    steps = f"at most {plan.max_steps:,} steps" if plan.max_steps > 0 else f"{plan.num_train_epochs:g} epochs"
    origin = f" ({named(plan.hyperparameters_from)})" if plan.hyperparameters_from else ""
    return (
        f"{method} from {named(plan.init_from)}, learning rate {plan.learning_rate:.2g}, "
        f"batch {plan.effective_batch_size}, {steps}{origin}"
    )


# ---- what came out


def _measured(records: ToldRecords, id: str) -> Iterator[Sentence]:
    yield from scored(records, id)
    if (event := records.event("comparison", id)) is not None:
        yield from compared(event)
    event, cost = records.event("forgetting", id), records.journal.forgetting(id)
    if event is not None and cost is not None:
        yield resting_on(f"What training cost beside the task: {named(cost.text(), 400)}.", event)
    if (event := records.event("verdict", id)) is not None:
        verdict = Verdict.model_validate(event.data)
        yield resting_on(f"The Evaluator said {verdict.verdict}: {quoted(verdict.note)}.", event)
        for name, note in verdict.cluster_notes.items():
            if note:
                yield resting_on(f"It said of the wrong answers {named(name)}: {quoted(note)}.", event)


def scored(records: ToldRecords, id: str) -> Iterator[Sentence]:
    """The validation score and its wrong answers; of an experiment or of the base."""
    event = records.event("evaluation", id)
    if event is None:
        return
    found = Evaluation.model_validate(event.data)
    yield resting_on(f"Validation, {named(found.score.metric)}: {found.text()}.", event)
    if found.score.unparseable_share:
        yield resting_on(f"Of its answers {found.score.unparseable_share:.0%} could not be read.", event)
    if found.clusters:
        kinds = listed(f"{named(each.name)} {each.count}" for each in found.clusters[:CLUSTERS])
        yield resting_on(f"Its largest kinds of wrong answers: {kinds}.", event)


def compared(event: Event) -> Iterator[Sentence]:
    """A paired test, with where its gain comes from."""
    found = Comparison.model_validate(event.data)
    yield resting_on(
        f"Paired with {named(found.champion)} on the same {found.n} items: {spread(found)} "
        f"({named(found.test)}); {found.fixed} items only it got right, {found.broken} it lost.",
        event,
    )
    yield resting_on(
        f"Of that, {points(found.format_gain)} came from answers that became readable and "
        f"{points(found.capability_gain)} from capability.",
        event,
    )


def spread(found: Comparison) -> str:
    """``+18.3 points [+12.1, +24.4], p < 0.0001``."""
    interval = f"[{points(found.low)}, {points(found.high)}]"
    return f"{points(found.delta)} points {interval}, {p_text(found.p_value)}"


def points(value: float) -> str:
    """With sign and one decimal, and no negative zero."""
    return f"{round(value, 1) + 0.0:+.1f}"


# ---- what it was taken for


def _diagnosed(records: ToldRecords, id: str) -> Iterator[Sentence]:
    if (event := records.event("failure", id)) is not None:
        stage, code = (named(str(event.data.get(key, ""))) for key in ("stage", "code"))
        message = quoted(str(event.data.get("message", "")))
        yield resting_on(f"It failed at the stage {stage} ({code}): {message}.", event)
    if (event := records.event("diagnosis", id)) is None:
        return
    found = Diagnosis.model_validate(event.data)
    where = "".join(f", {part}" for part in (found.level, found.origin and f"from {found.origin}") if part)
    evidence = "; ".join(quoted(each) for each in found.evidence) or "none given"
    yield resting_on(f"Diagnosed cause: {found.cause}{where}; the evidence: {evidence}.", event)
    move = found.next_move.replace("_", " ")
    note = f", with the note {quoted(found.note)}" if found.note else ""
    yield resting_on(f"{DECIDED_BY[found.decided_by]} asked for this next: {move}{note}.", event)
    looks = [f"{named(each.source)} {each.text()}" for each in found.agreements] or [
        f"{named(name)} {share:.0%}" for name, share in found.source_scores.items()
    ]
    if looks:
        yield resting_on(f"Labels that agree with a model's answers, by source: {listed(looks)}.", event)
    if found.prediction is not None:
        said = found.prediction
        yield resting_on(
            f"It predicts {points(said.expected_gain)} points of a change of {said.change}: "
            f"{quoted(said.claim)}.",
            event,
        )


def _closed(records: ToldRecords, id: str) -> Iterator[Sentence]:
    if (event := records.event("lesson", id)) is not None:
        yield resting_on(
            f"Kept for later runs: {quoted(Lesson.model_validate(event.data).text, 400)}.", event
        )
    if (event := records.event("finished", id)) is not None:
        yield resting_on(f"It was closed as {named(str(event.data['outcome']))}.", event)
