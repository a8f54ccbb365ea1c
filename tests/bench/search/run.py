"""Simulated runs: real rules and records, made-up trainings, a clock that is added up.

The playbook plans, drafts hyperparameters, times its trainings and diagnoses; the rules of the incumbent, of
the confirmation and of repeated failures are the harness's own. Nothing is trained, read or written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from graph.bench.injected_failures import FaultPlan
from memory.confirmation import Confirmation
from memory.journal.log import BASE
from memory.records import (
    Comparison,
    Experiment,
    Failure,
    Plan,
)
from roles import audit, playbook, stopping, training_gate
from roles.training_engineer import draft_of, method_asked
from tasks.errors import ExperimentFailed
from tests.bench.search.dojo import ITEMS, OVERHEAD_SECONDS, SimulatedDojo
from tests.bench.search.surface import made_surface
from tools.checks.champion import candidate_of, outcome_of
from tools.checks.repeated_failure import check_training_repeats, refuse_repeats
from tools.evaluation.confirmation import decide

NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("recipe", "card", "training_plan", "training", "evaluation", "comparison", "forgetting", "verdict"),
        *("diagnosis", "failure"),
    )
)
"""The stages that an experiment has not come to."""


@dataclass(frozen=True)
class Result:
    """What a simulated run came to."""

    true_score: float
    """Of the claimed model, in percent, without the noise of items; the base's where nothing is claimed."""
    best_true: float
    """Of the best model that was trained."""
    experiments: int
    failed: int
    seconds: float
    reached: tuple[tuple[float, float], ...]
    """(second, true score of the incumbent), each time it changed."""
    ending: str
    moves: tuple[str, ...]
    failures: tuple[str, ...]


def simulated_run(seed: int, search: str, budget: float = 300.0, faults: FaultPlan | None = None) -> Result:
    """One run of the playbook on the world of this seed."""
    dojo: Any = SimulatedDojo(made_surface(seed, ITEMS), seed, search, budget)
    reached: list[tuple[float, float]] = []
    ending = ""
    while not ending:
        if (end := stopping.ending(dojo)) is not None:
            ending = end[0]
            break
        plan = playbook.plan(dojo, f"e{len(dojo.journal.done) + 1:02d}")
        if plan is None or isinstance(plan, stopping.Stop):
            ending = "stuck"
            break
        experiment(dojo, plan, faults)
        if dojo.journal.done[-1].outcome == "kept":
            reached.append((dojo.seconds, 100.0 * fmean(dojo.skills[dojo.journal.done[-1].id])))
    return result_of(dojo, reached, ending)


def experiment(dojo: Any, plan: Plan, faults: FaultPlan | None) -> None:
    """The loop's one turn, with the roles' rules in their order."""
    done = Experiment.model_construct(
        **NOTHING, id=plan.experiment, number=len(dojo.journal.done) + 1, plan=plan, outcome="unfinished"
    )
    try:
        card = dojo.card(plan)
        draft = draft_of(dojo, plan, card, method_asked(dojo, plan))
        training = training_gate.timed(dojo, plan, card, draft, None)
        done = done.model_copy(update={"card": card, "training_plan": training})
        refuse_repeats("train", lambda: check_training_repeats(dojo, plan, card, training))
        trained = dojo.train(plan, card, training, faults)
        evaluation = dojo.measure(plan.experiment)
        comparison = dojo.compare(plan.experiment, dojo.journal.incumbent_id())
        done = done.model_copy(
            update={"training": trained, "evaluation": evaluation, "comparison": comparison}
        )
        dojo.seconds += OVERHEAD_SECONDS
    except ExperimentFailed as failed:
        done = failed_as(done, failed)
        dojo.seconds += 1.0
    done = done.model_copy(update={"outcome": outcome_of(done)})
    shares = {}
    if done.failure is None and (sources := audit.sources_to_audit(dojo, done)):
        shares = dojo.audited(done.id, sources)
        dojo.seconds += 2.0
    dojo.journal.done.append(done.model_copy(update={"diagnosis": playbook.diagnose(dojo, done, shares)}))


def failed_as(done: Experiment, failed: ExperimentFailed) -> Experiment:
    """The experiment with its failure on record."""
    failure = Failure(stage=failed.stage, code=failed.code, message=failed.message)
    return done.model_copy(update={"failure": failure})


def result_of(dojo: Any, reached: list[tuple[float, float]], ending: str) -> Result:
    """The run's end: its candidate, confirmed on items kept apart by the harness's own schedule."""
    history = dojo.journal.experiments()
    candidate = candidate_of(history)
    claimed = BASE
    if candidate is not None and confirmed(dojo, candidate.id).confirmed:
        claimed = candidate.id
    trues = {id: 100.0 * fmean(skills) for id, skills in dojo.skills.items()}
    return Result(
        true_score=trues[claimed],
        best_true=max(trues.values()),
        experiments=len(history),
        failed=sum(e.outcome == "failed" for e in history),
        seconds=dojo.seconds,
        reached=tuple(reached),
        ending=ending,
        moves=tuple(e.plan.move for e in history),
        failures=tuple(_signature(e) for e in history if e.failure),
    )


def confirmed(dojo: Any, candidate: str) -> Confirmation:
    """The candidate against the base on fresh items."""
    draws = random.Random(f"confirmation {dojo.seed}")
    items = [draws.random() for _ in range(ITEMS)]
    right = {
        id: [dojo.skills[id][n % 4] + draws.gauss(0.0, 0.05) > item for n, item in enumerate(items)]
        for id in (candidate, BASE)
    }

    def first(n: int) -> Comparison:
        dojo.right |= {"new": tuple(right[candidate][:n]), "old": tuple(right[BASE][:n])}
        return dojo.compare("new", "old")  # type: ignore[no-any-return]

    return decide(candidate, ITEMS, first)


def _signature(experiment: Experiment) -> str:
    """A failure's cause with its offending setting, as ``tools.checks.repeated_failure`` has it.

    Memory is left to the ladder of savings, which is not simulated: each such failure is another one.
    """
    failure, training = experiment.failure, experiment.training_plan
    assert failure is not None
    if training is None or failure.code in ("out_of_memory", "repeated"):
        return f"{failure.code} {experiment.id}"
    setting = {
        "diverged": f"{training.init_from == BASE} {training.learning_rate:.6g}",
        "timeout": f"{training.max_steps} {training.timeout_seconds}",
    }.get(failure.code, f"{'+'.join(sorted(experiment.plan.sources))} {training.init_from}")
    return f"{failure.code} {training.method} {setting}"
