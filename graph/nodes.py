"""The nodes: read the state, call one role, write its records into the journal, return what changed.

What a role decides (plan, recipe, training plan) goes into the state as a draft; the gate
behind it (``graph.approval.gates``) writes it into the journal, after a person approved where one is asked.

A node may run twice after a kill, so each step first asks the journal whether its record
is already there. Experiment ids are deterministic (``e01``, ``e02``...), and the journal
refuses a second record of the same kind for one experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from graph import session as sessions
from graph.result import result_of
from graph.session import Session
from graph.settings import RunSettings
from graph.state import RunInput, RunState
from memory.records import Experiment, Failure
from roles import diagnostician as diagnosing
from roles import evaluator as evaluating
from roles import stopping
from tasks.errors import ExperimentFailed, InputError
from tools.models.export import export_champion
from tools.report.html import write_report

Event = dict[str, Any]


def prepare(state: RunInput, runtime: Runtime[RunSettings]) -> RunState:
    """Make or reopen the run, profile the pool, and score the untouched base model on validation."""
    run_dir = state.get("run_dir")
    session = sessions.reopen(Path(run_dir)) if run_dir else sessions.start(runtime.context or RunSettings())
    dojo, tell = session.dojo, _teller(session, runtime)
    tell("run_started", None, dojo.journal.info.model_dump(mode="json"))
    tell("stage", None, {"role": "prepare", "text": f"profiling {len(dojo.pool)} sources"})
    with dojo.ledger.measure("data"):
        dojo.profiles()
    if dojo.journal.evaluation("base") is None:
        tell("stage", None, {"role": "evaluator", "text": "scoring the untouched base model"})
        dojo.journal.append("evaluation", dojo.evaluate("base"), "base")
    base = dojo.journal.evaluation("base")
    assert base is not None
    tell("evaluation", "base", base.model_dump(mode="json"))
    _check_budget(session)
    return {
        "run": dojo.journal.info.run,
        "run_dir": str(dojo.workspace.run_dir),
        "finished": len(dojo.journal.experiments()),
        "failed": False,
    }


def _check_budget(session: Session) -> None:
    """Now that the model's speed is measured: does the budget hold one experiment?"""
    dojo = session.dojo
    if dojo.journal.experiments() or dojo.remaining_budget_seconds() >= dojo.minimum_experiment_seconds():
        return
    needed = dojo.ledger.elapsed_seconds + dojo.finishing_seconds() + dojo.minimum_experiment_seconds()
    dojo.journal.append(
        "run_ended", {"outcome": "out_of_budget", "reason": "the budget cannot fit one experiment"}
    )
    sessions.close(session)
    raise InputError(
        f"--budget {session.settings.budget_seconds:g}s",
        f"cannot fit one experiment with this model on this machine (about {needed:.0f} s)",
        f"give it {int(needed / 60) + 2}m or more",
    )


