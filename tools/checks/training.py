"""The check of a training plan: its weights, its learning rate, its memory and its time."""

from __future__ import annotations

from collections.abc import Callable

from memory.recipe import DataCard
from memory.records import Plan, TrainingPlan
from tasks.errors import InvalidDecision
from tools.checks.plan import CLOCK_SECONDS
from tools.checks.repeated_failure import check_training_repeats
from tools.dojo import Dojo
from tools.models.quantised import has_bitsandbytes
from tools.process.machine import machine
from tools.training.learning_rate import Method, learning_rate_range
from tools.training.ranks import processes_for

RATE_MARGIN = 5.0
"""How far a rate may leave the range that the optimiser searches, as a factor: who sets a rate by hand
may know better, and a rate beyond that is a slip of the pen."""

MOST_RANK = 256
"""No adapter needs more ("LoRA Without Regret", Schulman et al. 2025), nor more than the model is wide."""
SEEDS = 2**32
"""What numpy takes."""
BY_EPOCHS = -1
MOST_BATCH = 1024
"""Rows in a step: at this many a few thousand rows make a handful of steps an epoch."""
MOST_DROPOUT, MOST_DECAY, MOST_NOISE = 0.5, 1.0, 45.0
"""Three times what NEFTune was published with (15, arXiv:2310.05914) drowns the embeddings."""


def check_training_plan(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    """Raise for the first thing that does not fit the plan, its data or the machine.

    Raises:
        InvalidDecision: the field, what is wrong with it, and what would fit.
    """
    for check in TRAINING_CHECKS:
        check(dojo, plan, card, training)


def check_arguments(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    """Raise for the first argument that does not fit, whoever decided it.

    Raises:
        InvalidDecision: the field, what is wrong with it, and what would fit.
    """
    for check in ARGUMENT_CHECKS:
        check(dojo, plan, card, training)


def _check_start(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    if training.init_from != plan.init_from:
        raise InvalidDecision(
            f"init_from: the plan of {plan.experiment} starts from {plan.init_from}, not {training.init_from}"
        )


def _check_rate(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    check_rate(training.learning_rate, training.method, dojo.base_model.hidden_size)


def check_rate(rate: float, method: Method, hidden_size: int) -> None:
    """Raise for a rate far outside the range for a method and width, whoever set it.

    Raises:
        InvalidDecision: the field and what would fit.
    """
    low, high = learning_rate_range(method, hidden_size)
    low, high = low / RATE_MARGIN, high * RATE_MARGIN
    if not low <= rate <= high:
        raise InvalidDecision(
            f"learning_rate: {rate:g} is out of range for {method}: {low:.2g} to {high:.2g}"
        )


def check_batch_size(rows: float) -> None:
    """Raise for a batch that is none, or that no small model was trained with.

    Raises:
        InvalidDecision: the field and what would fit.
    """
    if not (1 <= rows <= MOST_BATCH and rows == int(rows)):
        raise InvalidDecision(f"per_device_train_batch_size: a whole number up to {MOST_BATCH}, not {rows:g}")


def check_values(training: TrainingPlan, hidden_size: int) -> None:
    """Raise for a value that no training of a model of this width gains from, whoever set it.

    Raises:
        InvalidDecision: the field and its limit.
    """
    limits = {
        "lora_r": min(MOST_RANK, hidden_size),
        "lora_dropout": MOST_DROPOUT,
        "weight_decay": MOST_DECAY,
        "neftune_noise_alpha": MOST_NOISE,
    }
    for field, most in limits.items():
        if (getattr(training, field) or 0) > most:
            raise InvalidDecision(f"{field}: at most {most:g}, not {getattr(training, field):g}")


def _check_values(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    check_values(training, dojo.base_model.hidden_size)
    if not 0 <= training.seed < SEEDS:
        raise InvalidDecision(f"seed: a whole number from 0 to {SEEDS - 1}, not {training.seed}")
    if training.max_steps < 1 and training.max_steps != BY_EPOCHS:
        raise InvalidDecision(
            f"max_steps: 1 or more, or {BY_EPOCHS} to train for num_train_epochs, not {training.max_steps}"
        )
    most = dojo.base_model.max_positions  # 0 where a model sets no limit
    if most and training.max_length > most:
        raise InvalidDecision(
            f"max_length: at most the model's {most} positions, not {training.max_length}; left out it is "
            "the run's"
        )


def _check_batch(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    if training.effective_batch_size > card.rows:
        raise InvalidDecision(
            f"per_device_train_batch_size: at most the {card.rows} rows of the data, "
            f"not {training.effective_batch_size}"
        )


def _check_memory(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    estimate = dojo.estimate(training, card)
    if not estimate.fits:
        raise InvalidDecision(
            f"memory: needs about {estimate.peak_gib:.1f} GiB of {estimate.available_gib:.1f} GiB; "
            "take a smaller batch with gradient_accumulation_steps, gradient_checkpointing, or lora"
        )


def _check_packages(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    if training.load_in_4bit and training.method == "full":
        raise InvalidDecision("load_in_4bit: weights in 4 bits stay as they are; take lora")
    if training.fsdp:
        _check_shared_out(training, len(machine().gpus))
    if not (training.load_in_4bit or "8bit" in training.optim):
        return
    what = "load_in_4bit" if training.load_in_4bit else f"optim {training.optim}"
    if not has_bitsandbytes():
        raise InvalidDecision(f"{what}: needs bitsandbytes, not installed here (extra qlora)")
    if not machine().gpus:
        raise InvalidDecision(f"{what}: needs an NVIDIA GPU, and there is none here")


def _check_shared_out(training: TrainingPlan, gpus: int) -> None:
    if training.load_in_4bit or "8bit" in training.optim:
        raise InvalidDecision("fsdp: weights in 4 bits and moments in 8 are not shared out; leave one out")
    if gpus < 2:
        raise InvalidDecision(f"fsdp: needs several GPUs, and there is {gpus or 'none'} here")
    if processes_for(training.per_device_train_batch_size, gpus) < 2:
        raise InvalidDecision(
            f"fsdp: {training.per_device_train_batch_size} rows cannot be shared out evenly"
        )


def _check_time(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    left = max(dojo.remaining_budget_seconds(), 0.0)
    if training.timeout_seconds > left + CLOCK_SECONDS:
        raise InvalidDecision(f"timeout_seconds: at most the {left:.0f} s left")


ARGUMENT_CHECKS: tuple[Callable[[Dojo, Plan, DataCard, TrainingPlan], None], ...] = (
    _check_start,
    _check_rate,
    _check_values,
    _check_batch,
    _check_packages,
)
"""Of every training, our own rules' too: it starts where its plan says, and its numbers make sense here."""
TRAINING_CHECKS: tuple[Callable[[Dojo, Plan, DataCard, TrainingPlan], None], ...] = (
    *ARGUMENT_CHECKS,
    _check_memory,
    _check_time,
    check_training_repeats,
)
"""Each alone; the first that raises is told."""
