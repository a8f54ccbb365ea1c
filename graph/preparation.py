"""The first node: what can be said and refused before the first experiment, and the base model's score.

Like every node (``graph.nodes``) it may run twice after a kill, and asks the journal what is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graph.deciding import DECIDERS
from graph.session import BASE_MODEL
from graph.state import RunState
from graph.step import Step
from memory.journal.log import BASE, Journal
from memory.records import TrainingPlan
from roles import stopping
from roles.method import method_for
from tasks.errors import LONGEST_REASON, ExperimentFailed, InputError
from tools.checks.judge import calibrate_judge
from tools.checks.lengths import Asked, settle_lengths
from tools.checks.source_kinds import kind_of, why_unusable
from tools.curation.profile import COUNTED_ROWS
from tools.evaluation import power

UNREAD = "its tokenizer cannot read these rows"
LATE = {UNREAD: "the time held no look at how long these rows are"}
"""What is said instead where the time was too short: nothing is wrong with the model then."""
UNDERSTOOD_LINES = 6
"""Of what was understood of a user's data, the lines that are told at the start; the journal has all."""


def prepare(step: Step) -> RunState:
    """Profile the pool, settle the lengths, and score the untouched base model on validation.

    Raises:
        InputError: no source can be used, no row or prompt fits, or the base model cannot be scored.
    """
    dojo, journal = step.dojo, step.journal
    step.tell("run_started", None, journal.info)
    understood = dojo.spec.data.understood if dojo.spec.data else ()
    for line in understood[:UNDERSTOOD_LINES]:
        step.tell("note", None, {"text": line})
    if more := len(understood[UNDERSTOOD_LINES:]):
        step.tell("note", None, {"text": f"{more} more lines on the data: `ftdojo inspect` shows them"})
    for event in journal.events:
        if event.kind == "note" and event.data.get("about") == BASE_MODEL:
            step.tell("note", None, {"text": f"base model: {event.data['text']}"})
        if event.kind == "note" and event.data.get("about") == DECIDERS:
            step.tell("note", None, {"text": event.data["text"]})
    if left_out := dojo.store.left_out():
        step.note(left_out)
    step.announce("prepare", f"profiling {len(dojo.pool)} sources")
    step.acts.profile()
    _say_sampled(step)
    if journal.evaluation(BASE) is None:
        _say_unused(step)
        _settle_lengths(step)
        _calibrate_judge(step)
        step.announce("evaluator", "scoring the untouched base model")
        with _before_the_first(step, "cannot be scored"):
            step.acts.evaluate(BASE)
    _check_budget(step)
    _look_for_general_answers(step)
    step.tell("evaluation", BASE, journal.evaluation(BASE))
    _check_budget(step)
    _say_detectable(step)
    return {
        "run": journal.info.run,
        "run_dir": str(step.session.run_dir),
        "finished": len(journal.experiments()),
        "failed": False,
    }


def _say_sampled(step: Step) -> None:
    """Which sources are so large that a sample of their rows was looked at."""
    for name, source in step.dojo.pool.items():
        if len(source.rows) > COUNTED_ROWS and step.journal.evaluation(BASE) is None:
            told = f"{name}: profiled on a seeded sample of {COUNTED_ROWS:,} of its {len(source.rows):,} rows"
            step.note(told, source=name)


def _say_unused(step: Step) -> None:
    """Which sources are not used, and why.

    Raises:
        InputError: none is left.
    """
    profiles = step.dojo.profiles()
    reasons = {
        name: why_unusable(profile) for name, profile in profiles.items() if kind_of(profile) == "unusable"
    }
    for name, reason in reasons.items():
        step.note(f"{name} is not used: {reason}", source=name)
    if len(reasons) == len(profiles):
        listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "it has no sources"
        fix = "give rows with a prompt and an answer that resemble the validation rows"
        raise InputError(
            step.session.settings.task, f"no source of training rows can be used ({listed})", fix
        )


