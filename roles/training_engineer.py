"""The TrainingEngineer: method and hyperparameters of a training.

What it drafts passes the gate and gets its duration in ``roles.training_gate``, whoever drafted it.
"""

from __future__ import annotations

from memory.recipe import DataCard
from memory.records import Experiment, Plan, TrainingPlan
from roles.hyperparameters import Hyperparameters, suggest, trials_from
from roles.method import method_for
from roles.time_split import searches
from tools.dojo import Dojo
from tools.training.learning_rate import Method

MAX_EPOCHS = 8.0
"""Repeating rows pays up to roughly four to eight times (Muennighoff et al. 2023, arXiv 2305.16264)."""


def draft_training(dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
    """Method by size, hyperparameters by TPE (or by a cited lesson), no more epochs than pay."""
    return draft_of(dojo, plan, card, method_for(dojo))


def draft_of(dojo: Dojo, plan: Plan, card: DataCard, method: Method) -> TrainingPlan:
    """Method and suggested hyperparameters; ``num_train_epochs`` is the most that may be taken."""
    hyperparameters = hyperparameters_for(dojo, plan, dojo.journal.experiments(), method)
    draft = TrainingPlan(
        method=method,
        learning_rate=hyperparameters.learning_rate,
        per_device_train_batch_size=min(hyperparameters.batch_size, card.rows),
        num_train_epochs=MAX_EPOCHS,
        max_length=dojo.max_length,
        timeout_seconds=max(min(plan.max_seconds, dojo.remaining_budget_seconds()), 1.0),
        seed=dojo.seed,
        init_from=plan.init_from,
        hyperparameters_from=hyperparameters.origin,
    )
    return _within_memory(dojo, draft, card)


def _within_memory(dojo: Dojo, draft: TrainingPlan, card: DataCard) -> TrainingPlan:
    """The batch halved until it fits, by estimate: long rows need more than short ones."""
    size = draft.per_device_train_batch_size
    while size > 1:
        tried = draft.model_copy(update={"per_device_train_batch_size": size})
        if dojo.estimate(tried, card).fits:
            return tried
        size //= 2
    return draft.model_copy(update={"per_device_train_batch_size": 1})


def hyperparameters_for(
    dojo: Dojo, plan: Plan, history: tuple[Experiment, ...], method: Method
) -> Hyperparameters:
    """A cited lesson's hyperparameters first; screenings and what goes on from a look share one default, so
    that only the data differs, and so do all where the budget holds no search; else TPE."""
    for lesson in dojo.lessons(plan.lessons):
        if lesson.settings.get("method") == method and "learning_rate" in lesson.settings:
            return Hyperparameters(
                float(lesson.settings["learning_rate"]),
                int(float(lesson.settings["per_device_train_batch_size"])),
                f"lesson {lesson.id}",
            )
    width = dojo.base_model.hidden_size
    trials = trials_from(history, dojo.validation_score("base").value, method)
    before = dojo.journal.plan(plan.init_from)
    from_look = before is not None and before.steps > 0
    screening = plan.steps or from_look or plan.change in ("first", "sources")
    if screening or not searches(dojo, method):
        best = max(trials, key=lambda trial: trial.worth, default=None)
        if best is not None and best.worth > 0:
            return Hyperparameters(best.learning_rate, best.batch_size, "best so far")
        return suggest([], method, width, dojo.seed)
    started = dojo.journal.training_plan(plan.init_from)
    return suggest(trials, method, width, dojo.seed, started.learning_rate if started else None)
