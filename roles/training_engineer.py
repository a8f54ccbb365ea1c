"""The TrainingEngineer: method and hyperparameters of a training.

A draft that does not fit into memory takes the next form of ``tools.training.ladder``. What it drafts
passes the gate and gets its duration in ``roles.training_gate``, whoever drafted it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from memory.recipe import DataCard
from memory.records import Experiment, Plan, TrainingPlan
from memory.training import rate_used
from roles import recalled_hyperparameters
from roles.forecast import training_refusal
from roles.hyperparameters import Hyperparameters, best_so_far, suggest
from roles.method import method_for
from roles.search_space import MAX_EPOCHS
from roles.time_split import mean_row_tokens, rows_in_time, searches
from roles.trials import earlier_trials, trials_from
from tasks.errors import ExperimentFailed
from tools.checks.repeated_failure import MOST_TIMES, crashes, diverged_at
from tools.dojo import Dojo
from tools.models.quantised import has_bitsandbytes
from tools.process.machine import machine
from tools.training import ladder
from tools.training.estimate import LIBRARIES_GIB, formula_gib
from tools.training.learning_rate import Method, learning_rate_range
from tools.training.memory import LongestBatch, longest_batch

BACK_OFF = 0.5
"""Of a rate that diverged, the most that is tried after it: what a diagnosis of divergence asks for."""
REDRAWS = 5
"""A search that suggests what was done in vain is asked again so often."""
RESEED = 1000
"""Between the sampler's seeds of two draws: more than a run has trials."""


