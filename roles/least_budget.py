"""Least budget of a run: what no machine of its kind could do faster, from the headers of the model alone.

A 7B model on a laptop is refused before its weights are read. The speeds are more than hardware of the kind
gives, so nothing is refused here that could be done; what is only slow is found out when the base model
has been scored (``graph.preparation.prepare``), at measured speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from roles.time_split import LEAST_BATCH, LEAST_STEPS
from tasks.base import Sample
from tools.models.base_model import BaseModel
from tools.process.machine import Machine, machine
from tools.training.batch_size import usual_batch_size

MOST_CORE_FLOPS = {"": 3.5e11, "bf16": 7e11, "avx512_bf16": 7e11, "amx_bf16": 1e13}
"""Operations a second of one CPU core by what it multiplies bfloat16 with: in 32 bits two 512-bit products
and sums a cycle, twice as much in 16 bits, 2,048 operations with matrix units, each at some 5 GHz."""
MOST_APPLE_FLOPS = 1e14
"""All of an Apple chip: its largest GPUs do 3e13 in 32 bits, newer ones have matrix units beside."""
MOST_GPU_FLOPS = 2.5e15
"""One data-centre GPU in 16 bits, dense."""
COUNTED_PROMPTS = 100
ANSWER_TOKENS = 8
"""Of an answer, at least."""


def least_budget_seconds(
    model: BaseModel,
    count_tokens: Callable[[str], int],
    validation: Sequence[Sample],
    test_items: int,
    where: Machine | None = None,
) -> float:
    """Wall-clock of the shortest run: base scored, one small experiment, the sealed test read for both."""
    flops = most_flops(where or machine())
    some = validation[:COUNTED_PROMPTS]
    prompt = sum(count_tokens(sample.prompt) for sample in some) / max(len(some), 1)
    row = prompt + ANSWER_TOKENS
    answered = 2 * row * (2 * len(validation) + 2 * test_items)
    trained = 4 * row * LEAST_STEPS * min(LEAST_BATCH, usual_batch_size(row)) / 2
    return model.parameters * (answered + trained) / flops


def most_flops(where: Machine) -> float:
    """Operations a second that no machine of its kind exceeds."""
    if where.gpus:
        return MOST_GPU_FLOPS * len(where.gpus)
    if where.system.startswith("Darwin arm64"):
        return MOST_APPLE_FLOPS
    return MOST_CORE_FLOPS[where.bfloat16_units] * where.cores
