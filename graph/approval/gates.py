"""The gates between deciding and doing: each lets a role's draft be written into the journal, and first
asks a person where the settings say so (``approve``).

The question goes out through LangGraph's ``interrupt`` and comes back with ``Command(resume=...)``:

    {"verdict": "approve"}
    {"verdict": "edit", "changes": {"learning_rate": 0.0005}, "note": "..."}
    {"verdict": "reject", "note": "these rows are not licensed"}

An edited draft passes the same schema and fits the run, or the question comes again with what is
wrong. A rejected plan goes back to the Planner once; a rejected recipe or training ends its
experiment. The run's clocks stand still while it waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from langgraph.types import interrupt
from pydantic import Field, ValidationError

from graph.approval.proposal import changed, facts_of
from graph.session import Session
from graph.state import RunState
from graph.step import Step
from memory.journal.events import Event
from memory.journal.log import Journal
from memory.recipe import DataRecipe, Record
from memory.records import Approval, Plan, TrainingPlan
from tasks.errors import ExperimentFailed, InputError, InvalidDecision
from tools.checks.repeated_failure import (
    check_plan_repeats,
    check_recipe_repeats,
    check_training_repeats,
    refuse_repeats,
)
from tools.dojo import Dojo

GateName = Literal["plan", "data", "train"]
REJECTIONS = 2
"""Rejected plans in a row after which the run ends: the rules would propose the same again."""


class Answer(Record):
    """What a person says to a proposal."""

    verdict: Literal["approve", "edit", "reject"] = Field(
        description="Go ahead, go ahead changed, or do not."
    )
    changes: dict[str, Any] = Field(
        default_factory=dict, description="With edit: the fields of the proposal to change, with new values."
    )
    note: str = Field("", max_length=2000, description="Why; roles can read it.")


@dataclass(frozen=True)
class Gate:
    """One place where a draft becomes a record."""

    node: str
    stage: GateName
    kind: Literal["plan", "recipe", "training_plan"]
    record: type[Record]


PLAN = Gate("approve_plan", "plan", "plan", Plan)
DATA = Gate("approve_data", "data", "recipe", DataRecipe)
TRAIN = Gate("approve_train", "train", "training_plan", TrainingPlan)


def approve_plan(step: Step) -> RunState:
    """The Planner's hypothesis, before any data is made for it."""
    return _pass(PLAN, step)


def approve_data(step: Step) -> RunState:
    """The DataCurator's recipe, before it runs and before a teacher is paid."""
    return _pass(DATA, step)


def approve_train(step: Step) -> RunState:
    """The TrainingEngineer's plan, probed, before training starts."""
    return _pass(TRAIN, step)


def read_answer(value: object) -> Answer:
    """An answer from what a client sent: the mapping, its JSON, or the bare verdict.

    Raises:
        InvalidDecision: it is none of these, or it contradicts itself.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            value = json.loads(text) if text.startswith("{") else {"verdict": text.lower()}
        except (ValueError, RecursionError):
            raise InvalidDecision("the answer is not JSON") from None
    try:
        answer = Answer.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "answer"
        raise InvalidDecision(f"{where}: {first['msg'].lower()}") from None
    if answer.verdict == "edit" and not answer.changes:
        raise InvalidDecision("changes: an edit names the fields to change")
    if answer.verdict != "edit" and answer.changes:
        raise InvalidDecision(f"changes: {answer.verdict} takes none; say edit")
    return answer


def _pass(gate: Gate, step: Step) -> RunState:
    """Ask where a person is to be asked, then write the record and let through."""
    draft, experiment = step.state.get("draft"), step.state["experiment"]
    if not draft:
        # After a resume: the journal has the record, the node before drafted none.
        step.tell(gate.kind, experiment, step.journal.stage(experiment, gate.kind))
        return {"rejected": False}
    record, answer = _read(gate, draft), Answer(verdict="approve")
    asked = gate.stage in step.session.settings.approve
    if asked:
        record, answer = _ask(step.session, gate, experiment, record)
    step.to_present()
    old = step.journal.stage(experiment, gate.kind)
    if old is not None and (answer.verdict == "reject" or gate.record.model_validate(old) != record):
        # Someone went back to this question and answers it differently.
        step.fork()
    if asked:
        _note(
            gate, step.journal, experiment, answer, step.journal.events[step.state.get("journal_events", 0) :]
        )
    if answer.verdict == "reject":
        return _reject(gate, step, experiment, answer) | {"draft": {}}
    try:
        refuse_repeats(gate.stage, partial(_check_repeats, step.dojo, experiment, record))
        _let_through(gate, step, experiment, record)
    except ExperimentFailed as refused:
        return _refuse(step, experiment, record, refused) | {"draft": {}}
    step.tell(gate.kind, experiment, record)
    return {"rejected": False, "failed": False, "draft": {}}


def _let_through(gate: Gate, step: Step, experiment: str, record: Record) -> None:
    """Write the record.

    Raises:
        ExperimentFailed: ``rejected``: a plan names what is not there.
    """
    if not isinstance(record, Plan):
        assert isinstance(record, DataRecipe | TrainingPlan)
        return step.acts.settle(experiment, record)
    try:
        return step.acts.plan(record)
    except InvalidDecision as invalid:
        raise ExperimentFailed(gate.stage, "rejected", str(invalid)) from None


def _check_repeats(dojo: Dojo, experiment: str, record: Record) -> None:
    """Whoever decided: what failed twice in the same way is not let through a third time."""
    if isinstance(record, Plan):
        return check_plan_repeats(dojo, record)
    if isinstance(record, DataRecipe):
        return check_recipe_repeats(dojo, record)
    plan, card = dojo.journal.plan(experiment), dojo.journal.card(experiment)
    assert isinstance(record, TrainingPlan) and plan is not None and card is not None
    return check_training_repeats(dojo, plan, card, record)


def _refuse(step: Step, experiment: str, record: Record, refused: ExperimentFailed) -> RunState:
    """The refusal is a failure on record: the Diagnostician reads it, and the Planner goes on."""
    if isinstance(record, Plan):  # the nodes behind it find the failure, and do nothing
        step.acts.plan_in_vain(record)
    step.tell("failure", experiment, step.acts.fail(experiment, refused))
    return {"rejected": False, "failed": not isinstance(record, Plan)}


def _read(gate: Gate, draft: Mapping[str, Any]) -> Record:
    """The draft as a record; a role's always is one, what a person puts into the state may not be."""
    try:
        return gate.record.model_validate(draft)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(("draft", *(str(part) for part in first["loc"])))
        raise InputError(
            where, first["msg"].lower(), f"the draft is a {gate.kind.replace('_', ' ')}"
        ) from None