def draft_training(dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
    """Method by size, hyperparameters by TPE (or by a cited lesson), no more epochs than pay."""
    method = method_asked(dojo, plan)
    draft = draft_of(dojo, plan, card, method)
    for draw in range(1, REDRAWS + 1):
        if not draft.hyperparameters_from.startswith("tpe") or not training_refusal(dojo, plan, card, draft):
            break
        draft = draft_of(dojo, plan, card, method, draw)
    return within_memory(dojo, plan, card, draft)


def method_asked(dojo: Dojo, plan: Plan) -> Method:
    """The method by size; the other one where the process of that died twice over the same work."""
    usual = method_for(dojo)
    if crashes(dojo.journal.experiments(), plan, usual) < MOST_TIMES:
        return usual
    return "lora" if usual == "full" else "full"


def draft_of(dojo: Dojo, plan: Plan, card: DataCard, method: Method, draw: int = 0) -> TrainingPlan:
    """Method and suggested hyperparameters; ``num_train_epochs`` is the most that may be taken.

    Args:
        dojo: the run.
        plan: of the experiment.
        card: of its data.
        method: full or LoRA.
        draw: how often the search was asked before for this training.
    """
    hyperparameters = hyperparameters_for(dojo, plan, dojo.journal.experiments(), method, draw)
    judged = plan.steps == 0  # a look at a source is one of several, of equal length on equally many rows
    settings = {
        "method": method,
        "learning_rate": hyperparameters.learning_rate,
        "per_device_train_batch_size": min(hyperparameters.batch_size, card.rows),
        "num_train_epochs": MAX_EPOCHS,
        "max_length": dojo.max_length,
        "timeout_seconds": max(min(plan.max_seconds, dojo.remaining_budget_seconds()), 1.0),
        "seed": dojo.seed,
        "init_from": plan.init_from,
        "early_stopping": judged and "early-stopping" not in dojo.journal.without,
        "average_weights": judged,
        "range_test": judged,
        "hyperparameters_from": hyperparameters.origin,
    }
    return TrainingPlan.model_validate(settings | dict(hyperparameters.further))


def within_memory(dojo: Dojo, plan: Plan, card: DataCard, draft: TrainingPlan) -> TrainingPlan:
    """The mildest form of the draft that is estimated to fit and needs less than what ran out of memory.

    Raises:
        ExperimentFailed: ``does_not_fit``.
    """
    here, model = machine(), dojo.base_model

    def formula(form: TrainingPlan, batch: LongestBatch | None = None) -> float:
        return formula_gib(form, model, batch or longest_batch(form, card), here) - LIBRARIES_GIB

    failed = [
        formula(TrainingPlan.model_validate(each["plan"]), LongestBatch(*each["batch"]))
        for each in dojo.journal.did_not_fit
    ]
    if (large := _to_be_smaller(dojo)) is not None:
        failed.append(formula(*large))
    quantised, lora = bool(here.gpus) and has_bitsandbytes(), _with_lora(dojo, plan, draft)
    forms = ladder.forms(ladder.explicit(draft, model), lora, card, quantised, len(here.gpus))
    form = ladder.fitting(forms, lambda each: dojo.estimate(each, card), formula, failed)
    if form is None:
        estimate = dojo.estimate(draft, card)
        tried = f"; {len(failed)} were too large" if failed else ""
        raise ExperimentFailed(
            "probe",
            "does_not_fit",
            f"needs about {estimate.peak_gib:.1f} GiB of {estimate.available_gib:.1f} GiB "
            f"({estimate.basis}), and no smaller form of it fits{tried}",
        )
    return form


def _to_be_smaller(dojo: Dojo) -> tuple[TrainingPlan, LongestBatch] | None:
    """The training before this one, where its diagnosis asks for a smaller one; time is up to the gate."""
    history = dojo.journal.experiments()
    last = history[-1] if history else None
    if last is None or last.diagnosis is None or last.diagnosis.next_move != "smaller":
        return None
    if last.training_plan is None or last.card is None or (last.failure and last.failure.code == "timeout"):
        return None
    return last.training_plan, longest_batch(last.training_plan, last.card)


def instead(experiment: str, training: TrainingPlan) -> tuple[str, dict[str, Any]]:
    """The note on what is tried in its place; it stands for the experiment's training plan."""
    return f"{experiment}: instead {ladder.in_words(training)}", {"instead": training.model_dump(mode="json")}


def _with_lora(dojo: Dojo, plan: Plan, draft: TrainingPlan) -> TrainingPlan:
    """The draft with LoRA, at a learning rate of its own."""
    if draft.method == "lora":
        return draft
    found = hyperparameters_for(dojo, plan, dojo.journal.experiments(), "lora")
    return draft.model_copy(
        update={
            "method": "lora",
            "learning_rate": found.learning_rate,
            "hyperparameters_from": found.origin,
            "override_reason": "",
        }
        | dict(found.further)
    )


def hyperparameters_for(
    dojo: Dojo, plan: Plan, history: tuple[Experiment, ...], method: Method, draw: int = 0
) -> Hyperparameters:
    """What is suggested for a plan, at no higher a rate than the weights allow that it goes on from, and
    clearly below one that diverged."""
    ceiling, why = rate_ceiling(dojo, plan.init_from, method), f"held to the rate of {plan.init_from}"
    diverged = diverged_at(history, method, plan.init_from)
    if diverged is not None and (ceiling is None or BACK_OFF * diverged < ceiling):
        ceiling, why = BACK_OFF * diverged, f"held to half of {diverged:.2g}, which diverged"
    found = _suggested(dojo, plan, history, method, ceiling, draw)
    if ceiling is None or found.learning_rate <= ceiling:
        return found
    return replace(found, learning_rate=ceiling, origin=f"{found.origin}, {why}")


def rate_ceiling(dojo: Dojo, init_from: str, method: Method) -> float | None:
    """The highest rate for a training that goes on from trained weights, whatever it changes: the rate
    that made them, never below twice the range's lower end; None from the base.

    Above it a restart undoes more than it teaches (``roles.hyperparameters.suggest``). Where the methods
    differ, the rate is taken over at its place in the other method's range.
    """
    started, done = dojo.journal.training_plan(init_from), dojo.journal.training(init_from)
    if started is None:
        return None
    used = rate_used(started, done)
    low, high = learning_rate_range(method, dojo.base_model.hidden_size)
    _, high_then = learning_rate_range(started.method, dojo.base_model.hidden_size)
    return max(used * high / high_then, 2 * low)


def _suggested(
    dojo: Dojo,
    plan: Plan,
    history: tuple[Experiment, ...],
    method: Method,
    ceiling: float | None,
    draw: int = 0,
) -> Hyperparameters:
    """A cited lesson's hyperparameters first; screenings and what goes on from a look share one default, so
    that only the data differs, and so do all where the budget holds no search; else TPE. The default is
    what lessons of all tasks favour, where they favour anything."""
    found, refused = recalled_hyperparameters.cited(dojo, dojo.lessons(plan.lessons), method)
    if found is not None:
        return found
    if refused:
        return replace(_unadvised(dojo, plan, history, method, ceiling, draw), origin=f"default; {refused}")
    return _unadvised(dojo, plan, history, method, ceiling, draw)


def _unadvised(
    dojo: Dojo,
    plan: Plan,
    history: tuple[Experiment, ...],
    method: Method,
    ceiling: float | None,
    draw: int,
) -> Hyperparameters:
    if (shared := _of_looks(history, method)) is not None and plan.steps:
        return shared
    width, tokens = dojo.base_model.hidden_size, mean_row_tokens(dojo)
    trials = trials_from(history, dojo.validation_score("base").value, method)
    length = rows_in_time(dojo, plan, method)
    before = dojo.journal.plan(plan.init_from)
    from_look = before is not None and before.steps > 0
    screening = plan.steps or from_look or plan.change in ("first", "sources", "data")
    if screening or "tpe" in dojo.journal.without or not searches(dojo, method):
        found = best_so_far(trials, length) or recalled_hyperparameters.from_other_tasks(dojo, method)
        return found or suggest([], method, width, dojo.seed, row_tokens=tokens)
    recalled = None if trials else recalled_hyperparameters.from_other_tasks(dojo, method)
    earlier = earlier_trials(dojo.forecaster.past.experiments, dojo.journal.info, method)
    seed = dojo.seed + RESEED * draw
    return recalled or suggest(trials, method, width, seed, ceiling, length, tokens, earlier)


def _of_looks(history: tuple[Experiment, ...], method: Method) -> Hyperparameters | None:
    """What the first look at a source was made with: all looks share it, or rates would be compared."""
    for look in history:
        made = look.training_plan
        if look.plan.steps and made is not None and made.method == method:
            return Hyperparameters(made.learning_rate, made.effective_batch_size, made.hyperparameters_from)
    return None
