"""The TrainingEngineer: method and hyperparameters, the memory and time gate, the probe, the training."""

from __future__ import annotations

from memory.recipe import DataCard
from memory.records import Experiment, Plan, TrainingPlan
from roles.hyperparameters import Hyperparameters, Method, suggest, trials_from
from tasks.errors import ExperimentFailed
from tools.dojo import Dojo
from tools.training.train import ProbeResult

FULL_UP_TO_PARAMETERS = 500_000_000
"""Up to this size full fine-tuning is affordable on one GPU and at least as good as LoRA; above it
LoRA matches it on data sets of a few thousand rows ("LoRA Without Regret", Schulman et al. 2025)."""
MAX_EPOCHS = 8.0
"""Repeating rows pays up to roughly four to eight times (Muennighoff et al. 2023, arXiv 2305.16264)."""
LEAST_SHARE = 0.3
"""Of an experiment's budget, the least that goes into training: an experiment that only pays its
overhead teaches nothing."""


def write_training_plan(dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
    """Method by size, hyperparameters by TPE (or by the lesson that the plan cites), duration by the budget.

    A configuration that is new to the run passes the gate first: memory and time by estimate,
    then a few real steps, whose measured speed also sets the duration.

    Raises:
        ExperimentFailed: ``does_not_fit``, or whatever the probe meets.
    """
    with dojo.ledger.measure("think"):
        draft = draft_of(dojo, plan, card, method_for(dojo))
    return timed(dojo, plan, card, draft)


def timed(
    dojo: Dojo, plan: Plan, card: DataCard, draft: TrainingPlan, max_epochs: float = MAX_EPOCHS
) -> TrainingPlan:
    """A draft that passed the gate, with its duration. Whoever drafted it, gate and clock are the same.

    Raises:
        ExperimentFailed: ``does_not_fit``, or whatever the probe meets.
    """
    probe = gate(dojo, plan, draft, card)
    return _with_duration(dojo, plan, card, draft, probe, max_epochs)


def draft_of(dojo: Dojo, plan: Plan, card: DataCard, method: Method) -> TrainingPlan:
    """Method and suggested hyperparameters; no duration yet."""
    hyperparameters = hyperparameters_for(dojo, plan, dojo.journal.experiments(), method)
    return TrainingPlan(
        method=method,
        learning_rate=hyperparameters.learning_rate,
        per_device_train_batch_size=min(hyperparameters.batch_size, card.rows),
        max_length=dojo.max_length,
        seed=dojo.seed,
        init_from=plan.init_from,
        hyperparameters_from=hyperparameters.origin,
    )


def method_for(dojo: Dojo) -> Method:
    """Full fine-tuning up to half a billion parameters, LoRA above."""
    return "full" if dojo.base_model.parameters <= FULL_UP_TO_PARAMETERS else "lora"


def hyperparameters_for(
    dojo: Dojo, plan: Plan, history: tuple[Experiment, ...], method: Method
) -> Hyperparameters:
    """A cited lesson's hyperparameters first; screenings share one default, so that only the data differs;
    else TPE."""
    for lesson in dojo.lessons(plan.lessons):
        if lesson.settings.get("method") == method and "learning_rate" in lesson.settings:
            return Hyperparameters(
                float(lesson.settings["learning_rate"]),
                int(float(lesson.settings["per_device_train_batch_size"])),
                f"lesson {lesson.id}",
            )
    width = dojo.base_model.hidden_size
    trials = trials_from(history, dojo.validation_score("base").value, method)
    if plan.change in ("first", "sources"):
        best = max(trials, key=lambda trial: trial.worth, default=None)
        if best is not None and best.worth > 0:
            return Hyperparameters(best.learning_rate, best.batch_size, "best so far")
        return suggest([], method, width, dojo.seed)
    started = dojo.journal.training_plan(plan.init_from)
    return suggest(trials, method, width, dojo.seed, started.learning_rate if started else None)


def _with_duration(
    dojo: Dojo,
    plan: Plan,
    card: DataCard,
    draft: TrainingPlan,
    probe: ProbeResult | None,
    max_epochs: float,
) -> TrainingPlan:
    """As many epochs as the budget holds at the measured speed, and a timeout as the hard end."""
    spent = probe.wall_seconds if probe else 0.0
    seconds = max(plan.max_seconds - dojo.overhead_seconds() - spent, LEAST_SHARE * plan.max_seconds)
    one_epoch = draft.model_copy(update={"num_train_epochs": 1.0, "max_steps": -1})
    estimate = dojo.estimate(one_epoch, card)
    per_epoch = estimate.seconds
    if estimate.basis != "measured" and probe and probe.tokens_per_second > 0:
        # Before the first training a few steps are the best clock there is; later, whole trainings are.
        per_epoch = card.rows * card.mean_tokens / probe.tokens_per_second
    epochs = min(max_epochs, max(seconds / max(per_epoch, 1e-3), 0.05))
    steps = max(1, round(epochs * card.rows / draft.per_device_train_batch_size))
    return draft.model_copy(
        update={
            "num_train_epochs": round(epochs, 3),
            "max_steps": steps,
            "warmup_steps": min(20, max(1, steps // 10)),
            "timeout_seconds": round(seconds * 1.3 + 5.0, 1),
        }
    )


def gate(dojo: Dojo, plan: Plan, draft: TrainingPlan, card: DataCard) -> ProbeResult | None:
    """Memory first (no cost), then a few real steps where the configuration is new to the run.

    Raises:
        ExperimentFailed: ``does_not_fit``, or whatever the probe meets.
    """
    estimate = dojo.estimate(draft, card)
    if not estimate.fits:
        raise ExperimentFailed(
            "probe",
            "does_not_fit",
            f"needs about {estimate.peak_gib:.1f} GiB of {estimate.available_gib:.1f} GiB ({estimate.basis})",
        )
    return None if _proven(dojo, draft) else dojo.probe(plan.experiment, draft, card)


def _proven(dojo: Dojo, training_plan: TrainingPlan) -> bool:
    """Whether a training about as demanding has already succeeded in this run."""
    done = [e.training_plan for e in dojo.journal.experiments() if e.training and e.training_plan]
    return any(
        earlier.method == training_plan.method
        and earlier.per_device_train_batch_size * 2 >= training_plan.per_device_train_batch_size
        and earlier.max_length >= training_plan.max_length
        and earlier.learning_rate * 3 >= training_plan.learning_rate
        for earlier in done
    )