def planner(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Decide whether to go on, and with which hypothesis."""
    session = _session(state)
    dojo, tell = session.dojo, _teller(session, runtime)
    journal = dojo.journal
    experiment = journal.unfinished() or journal.next_experiment_id()
    if journal.plan(experiment) is not None:
        return {"experiment": experiment, "failed": False, "draft": {}}
    end = stopping.ending(dojo, session.settings.target, session.settings.max_experiments)
    if end is not None:
        return {"ending": end[0], "reason": end[1]}
    tell("stage", experiment, {"role": "planner", "text": "choosing the next experiment"})
    since = len(journal.events)
    with dojo.ledger.measure("think"):
        plan = session.policy.plan(dojo, experiment)
    _tell_decisions(session, tell, since)
    if plan is None:
        return {"ending": "stuck", "reason": "nothing untried is left that is expected to help"}
    return {"experiment": experiment, "failed": False, "draft": plan.model_dump(mode="json")}


def data_curator(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Write the data recipe of the plan."""

    def work(session: Session, experiment: str, tell: Teller) -> Event:
        dojo, plan = session.dojo, session.dojo.journal.plan(experiment)
        assert plan is not None
        tell("plan", experiment, plan.model_dump(mode="json"))
        if dojo.journal.recipe(experiment) is not None:
            return {}
        tell("stage", experiment, {"role": "data_curator", "text": "writing the recipe"})
        with dojo.ledger.measure("think"):
            return session.policy.write_recipe(dojo, plan).model_dump(mode="json")

    return _guarded(state, runtime, work)


def curate(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Run the recipe; gate: something is left, and nothing of the sealed splits."""

    def work(session: Session, experiment: str, tell: Teller) -> Event:
        dojo, journal = session.dojo, session.dojo.journal
        recipe = journal.recipe(experiment)
        assert recipe is not None
        tell("stage", experiment, {"role": "data_curator", "text": f"curating {', '.join(recipe.sources)}"})
        if journal.card(experiment) is None:
            journal.append("card", dojo.curate(recipe), experiment)
        tell("card", experiment, _stage(journal.card(experiment)))
        return {}

    return _guarded(state, runtime, work)


def training_engineer(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Choose method and hyperparameters, pass the memory, time and probe gates."""

    def work(session: Session, experiment: str, tell: Teller) -> Event:
        dojo, journal = session.dojo, session.dojo.journal
        plan, card = journal.plan(experiment), journal.card(experiment)
        assert plan is not None and card is not None
        if journal.training_plan(experiment) is not None:
            return {}
        text = "choosing hyperparameters, probing a few steps"
        tell("stage", experiment, {"role": "training_engineer", "text": text})
        return session.policy.write_training_plan(dojo, plan, card).model_dump(mode="json")

    return _guarded(state, runtime, work)


def train(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Train in a child process, stopped early when it diverges or runs out of time."""

    def work(session: Session, experiment: str, tell: Teller) -> Event:
        dojo, journal = session.dojo, session.dojo.journal
        plan, card = journal.training_plan(experiment), journal.card(experiment)
        assert plan is not None and card is not None
        if journal.training(experiment) is None:
            detail = f"{plan.method}, lr {plan.learning_rate:.2g}, {plan.max_steps} steps"
            tell("stage", experiment, {"role": "training_engineer", "text": detail})
            journal.append("training", dojo.train(experiment, plan, card), experiment)
        tell("training", experiment, _stage(journal.training(experiment)))
        return {}

    return _guarded(state, runtime, work)


def evaluator(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Score the experiment on validation, compare it with the champion item by item, read the result."""

    def work(session: Session, experiment: str, tell: Teller) -> Event:
        dojo, journal = session.dojo, session.dojo.journal
        text = f"answering {len(dojo.validation)} validation items"
        tell("stage", experiment, {"role": "evaluator", "text": text})
        if journal.comparison(experiment) is None:
            evaluation, comparison = evaluating.evaluate(dojo, experiment)
            journal.append("evaluation", evaluation, experiment)
            journal.append("comparison", comparison, experiment)
        measured = journal.comparison(experiment)
        assert measured is not None
        if journal.verdict(experiment) is None:
            with dojo.ledger.measure("think"):
                verdict = session.policy.assess(dojo, experiment, measured)
            journal.append("verdict", verdict, experiment)
        tell("evaluation", experiment, _stage(journal.evaluation(experiment)))
        return {}

    return _guarded(state, runtime, work)


def diagnostician(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Find the cause, close the experiment, write the lesson."""
    session = _session(state)
    dojo, journal, experiment = session.dojo, session.dojo.journal, state["experiment"]
    tell = _teller(session, runtime)
    tell("stage", experiment, {"role": "diagnostician", "text": "why did it come out so?"})
    draft = _draft_experiment(session, experiment)
    if journal.diagnosis(experiment) is None:
        since = len(journal.events)
        with dojo.ledger.measure("think"):
            diagnosis = session.policy.diagnose(dojo, draft)
        _tell_decisions(session, tell, since)
        journal.append("diagnosis", diagnosis, experiment)
    lesson = diagnosing.lesson_of(dojo, draft)
    if lesson is not None:
        journal.append("lesson", lesson, experiment)
        dojo.record(lesson)
    journal.finish(experiment, draft.outcome)
    whole = journal.experiments()[-1]
    tell("finished", experiment, whole.model_dump(mode="json"))
    return {"failed": False, "finished": len(journal.experiments())}


def _draft_experiment(session: Session, experiment: str) -> Experiment:
    """The experiment from its records so far, with its outcome."""
    journal = session.dojo.journal
    plan, comparison, failure, verdict = (
        journal.plan(experiment),
        journal.comparison(experiment),
        journal.failure(experiment),
        journal.verdict(experiment),
    )
    assert plan is not None
    if failure is not None or comparison is None:
        outcome = "failed"
    else:
        outcome = "kept" if evaluating.admitted(comparison, verdict) else "discarded"
    return Experiment.model_validate(
        {
            "id": experiment,
            "number": int(experiment.lstrip("e")),
            "plan": plan,
            "recipe": journal.recipe(experiment),
            "card": journal.card(experiment),
            "training_plan": journal.training_plan(experiment),
            "training": journal.training(experiment),
            "evaluation": journal.evaluation(experiment),
            "comparison": comparison,
            "verdict": verdict,
            "failure": failure,
            "outcome": outcome,
        }
    )


def finish(state: RunState, runtime: Runtime[RunSettings]) -> RunState:
    """Read the sealed test once, for the base and the champion; export; report; close."""
    session = _session(state)
    dojo, journal = session.dojo, session.dojo.journal
    tell = _teller(session, runtime)
    champion = journal.champion_id()
    journal.append(
        "champion_chosen", {"champion": champion, "outcome": state["ending"], "reason": state["reason"]}
    )
    tell("stage", None, {"role": "finish", "text": f"opening the sealed test for base and {champion}"})
    if journal.stage(champion, "test_comparison") is None:
        base, final, comparison = dojo.final_test(champion)
        journal.append("test_evaluation", base, "base")
        journal.append("test_evaluation", final, champion)
        journal.append("test_comparison", comparison, champion)
    tell("test_opened", None, {"champion": champion})
    exported = export_champion(dojo.workspace, journal, dojo.model_dir(champion), dojo.spec)
    journal.append("run_ended", {"outcome": state["ending"], "reason": state["reason"]})
    report = write_report(journal, dojo.workspace.run_dir, dojo.validation)
    summary = result_of(journal, exported, report)
    dojo.workspace.write_json(dojo.workspace.run_dir / "summary.json", summary)
    tell("run_ended", None, {"outcome": state["ending"], "reason": state["reason"]})
    sessions.close(session)
    return {"ending": state["ending"], "reason": state["reason"], "summary": summary}


# -- what every node needs -------------------------------------------------------------------

Teller = Callable[[str, str | None, Event], None]
Work = Callable[[Session, str, Teller], Event]
"""Does one stage; returns the draft for the gate behind it, empty when there is none."""


def _session(state: RunState) -> Session:
    return sessions.reopen(Path(state["run_dir"]))


def _teller(session: Session, runtime: Runtime[RunSettings]) -> Teller:
    """Events for whoever watches the stream: the same shape as journal lines, plus the clocks."""

    def tell(kind: str, experiment: str | None, data: Event) -> None:
        ledger = session.dojo.ledger
        runtime.stream_writer(
            {
                "kind": kind,
                "experiment": experiment,
                "data": data,
                "clocks": ledger.spent(),
                "remaining_seconds": ledger.remaining_seconds,
                "run_dir": str(session.dojo.workspace.run_dir),
            }
        )

    return tell


def _guarded(state: RunState, runtime: Runtime[RunSettings], work: Work) -> RunState:
    """Run one stage; a failed experiment becomes a record and goes to the Diagnostician."""
    session, experiment = _session(state), state["experiment"]
    tell = _teller(session, runtime)
    if session.dojo.journal.failure(experiment) is not None:
        return {"failed": True}
    since = len(session.dojo.journal.events)
    try:
        draft = work(session, experiment, tell)
    except ExperimentFailed as failed:
        failure = Failure(
            stage=failed.stage, code=failed.code, message=failed.message, log_tail=failed.log_tail
        )
        session.dojo.journal.append("failure", failure, experiment)
        tell("failure", experiment, failure.model_dump(mode="json"))
        return {"failed": True}
    finally:
        _tell_decisions(session, tell, since)
    return {"failed": False, "draft": draft}


def _tell_decisions(session: Session, tell: Teller, since: int) -> None:
    """What language models decided since a line of the journal, for whoever watches."""
    for event in session.dojo.journal.events[since:]:
        if event.kind == "decision":
            tell("decision", event.experiment, event.data)


def _stage(record: Any) -> Event:
    """A record as an event's data; empty when it is missing."""
    return {} if record is None else record.model_dump(mode="json")
