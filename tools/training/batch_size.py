"""The effective batch in tokens: how many rows make one optimiser step.

Sixteen rows are a batch in which the rows are short. Of long rows they hold so many tokens that a training of
minutes has few steps, and steps are what it learns by: small batches train as well as large ones at a rate
that fits them (Marek et al. 2025, arXiv:2507.07101). So the rows of a batch are halved until a step holds no
more than ``STEP_TOKENS``, and the rate falls with the square root of the batch, as suits Adam (Malladi et al.
2022, arXiv:2205.10343).
"""

from __future__ import annotations

import math

USUAL_ROWS, LEAST_ROWS = 16, 4
STEP_TOKENS = 4096
"""Tokens in one optimiser step, at most, while more than ``LEAST_ROWS`` rows are in it. A judgement:
rows of the synthetic editions are shorter than it touches, and on long rows nothing was measured."""


def usual_batch_size(row_tokens: float) -> int:
    """Rows in one optimiser step: a power of two from ``LEAST_ROWS`` to ``USUAL_ROWS``.

    Args:
        row_tokens: tokens of a row on average, prompt and answer; 0.0 where they are not known.
    """
    rows = USUAL_ROWS
    while rows > LEAST_ROWS and rows * row_tokens > STEP_TOKENS:
        rows //= 2
    return rows


def rate_factor(batch_size: int) -> float:
    """What a learning rate for ``USUAL_ROWS`` is multiplied by for a smaller batch."""
    return math.sqrt(min(1.0, batch_size / USUAL_ROWS))
