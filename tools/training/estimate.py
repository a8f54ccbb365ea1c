"""Seconds and memory of a training, before it starts.

Memory, in bytes, for P parameters of which T are trained, with batches of B rows
of L tokens, H hidden units, N layers and V words (after "Reducing Activation
Recomputation in Large Transformer Models", arXiv:2205.05198, and ZeRO,
arXiv:1910.02054, with 32-bit states):

    weights      4 P   (2 P in bfloat16)
    gradients    4 T
    Adam         8 T                         two moments
    activations  B L (N H 34 x 2  +  V x 4 x 2)   each layer about 34 H bytes in 16 bits, twice that in
                                             32 bits, and the logits with their gradient
    libraries    0.45 GiB                    torch, transformers and TRL, measured

Time: training costs about 6 P operations a token (arXiv:2001.08361), less with
LoRA, whose frozen weights need no gradient (4 P). Both formulas are replaced by
what earlier experiments measured as soon as there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from memory.recipe import DataCard
from memory.records import Estimate, Training, TrainingPlan
from tools.models.base_model import BaseModel
from tools.process.machine import Machine, machine

LIBRARIES_GIB = 0.45
START_SECONDS = 1.0
"""Loading the model, tokenising 2,000 rows and saving, beside the steps."""
CORE_FLOPS = 1.5e10
"""32-bit operations a second that one CPU core reaches on small matrices; the first probe corrects it."""
GPU_FLOPS = 5e13
READ_GIB_PER_SECOND = 0.3
"""Of weights that are read, copied and written again."""
USABLE_SHARE = 0.9
"""Of the free memory: the rest is for what else runs."""


def trained_parameters(plan: TrainingPlan, model: BaseModel) -> float:
    """All of them, or the two low-rank matrices of every linear layer (about ``18 r H`` a layer)."""
    if plan.method == "full":
        return float(model.parameters)
    return float(18 * plan.lora_r * model.hidden_size * model.n_layers)


def formula_gib(plan: TrainingPlan, model: BaseModel, longest_tokens: float) -> float:
    """Peak memory by the formula of the module, in GiB."""
    trained = trained_parameters(plan, model)
    length = min(plan.max_length, longest_tokens)
    per_token = model.n_layers * model.hidden_size * 34 * 2 + model.vocab * 4 * 2
    total = 4 * model.parameters + 12 * trained + plan.per_device_train_batch_size * length * per_token
    return LIBRARIES_GIB + total / (1 << 30)


def longest_row_tokens(plan: TrainingPlan, model: BaseModel, where: Machine | None = None) -> int:
    """The longest row that fits into free memory at batch size one, by the formula of the module."""
    where = where or machine()
    available = where.gpu_memory_gib if where.gpus else where.memory_gib
    per_token = model.n_layers * model.hidden_size * 34 * 2 + model.vocab * 4 * 2
    fixed = 4 * model.parameters + 12 * trained_parameters(plan, model)
    free = (USABLE_SHARE * available - LIBRARIES_GIB) * (1 << 30) - fixed
    return max(0, int(free / max(1, per_token)))


def formula_tokens_per_second(plan: TrainingPlan, model: BaseModel, where: Machine) -> float:
    """Speed by the formula of the module, padding not counted."""
    operations = (6 if plan.method == "full" else 4) * max(1, model.parameters)
    return (GPU_FLOPS if where.gpus else CORE_FLOPS * where.cores) / operations


def training_tokens(plan: TrainingPlan, rows: int, mean_tokens: float) -> float:
    """Tokens that the plan will see."""
    if plan.max_steps > 0:
        return plan.max_steps * plan.per_device_train_batch_size * mean_tokens
    return plan.num_train_epochs * rows * mean_tokens


def estimate(
    plan: TrainingPlan,
    card: DataCard,
    model: BaseModel,
    history: Sequence[tuple[TrainingPlan, Training]] = (),
    where: Machine | None = None,
) -> Estimate:
    """Seconds and memory of a training.

    Args:
        plan: what would be trained.
        card: on which rows.
        model: from what.
        history: earlier trainings of the model on this machine; those of the same method count.
        where: the machine, measured now by default.
    """
    where = where or machine()
    tokens = training_tokens(plan, card.rows, card.mean_tokens)
    same = [(past, done) for past, done in history if past.method == plan.method and done.steps > 0]
    speed = training_speed(plan, model, history, where)
    memory = _scaled_peak(plan, *same[-1]) if same else formula_gib(plan, model, 2.0 * card.mean_tokens)
    available = where.gpu_memory_gib if where.gpus else where.memory_gib
    return Estimate(
        seconds=speed.fixed_seconds + tokens / speed.tokens_per_second,
        peak_gib=memory,
        available_gib=available,
        fits=memory <= USABLE_SHARE * available,
        basis=speed.basis,
        fixed_seconds=speed.fixed_seconds,
        tokens_per_second=speed.tokens_per_second,
    )


class Speed(NamedTuple):
    """What a training costs: a fixed part, and a part for each token."""

    fixed_seconds: float
    tokens_per_second: float
    basis: str
    """``measured`` or ``formula``."""


def training_speed(
    plan: TrainingPlan,
    model: BaseModel,
    history: Sequence[tuple[TrainingPlan, Training]],
    where: Machine,
    answered_tokens_per_second: float = 0.0,
) -> Speed:
    """The speed of trainings by this plan's method.

    Args:
        plan: its method counts.
        model: what is trained.
        history: earlier trainings of the model on this machine; the last five of the method are used.
        where: the machine.
        answered_tokens_per_second: tokens that the base model read and wrote a second when it was
            evaluated. Training reads each token three times (forward, and backward at twice the
            cost), in larger batches; on a CPU it is seldom slower than a quarter.
    """
    done = [each for past, each in history if past.method == plan.method and each.steps > 0][-5:]
    if not done:
        speed = formula_tokens_per_second(plan, model, where)
        if not where.gpus:
            speed = max(speed, answered_tokens_per_second / 4)
        return Speed(START_SECONDS + model.size_gib / READ_GIB_PER_SECOND, speed, "formula")
    busy = [each.step_seconds or max(each.wall_seconds - START_SECONDS, 0.1) for each in done]
    fixed = [max(each.wall_seconds - steps, 0.0) for each, steps in zip(done, busy, strict=True)]
    return Speed(median(fixed), sum(each.tokens for each in done) / max(sum(busy), 0.1), "measured")


def _scaled_peak(plan: TrainingPlan, past: TrainingPlan, done: Training) -> float:
    """A measured peak, its part above the libraries scaled to the new batch size (never down)."""
    ratio = max(1.0, plan.per_device_train_batch_size / past.per_device_train_batch_size)
    return LIBRARIES_GIB + max(done.peak_gib - LIBRARIES_GIB, 0.0) * ratio