def _ask(session: Session, gate: Gate, experiment: str, record: Record) -> tuple[Record, Answer]:
    """The record as a person wants it, and what they said; asks until the answer can be followed."""
    dojo, problem = session.dojo, ""
    if dojo.ledger.pause() and dojo.journal.ended is None:
        dojo.journal.heartbeat()  # the process may end while the person thinks
    while True:
        value = interrupt(_question(session, gate, experiment, record, problem), response_schema=_SCHEMA)
        try:
            answer = read_answer(value)
            if answer.verdict != "edit":
                return record, answer
            return changed(dojo, experiment, record, answer.changes), answer
        except InvalidDecision as invalid:
            problem = str(invalid)


_SCHEMA = Answer.model_json_schema()


def _question(session: Session, gate: Gate, experiment: str, record: Record, problem: str) -> dict[str, Any]:
    """What the person sees: JSON-plain."""
    does, costs = facts_of(session.dojo, experiment, record)
    return {
        "question": f"{experiment}: go ahead with this {gate.kind.replace('_', ' ')}?",
        "stage": gate.stage,
        "experiment": experiment,
        "run": session.dojo.journal.info.run,
        "problem": problem,
        "does": does,
        "costs": costs,
        "proposal": record.model_dump(mode="json"),
        "answers": {
            "approve": {"verdict": "approve"},
            "edit": {"verdict": "edit", "changes": {"FIELD": "VALUE"}},
            "reject": {"verdict": "reject", "note": "WHY"},
        },
    }


def _reject(gate: Gate, step: Step, experiment: str, answer: Answer) -> RunState:
    """Back to the Planner, the end of the run, or the end of the experiment."""
    note = answer.note or "no reason given"
    if gate.stage != "plan":
        step.acts.fail(experiment, ExperimentFailed(gate.stage, "rejected", f"rejected by a person: {note}"))
        return {"rejected": False, "failed": True}
    if _rejections(step.journal, experiment) < REJECTIONS:
        return {"rejected": True}
    reason = f"a person rejected the plan of {experiment} {REJECTIONS} times in a row: {note}"
    return {"rejected": True, "ending": "stuck", "reason": reason}


def _rejections(journal: Journal, experiment: str) -> int:
    """How often the plan of an experiment was rejected since it was last let through."""
    count = 0
    for event in reversed(journal.events):
        if event.kind != "approval" or event.experiment != experiment or event.data["stage"] != "plan":
            continue
        if event.data["verdict"] != "reject":
            break
        count += 1
    return count


def _note(gate: Gate, journal: Journal, experiment: str, answer: Answer, since: Sequence[Event]) -> None:
    """Record what the person said, once: after a kill the same answer comes again."""
    note = answer.note
    if answer.verdict == "edit":
        edits = ", ".join(f"{field} = {json.dumps(value)}" for field, value in answer.changes.items())
        note = f"{edits[:1000]}; {note}".removesuffix("; ")
    said = Approval(stage=gate.stage, verdict=answer.verdict, note=note)
    plain = said.model_dump(mode="json")
    if not any(e.kind == "approval" and e.experiment == experiment and e.data == plain for e in since):
        journal.append("approval", said, experiment)
