"""Search space beside learning rate and batch: which fields of a training plan TPE moves, from when on.

Learning rate and batch decide most and are searched from the first trial. Each further field waits until
the trials are enough for one more, in the order in which they matter; until then it stays at its prior,
the plan's own default. So a run of eight experiments never searches six fields with eight points.

A field that can be switched off is two parameters, of which the second exists only where it is on (a
conditional space, Bergstra et al. 2011). ``lora_alpha`` is twice the rank, so that the adapter's scale is
the same at every rank and a rate stays right. The limits lie within those of ``tools.checks.training``, the
gate that a model's and a person's values pass as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memory.training_plan import TrainingPlan
from tools.training.learning_rate import Method

MAX_EPOCHS = 8.0
"""Repeating rows pays up to roughly four to eight times (Muennighoff et al. 2023, arXiv 2305.16264)."""
FIRST_FIELDS = 2
"""Learning rate and batch."""
TRIALS_PER_FIELD = 3
"""For two fields and one more six trials: two random ones that start TPE, and some guided ones."""
ALPHA_PER_RANK = 2
WIDTH_PER_RANK = 4
"""A rank over a quarter of the model's width trains half as many weights as full fine-tuning, and more."""


@dataclass(frozen=True)
class Field:
    """One field of a plan as the optimiser sees it."""

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    switched: bool = False
    """Off (0.0 or None) or within the limits."""
    powers: bool = False
    """Powers of two from ``low`` to ``high``, searched by their exponent."""
    choices: tuple[str, ...] = ()


FIELDS: dict[str, Field] = {
    # Ranks of published adapters; 256 where data is plenty ("LoRA Without Regret", Schulman et al. 2025).
    "lora_r": Field(8, 64, powers=True),
    "num_train_epochs": Field(1.0, MAX_EPOCHS, log=True),
    # NEFTune, arXiv:2310.05914: 5, 10 and 15.
    "neftune_noise_alpha": Field(5.0, 15.0, switched=True),
    # QLoRA, arXiv:2305.14314: 0.05 to 0.1 for models up to 13 billion.
    "lora_dropout": Field(0.02, 0.2, log=True, switched=True),
    "weight_decay": Field(0.01, 0.2, log=True, switched=True),
    "lr_scheduler_type": Field(choices=("cosine", "linear", "warmup_stable_decay")),
}
ORDER: dict[Method, tuple[str, ...]] = {
    "full": ("num_train_epochs", "neftune_noise_alpha", "weight_decay", "lr_scheduler_type"),
    "lora": (
        *("lora_r", "num_train_epochs", "neftune_noise_alpha", "lora_dropout", "weight_decay"),
        "lr_scheduler_type",
    ),
}
"""By method, what is moved first."""


def moved(method: Method, trials: int) -> tuple[str, ...]:
    """The fields that so many trials are enough to move."""
    return ORDER[method][: max(0, trials // TRIALS_PER_FIELD - FIRST_FIELDS + 1)]


def searched_values(plan: TrainingPlan) -> dict[str, Any]:
    """What a plan has in the fields that are searched for its method."""
    return {name: getattr(plan, name) for name in ORDER[plan.method]}


def ask(trial: Any, fields: tuple[str, ...], width: int) -> dict[str, Any]:
    """Fields of a plan as an Optuna trial suggests them; ``lora_alpha`` follows ``lora_r``.

    Args:
        trial: what ``Study.ask`` returned.
        fields: those that are moved.
        width: of the model; bounds the rank.
    """
    values: dict[str, Any] = {}
    for name in fields:
        field = FIELDS[name]
        if field.choices:
            values[name] = trial.suggest_categorical(name, field.choices)
        elif field.switched and not trial.suggest_categorical(_switch(name), (False, True)):
            values[name] = TrainingPlan.model_fields[name].default
        elif field.powers:
            low, high = _exponents(field, width)
            values[name] = 2 ** trial.suggest_int(name, low, high)
        else:
            values[name] = trial.suggest_float(name, field.low, field.high, log=field.log)
    if "lora_r" in values:
        values["lora_alpha"] = ALPHA_PER_RANK * values["lora_r"]
    return values


def told(
    values: Mapping[str, Any], fields: tuple[str, ...], width: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and distributions of a trial that was made with these values, brought into the space.

    Fields of which nothing is known are left out: TPE takes a trial for what it has.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params: dict[str, Any] = {}
    space: dict[str, Any] = {}
    for name in fields:
        if name not in values:
            continue
        field, value = FIELDS[name], values[name]
        if field.choices:
            if value in field.choices:
                params[name], space[name] = value, CategoricalDistribution(field.choices)
            continue
        if field.switched:
            params[_switch(name)] = bool(value)
            space[_switch(name)] = CategoricalDistribution((False, True))
            if not value:
                continue
        if field.powers:
            low, high = _exponents(field, width)
            params[name] = min(max(round(math.log2(value)), low), high)
            space[name] = IntDistribution(low, high)
        else:
            params[name] = min(max(float(value), field.low), field.high)
            space[name] = FloatDistribution(field.low, field.high, log=field.log)
    return params, space


def _switch(name: str) -> str:
    return f"{name} is on"


def _exponents(field: Field, width: int) -> tuple[int, int]:
    most = min(field.high, max(field.low, width / WIDTH_PER_RANK))
    return int(math.log2(field.low)), int(math.log2(most))
