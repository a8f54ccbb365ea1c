"""Ladder of savings: the forms of a training plan that need less and less memory, the mildest first.

    smaller batches, accumulated to the same step -> activations computed again -> shared out among all GPUs
    -> moments in 8 bits, paged -> LoRA -> LoRA shared out -> 4-bit weights -> rows over a length left out

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
from tools.training.ranks import processes_for

LEAST_SAVING = 0.05
"""A form that needs so little less than one that failed is not tried."""
SHORTER = 0.75
"""Each step of the last rung; no shorter than the mean row, half of the rows would be left out."""


def forms(
    plan: TrainingPlan, lora: TrainingPlan, card: DataCard, bitsandbytes: bool, devices: int = 1
) -> Iterator[TrainingPlan]:
    """Every form of a plan, in the order of the ladder.

    Args:
        plan: as it was drafted.
        lora: the same with LoRA, its own learning rate; ``plan`` itself where that is LoRA.
        card: the rows.
        bitsandbytes: whether its 4-bit weights and 8-bit moments can be had here.
        devices: GPUs among which a model can be shared out.
    """
    last = plan
    for rung in _rungs(plan, lora, bitsandbytes, devices):
        for last in _batches(rung, devices):
            yield last
    length = SHORTER * longest_batch(plan, card).tokens
    while length >= card.mean_tokens:
        yield last.model_copy(update={"max_length": int(length)})
        length *= SHORTER


def _rungs(plan: TrainingPlan, lora: TrainingPlan, bitsandbytes: bool, devices: int) -> list[TrainingPlan]:
    """The forms, each at its full batch."""
    saving = {"gradient_checkpointing": True}
    rungs = [plan]
    if not plan.gradient_checkpointing:
        rungs.append(plan.model_copy(update=saving))
    shared = devices > 1 and not plan.load_in_4bit
    if shared and plan.method == "full":
        rungs.append(plan.model_copy(update=saving | {"fsdp": True}))
    if plan.method == "full":
        if bitsandbytes:
            # Paged: what does not fit for a moment waits in the machine's memory.
            rungs.append(plan.model_copy(update=saving | {"optim": "paged_adamw_8bit"}))
        rungs.append(lora.model_copy(update=saving))
    if shared:
        rungs.append(lora.model_copy(update=saving | {"fsdp": True}))
    if bitsandbytes and not plan.load_in_4bit:
        rungs.append(lora.model_copy(update=saving | {"load_in_4bit": True}))
    return rungs


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
    if plan.fsdp:
        parts[0] += " shared out among the GPUs"
    if plan.optim != "adamw_torch_fused":
        parts.append("moments in 8 bits")
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


def _batches(plan: TrainingPlan, devices: int) -> Iterator[TrainingPlan]:
    """Its batch halved down to one row, the step kept as large; a model is shared out with a row for each."""
    step = plan.effective_batch_size
    while True:
        # An odd number of devices, or of rows, leaves some without work.
        if not plan.fsdp or processes_for(plan.per_device_train_batch_size, devices) > 1:
            yield plan
        if plan.per_device_train_batch_size == 1:
            return
        rows = plan.per_device_train_batch_size // 2
        sizes = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": -(-step // rows)}
        plan = plan.model_copy(update=sizes)
