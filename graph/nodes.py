"""The nodes: ask a role, act on what it decided, write the records into the journal.

Roles decide through the run's policy; the harness's own rules (when to stop, what passes the training
gate, what is audited, from which experiment the search goes on, what the run claims) stand beside them in
``roles`` and ``tools``. Nodes act through ``Step.acts`` alone (``tools.verbs.acts``), as an agent's verbs do:
by it rows are written, models trained, probed, audited and evaluated, and the confirmation items and the test
are read.

What a role decides (plan, recipe, training plan) goes into the state as a draft; the gate behind it
(``graph.approval.gates``) lets it be written into the journal, after a person approved where one is asked.

A node may run twice after a kill, so each step first asks the journal whether its record
is already there. Experiment ids are deterministic (``e01``, ``e02``...), and the journal
refuses a second record of the same kind for one experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

from graph.forking.time_travel import choice
from graph.out_of_memory import until_it_fits
from graph.result import result_of
from graph.state import RunState
from graph.step import Step, Work
from memory.journal.log import BASE
from memory.records import Experiment
from roles import audit, lesson, source_looks, stopping, training_gate
from roles.forecast import forecast
from tasks.errors import (
    LONGEST_REASON,
    ExperimentFailed,
    InvalidDecision,
    MachineFault,
    Stage,
    or_fault,
)
from tools.checks import kept_weights
from tools.checks.champion import outcome_of
from tools.checks.repeated_failure import check_training_repeats, refuse_repeats
from tools.checks.source_kinds import by_kind
from tools.curation.repair import words
from tools.models.export.champion import export_champion
from tools.report.html import write_report


def planner(step: Step) -> RunState:
    """Decide whether to go on, and with which hypothesis."""
    step.to_present()
    dojo, journal, settings = step.dojo, step.journal, step.session.settings
    if (chosen := choice(journal)) is not None:
        # The test may have been read: this run can only finish.
        return {"ending": str(chosen.data["outcome"]), "reason": str(chosen.data["reason"])}
    experiment = journal.unfinished() or journal.next_experiment_id()
    if journal.plan(experiment) is not None:
        return {"experiment": experiment, "failed": False, "draft": {}}
    end = stopping.ending(dojo, settings.target, settings.max_experiments)
    if end is not None:
        return {"ending": end[0], "reason": end[1]}
    if no_room := step.acts.no_room():
        return {"ending": "out_of_budget", "reason": no_room}
    step.announce("planner", "choosing the next experiment", experiment)
    try:
        with step.thinking():
            plan = step.policy.plan(dojo, experiment)
    except ExperimentFailed as failed:
        # There is no experiment yet that could have failed: what is there is tested and reported.
        return {"ending": "stuck", "reason": f"no experiment could be planned: {failed.message}"}
    if plan is None:
        return {"ending": "stuck", "reason": "nothing untried is left that is expected to help"}
    if isinstance(plan, stopping.Stop):
        said = " ".join(plan.reason.split())[:LONGEST_REASON]
        return {"ending": "stuck", "reason": f"the Planner ends the run: {said}"}
    if not kept_weights.are_kept(dojo, plan.init_from):
        step.note(f"{experiment} begins from the base: the weights of {plan.init_from} are gone", experiment)
        plan = plan.model_copy(update={"init_from": BASE})
    if (ahead := step.session.ahead) is not None:
        ahead.follow(plan)
    foretold = plan.forecast or forecast(dojo, plan)
    plan = plan.model_copy(update={"forecast": foretold})
    return {"experiment": experiment, "failed": False, "draft": plan.model_dump(mode="json")}


Draft = dict[str, Any]
"""What a role decided, for the gate behind its node; empty when there is none."""


def _guarded(work: Callable[[Step, str], Draft]) -> Work:
    """One stage of an experiment; where it fails, that becomes a record and goes to the Diagnostician."""

    @wraps(work)
    def node(step: Step) -> RunState:
        step.to_present()
        experiment = step.state["experiment"]
        if step.journal.failure(experiment) is not None:
            return {"failed": True}
        try:
            with _refusals(work.__name__):
                return {"failed": False, "draft": work(step, experiment)}
        except ExperimentFailed as failed:
            step.tell("failure", experiment, step.acts.fail(experiment, failed))
            return {"failed": True}

    return node


STAGES: Mapping[str, Stage] = {
    "data_curator": "data",
    "curate": "data",
    "training_engineer": "probe",
    "train": "train",
    "evaluator": "evaluate",
}
"""Of an experiment, by the node in which it may fail."""


@contextmanager
def _refusals(node: str) -> Iterator[None]:
    """What the acts refuse of a decision fails its experiment.

    Raises:
        ExperimentFailed: in place of an ``InvalidDecision``.
    """
    try:
        yield
    except InvalidDecision as refused:
        raise ExperimentFailed(STAGES[node], "rejected", str(refused)) from refused


@_guarded
def data_curator(step: Step, experiment: str) -> Draft:
    """Write the data recipe of the plan."""
    plan = step.journal.plan(experiment)
    assert plan is not None
    if step.journal.recipe(experiment) is not None:
        return {}
    step.announce("data_curator", "writing the recipe", experiment)
    with step.thinking():
        return step.policy.write_recipe(step.dojo, plan).model_dump(mode="json")


@_guarded
def curate(step: Step, experiment: str) -> Draft:
    """Run the recipe; gate: something is left, and nothing of the sealed splits."""
    recipe = step.journal.recipe(experiment)
    assert recipe is not None
    step.announce("data_curator", f"curating {', '.join(recipe.sources)}", experiment)
    step.tell("card", experiment, step.acts.curate(experiment, recipe))
    return {}


@_guarded
def training_engineer(step: Step, experiment: str) -> Draft:
    """Choose method and hyperparameters; what is new to the run is tried for a few steps."""
    dojo, journal = step.dojo, step.journal
    plan, card = journal.plan(experiment), journal.card(experiment)
    assert plan is not None and card is not None
    if journal.training_plan(experiment) is not None:
        return {}
    step.announce("training_engineer", "choosing hyperparameters, probing a few steps", experiment)
    with step.thinking():
        draft = step.policy.draft_training(dojo, plan, card)
    refuse_repeats("train", partial(check_training_repeats, dojo, plan, card, draft))
    probe = None
    if training_gate.needs_probe(dojo, draft, card):
        try:
            probe, draft = until_it_fits(step, plan, draft, lambda form: step.acts.probe(experiment, form))
        except ExperimentFailed as failed:
            failed.tried = draft.model_dump(mode="json")
            raise
    timed = training_gate.timed(dojo, plan, card, draft, probe)
    if (ahead := step.session.ahead) is not None:
        timed = ahead.settled(experiment, timed)
    return timed.model_dump(mode="json")


@_guarded
def train(step: Step, experiment: str) -> Draft:
    """Train in a child process, stopped early when it diverges or runs out of time."""
    hypothesis, plan = step.journal.plan(experiment), step.journal.training_plan(experiment)
    assert hypothesis is not None and plan is not None
    if step.journal.training(experiment) is None:
        detail = f"{plan.method}, lr {plan.learning_rate:.2g}, {plan.max_steps} steps"
        step.announce("training_engineer", detail, experiment)
    _fill(step, experiment)
    audience = step.session.audience(experiment, partial(step.tell, "progress", experiment))
    trained, _ = until_it_fits(
        step, hypothesis, plan, lambda form: step.acts.train(experiment, form, audience)
    )
    step.tell("training", experiment, trained)
    for remark in trained.remarks:
        if remark not in step.journal.notes:
            step.note(remark, experiment)
    return {}


@_guarded
def evaluator(step: Step, experiment: str) -> Draft:
    """Score the experiment on validation, compare it with the incumbent item by item, assess the result."""
    dojo, journal = step.dojo, step.journal
    step.announce("evaluator", f"answering {len(dojo.validation)} validation items", experiment)
    evaluation = step.acts.evaluate(experiment)
    if evaluation.stopped:
        step.note(f"{experiment}: {evaluation.stopped.text()}", experiment)
    comparison = step.acts.compare(experiment)
    if (forgotten := journal.forgetting(experiment)) is not None:
        step.tell("forgetting", experiment, {"text": forgotten.text()})
    if journal.verdict(experiment) is None:
        with step.thinking():
            verdict = step.policy.assess(dojo, comparison)
        journal.append("verdict", verdict, experiment)
    step.tell("evaluation", experiment, evaluation)
    return {}


def diagnostician(step: Step) -> RunState:
    """Find the cause, close the experiment, write the lesson."""
    step.to_present()
    dojo, journal, experiment = step.dojo, step.journal, step.state["experiment"]
    step.announce("diagnostician", "why did it come out so?", experiment)
    _fill(step, experiment)
    done = _with_outcome(step, experiment)
    if journal.diagnosis(experiment) is None:
        _explained(step, done)
        sources = audit.sources_to_audit(dojo, done) if step.policy.audited else ()
        shares = _audited(step, experiment, sources)
        with step.thinking():
            diagnosis = step.policy.diagnose(dojo, done, shares)
        journal.append("diagnosis", audit.with_agreements(dojo, diagnosis), experiment)
    learned = lesson.lesson_of(dojo, done)
    if learned is not None:
        step.acts.learn(experiment, learned)
        if left_out := dojo.store.left_out():
            step.note(left_out)
    step.acts.finish(experiment)
    step.tell("finished", experiment, journal.experiments()[-1])
    return {"failed": False, "finished": len(journal.experiments())}


def _fill(step: Step, experiment: str) -> None:
    """With several workers: let those that are free begin what follows."""
    if (ahead := step.session.ahead) is not None:
        ahead.fill(experiment)


def _explained(step: Step, look: Experiment) -> None:
    """How likely a look's model finds the other sources' answers; one that fails costs its findings."""
    if look.training is None or not source_looks.is_source_look(look):
        return
    groups = by_kind(step.dojo.profiles())
    try:
        step.acts.explain(look.id, groups["chain_of_thought"] + groups["direct"])
    except ExperimentFailed as failed:
        step.note(f"the sources could not be read with its model: {failed.message}", look.id)


def _audited(step: Step, experiment: str, sources: Sequence[str]) -> dict[str, float]:
    """Agreement with the sources' labels; repairs that were found are noted. An audit that fails costs its
    findings, not the run."""
    if not sources:
        return {}
    try:
        found = step.acts.audit(experiment, sources)
    except ExperimentFailed as failed:
        step.note(f"the sources could not be audited: {failed.message}", experiment)
        return {}
    known = step.dojo.repairs()
    for repair in found.repairs:
        if repair.source not in known:
            said = f"{repair.source} can be repaired: {words(repair)}"
            step.note(said, experiment, repair=repair.model_dump(mode="json"))
    return found.shares


def _with_outcome(step: Step, experiment: str) -> Experiment:
    """The experiment as far as it has come, with the outcome that its records give it."""
    done = step.journal.experiment(experiment)
    assert done is not None
    return done.model_copy(update={"outcome": outcome_of(done)})


def finish(step: Step) -> RunState:
    """Confirm what the search ended with; read the sealed test once, for the base and the champion;
    export; report; close."""
    step.to_present()
    dojo, journal = step.dojo, step.journal
    if (ahead := step.session.ahead) is not None:
        ahead.end()
    _grant(step)
    ending = {"outcome": step.state["ending"], "reason": step.state["reason"]}
    winner = _confirmed(step, ending)
    if winner == BASE and ending["outcome"] == "solved":
        reason = f"{ending['reason']}, but its gain over the base could not be confirmed"
        ending = {"outcome": "stuck", "reason": reason}
    step.acts.claim(winner, ending)
    step.announce("finish", f"opening the sealed test for base and {winner}")
    with _to_its_end("the sealed test could not be read"):
        step.acts.read_test(winner)
    step.tell("test_opened", None, {"champion": winner})
    with or_fault("exporting the champion"):
        exported = export_champion(dojo.workspace, journal, dojo.model_dir(winner), dojo.spec)
    if winner != BASE:
        dojo.evidence.vouch("champion", dojo.workspace.relative(exported), winner)
    step.acts.end(ending)
    report = write_report(journal, dojo.workspace.run_dir, dojo.validation)
    if not dojo.evidence.knows(report):  # a run that has ended may be told again, and stays as it is
        dojo.evidence.vouch("report", dojo.workspace.relative(report))
    summary = result_of(journal, exported, report)
    dojo.workspace.write_json(dojo.workspace.run_dir / "summary.json", summary)
    step.tell("run_ended", None, ending)
    step.runs.close(step.session)
    return {"ending": ending["outcome"], "reason": ending["reason"], "summary": summary}


def _grant(step: Step) -> None:
    """After a kill the time for the last answers may be gone; they are had all the same, and it is said."""
    dojo = step.dojo
    missing = dojo.finishing_seconds() - dojo.ledger.remaining_seconds
    if dojo.ledger.goes_on and missing > 0:
        dojo.ledger.grant(missing)
        text = f"{missing:.0f} s beyond the budget are granted to the end of a run that was cut off"
        step.note(text, granted=round(missing, 1))


def _confirmed(step: Step, ending: dict[str, str]) -> str:
    """What the run may claim: the search's candidate where items kept apart confirm it, else the base.

    The choice is in the journal before an item is answered: from that line on the run only finishes.
    """
    candidate = step.acts.choose(ending)
    if candidate is None:
        return BASE
    step.announce("finish", f"testing {candidate.id} against the base on items kept apart")
    with _to_its_end("the confirmation could not be made"):
        found = step.acts.confirm(candidate.id)
    step.tell("confirmation", candidate.id, {"text": found.text()})
    return candidate.id if found.confirmed else BASE


@contextmanager
def _to_its_end(what: str) -> Iterator[None]:
    """After the search a failed answer has no experiment that it could fail.

    Raises:
        MachineFault: in place of an ``ExperimentFailed``.
    """
    try:
        yield
    except ExperimentFailed as failed:
        reason = f"{failed.code}: {failed.message} {failed.log_tail}".strip()[:LONGEST_REASON]
        raise MachineFault(
            f"{what} to its end ({reason}); nothing is lost: mend that, then `ftdojo resume`"
        ) from failed
