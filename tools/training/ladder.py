"""Ladder of savings: the forms of a training plan that need less and less memory, the mildest first.

    smaller batches, accumulated to the same step -> activations computed again -> LoRA -> 4-bit weights
    -> rows over a length left out

Each rung keeps what the ones before it saved, but for the batch, which is again as large as fits.
The formula says on which rung to begin. What ran out of memory is remembered by the formula's figure for
it: nothing that needs as much by the same formula is tried again, so that a formula that is wrong by a
factor on some machine costs a probe or two and no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from memory.recipe import DataCard
from memory.records import Estimate, TrainingPlan
from tools.models.base_model import BaseModel
from tools.training.estimate import DOUBT
from tools.training.memory import CHECKPOINTED_PARAMETERS, longest_batch

LEAST_SAVING = 0.05
"""A form that needs so little less than one that failed is not tried."""
SHORTER = 0.75
"""Each step of the last rung; no shorter than the mean row, half of the rows would be left out."""


def forms(plan: TrainingPlan, lora: TrainingPlan, card: DataCard, four_bit: bool) -> Iterator[TrainingPlan]:
    """Every form of a plan, in the order of the ladder.

    Args:
        plan: as it was drafted.
        lora: the same with LoRA, its own learning rate; ``plan`` itself where that is LoRA.
        card: the rows.
        four_bit: whether 4-bit weights can be had here.
    """
    rungs = [plan]
    if not plan.gradient_checkpointing:
        rungs.append(plan.model_copy(update={"gradient_checkpointing": True}))
    if plan.method == "full":
        rungs.append(lora.model_copy(update={"gradient_checkpointing": True}))
    if four_bit and not plan.load_in_4bit:
        rungs.append(lora.model_copy(update={"gradient_checkpointing": True, "load_in_4bit": True}))
    for rung in rungs:
        yield from _batches(rung)
    length = SHORTER * longest_batch(plan, card).tokens
    while length >= card.mean_tokens:
        yield _of_one(rungs[-1]).model_copy(update={"max_length": int(length)})
        length *= SHORTER


def fitting(
    candidates: Iterator[TrainingPlan],
    estimate: Callable[[TrainingPlan], Estimate],
    formula: Callable[[TrainingPlan], float],
    failed_gib: Sequence[float] = (),
) -> TrainingPlan | None:
    """The first form that is estimated to fit and needs less than what failed; else the last that may.

    None where not even that: the estimate would have to be wrong by more than ``DOUBT``.

    Args:
        candidates: see ``forms``.
        estimate: what a form needs, by what was measured where there is something.
        formula: GiB above the libraries, by formula alone.
        failed_gib: ``formula`` of each form that ran out of memory.
    """
    ceiling = min(failed_gib, default=math.inf) * (1 - LEAST_SAVING)
    least = None
    for plan in candidates:
        if formula(plan) > ceiling:
            continue
        found = estimate(plan)
        if found.fits:
            return plan
        if found.peak_gib <= DOUBT * found.available_gib:
            least = plan
    return least


def in_words(plan: TrainingPlan) -> str:
    """What of a plan decides its memory."""
    batch = f"batches of {plan.per_device_train_batch_size}"
    if plan.gradient_accumulation_steps > 1:
        batch += f" x {plan.gradient_accumulation_steps}"
    parts = ["full fine-tuning" if plan.method == "full" else "LoRA", batch]
    if plan.load_in_4bit:
        parts[0] = "LoRA over 4-bit weights"
    if plan.gradient_checkpointing:
        parts.append("activations computed again")
    return f"{', '.join(parts)}, rows up to {plan.max_length:,} tokens"


def explicit(plan: TrainingPlan, model: BaseModel) -> TrainingPlan:
    """The plan with checkpointing left to the ladder: off at first, also for a large model."""
    if plan.gradient_checkpointing is None and model.parameters > CHECKPOINTED_PARAMETERS:
        return plan.model_copy(update={"gradient_checkpointing": False})
    return plan


def of_batch(plan: TrainingPlan, rows: int) -> TrainingPlan:
    """The plan with so many rows in a step, no more of them in memory at a time than before."""
    times = -(-rows // plan.per_device_train_batch_size)
    return plan.model_copy(
        update={"per_device_train_batch_size": -(-rows // times), "gradient_accumulation_steps": times}
    )


def _batches(plan: TrainingPlan) -> Iterator[TrainingPlan]:
    """Its batch halved down to one row, the step kept as large."""
    yield plan
    step = plan.effective_batch_size
    while plan.per_device_train_batch_size > 1:
        rows = plan.per_device_train_batch_size // 2
        sizes = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": -(-step // rows)}
        plan = plan.model_copy(update=sizes)
        yield plan


def _of_one(plan: TrainingPlan) -> TrainingPlan:
    sizes = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": plan.effective_batch_size}
    return plan.model_copy(update=sizes)