def _look_for_general_answers(step: Step) -> None:
    """What the base can do beside the task, which a champion must not forget; not in a run that has begun."""
    journal = step.journal
    if journal.general is None and not journal.experiments() and journal.unfinished() is None:
        step.announce("evaluator", "asking the untouched base model general questions")
        with _before_the_first(step, "its general answers cannot be had"):
            step.tell("note", None, {"text": step.acts.ask_base()})


DETECTABLE = "detectable"
"""Key of the note with which a run's preparation ends."""


def _say_detectable(step: Step) -> None:
    """The smallest gain that this run can claim, before it spends anything on finding one."""
    dojo = step.dojo
    apart = len(dojo.confirmation)
    found = power.detectable(len(dojo.validation) + apart, apart, dojo.validation_score(BASE))
    facts: dict[str, Any] = {DETECTABLE: True}
    step.note(found, **facts)


def _settle_lengths(step: Step) -> None:
    """How long rows and answers may be; again after a kill, what was settled stands."""
    dojo, settings = step.dojo, step.session.settings
    if step.journal.lengths is None:
        declared = dojo.spec.max_new_tokens if dojo.spec.answer_budget_given else None
        asked = Asked(settings.max_length, settings.max_new_tokens, declared)
        with _before_the_first(step, UNREAD):
            settle_lengths(dojo, asked, TrainingPlan(method=method_for(dojo)))
    told = [event.data for event in step.journal.events if event.kind == "note" and "lengths" in event.data]
    step.tell("note", None, told[-1])


def _calibrate_judge(step: Step) -> None:
    """A language model that judges answers is held against known ones first; a poor one is refused."""
    if step.dojo.judge is not None and step.journal.judge is None:
        step.announce("evaluator", f"calibrating the judge, {step.dojo.judge.settings.model}")
        calibrate_judge(step.dojo)
        step.tell("note", None, {"text": step.journal.notes[-1]})


@contextmanager
def _before_the_first(step: Step, wrong: str) -> Iterator[None]:
    """Before the first experiment a failure has no experiment to belong to: the run cannot start.

    Raises:
        InputError: in place of an ``ExperimentFailed``.
    """
    try:
        yield
    except ExperimentFailed as failed:
        model = step.session.settings.base_model
        if failed.code == "timeout":
            wrong = LATE.get(wrong, wrong)
        reason = f"{failed.message} {failed.log_tail}".strip()[:LONGEST_REASON]
        fixes = {
            "out_of_memory": "give it more memory or take another model",
            "timeout": f"give it more than --budget {step.session.settings.budget_seconds:g}s, or take a "
            "smaller model",
        }
        fix = fixes.get(failed.code, f"see the logs in {step.session.run_dir}, or take another model")
        raise InputError(model, f"{wrong} ({failed.code}: {reason})", fix) from failed


def _check_budget(step: Step) -> None:
    """Now that the model's speed is measured: does the budget hold one experiment?

    Asked of a run that begins. One that was prepared before and is prepared again (an agent that comes back,
    lost checkpoints) has begun: whatever time is left, what it has is finished and tested.
    """
    dojo = step.dojo
    if _was_prepared(step.journal):
        return
    shortest = stopping.shortest_seconds(dojo)
    if dojo.remaining_budget_seconds() >= shortest:
        return
    needed = dojo.ledger.elapsed_seconds + dojo.finishing_seconds() + shortest
    step.acts.end({"outcome": "out_of_budget", "reason": "the budget cannot fit one experiment"})
    raise InputError(
        f"--budget {step.session.settings.budget_seconds:g}s",
        f"cannot fit one experiment with this model on this machine (about {needed:.0f} s)",
        f"give it {int(needed / 60) + 2}m or more",
    )


def _was_prepared(journal: Journal) -> bool:
    notes = (event.data for event in journal.events if event.kind == "note")
    begun = bool(journal.experiments()) or journal.unfinished() is not None
    return begun or any(note.get(DETECTABLE) for note in notes)
