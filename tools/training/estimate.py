"""Seconds and memory of a training, before it starts.

Memory by ``tools.training.memory``, time by about 6 P operations a token (arXiv:2001.08361), less with
LoRA, whose frozen weights need no gradient (4 P). Both formulas are corrected by what earlier experiments
measured as soon as there is one.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from memory.recipe import DataCard
from memory.records import Estimate, Training, TrainingPlan
from tools.models.base_model import BaseModel
from tools.process.machine import Machine, machine
from tools.training.memory import USUAL_ANSWER_SHARE, LongestBatch, longest_batch, memory_need

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
DOUBT = 1.25
"""The formula may be wrong by so much (measured: a fifth at most, docs/hardware.md)."""
MOST_TOKENS = 1 << 20
"""Where the search for the longest row that fits ends."""


def formula_gib(
    plan: TrainingPlan, model: BaseModel, batch: LongestBatch, where: Machine | None = None
) -> float:
    """Peak memory by the formula, libraries included, in GiB."""
    where = where or machine()
    return LIBRARIES_GIB + memory_need(plan, model, batch, where).peak_gib


def available_gib(where: Machine) -> float:
    """Free memory of the device that trains."""
    return where.gpu_memory_gib if where.gpus else where.memory_gib


def longest_row_tokens(plan: TrainingPlan, model: BaseModel, where: Machine | None = None) -> int:
    """The longest row that fits into free memory at batch size one with every saving but 4-bit weights."""
    where = where or machine()
    least = {"per_device_train_batch_size": 1, "gradient_checkpointing": True}
    savings = [plan.model_copy(update=least), plan.model_copy(update=least | {"method": "lora"})]

    def fits(tokens: int) -> bool:
        batch = LongestBatch(1, tokens, USUAL_ANSWER_SHARE * tokens)
        room = USABLE_SHARE * available_gib(where)
        return any(formula_gib(each, model, batch, where) <= room for each in savings)

    return bisect.bisect_left(range(1, MOST_TOKENS), True, key=lambda tokens: not fits(tokens))


def formula_tokens_per_second(plan: TrainingPlan, model: BaseModel, where: Machine) -> float:
    """Speed by the formula of the module, padding not counted."""
    operations = (6 if plan.method == "full" else 4) * max(1, model.parameters)
    return (GPU_FLOPS if where.gpus else CORE_FLOPS * where.cores) / operations


def training_tokens(plan: TrainingPlan, rows: int, mean_tokens: float) -> float:
    """Tokens that the plan will see."""
    if plan.max_steps > 0:
        return plan.max_steps * plan.effective_batch_size * mean_tokens
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
    memory = formula_gib(plan, model, longest_batch(plan, card), where)
    if same:
        # A process that had room holds holes beside its tensors, and closes them where there is none.
        most = math.inf if where.gpus else DOUBT * memory
        memory = min(_scaled_peak(memory, *same[-1], card, model, where), most)
    available = available_gib(where)
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
    answered_tokens_per_second: Callable[[], float] = lambda: 0.0,
) -> Speed:
    """The speed of trainings by this plan's method.

    Args:
        plan: its method counts.
        model: what is trained.
        history: earlier trainings of the model on this machine; the last five of the method are used.
        where: the machine.
        answered_tokens_per_second: tokens that the base model read and wrote a second when it was
            evaluated; asked for only where nothing was measured. Training reads each token three times
            (forward, and backward at twice the cost), in larger batches; on a CPU it is seldom slower
            than a quarter.
    """
    done = [each for past, each in history if past.method == plan.method and each.steps > 0][-5:]
    if not done:
        speed = formula_tokens_per_second(plan, model, where)
        if not where.gpus:
            speed = max(speed, answered_tokens_per_second() / 4)
        return Speed(START_SECONDS + model.size_gib / READ_GIB_PER_SECOND, speed, "formula")
    busy = [each.step_seconds or max(each.wall_seconds - START_SECONDS, 0.1) for each in done]
    fixed = [max(each.wall_seconds - steps, 0.0) for each, steps in zip(done, busy, strict=True)]
    return Speed(median(fixed), sum(each.tokens for each in done) / max(sum(busy), 0.1), "measured")


def _scaled_peak(
    formula: float, past: TrainingPlan, done: Training, card: DataCard, model: BaseModel, where: Machine
) -> float:
    """A measured peak, its part above the libraries scaled as the formula says; never down.

    The earlier training's rows are taken to be as long as these: its card is not at hand.
    """
    before = formula_gib(past, model, longest_batch(past, card), where)
    ratio = (formula - LIBRARIES_GIB) / max(before - LIBRARIES_GIB, 1e-6)
    return LIBRARIES_GIB + max(done.peak_gib - LIBRARIES_GIB, 0.0) * max(1.0, ratio)
