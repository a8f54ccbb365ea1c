"""The learning rates worth trying, by method and width of the model."""

from __future__ import annotations

from math import log
from typing import Literal

Method = Literal["lora", "full"]

# One law by width, through what was measured and what is published. Full fine-tuning: 5e-4 to 4e-3 on the
# bundled model (128 wide, measured), 3e-4 on SmolLM2-135M (576, measured: 74.0 where 9e-4 gave 9.4), about
# 1e-4 at half a billion parameters (896), 2e-5 at seven billion (4096; Alpaca, Taori et al. 2023). LoRA
# wants about ten times the rate of full fine-tuning ("LoRA Without Regret", Schulman et al. 2025) and is
# published at 1e-4 to 2e-4 for seven billion (QLoRA, arXiv 2305.14314).
REFERENCE_WIDTH = 128
WIDTH_EXPONENT = 1.25
REFERENCE_RANGE: dict[Method, tuple[float, float]] = {"full": (5e-4, 4e-3), "lora": (2e-3, 2e-2)}


def learning_rate_range(method: Method, hidden_size: int) -> tuple[float, float]:
    """Lower and upper learning rate for a method at a model width."""
    scale = (REFERENCE_WIDTH / max(hidden_size, REFERENCE_WIDTH)) ** WIDTH_EXPONENT
    low, high = REFERENCE_RANGE[method]
    return low * scale, high * scale


def place_of_rate(rate: float, method: Method, hidden_size: int) -> float:
    """Where a rate lies in the range, in logarithm: 0.0 at its lower end, 1.0 at the upper.

    It means about the same for models of different widths, which the rate itself does not.
    """
    low, high = learning_rate_range(method, hidden_size)
    return log(rate / low) / log(high / low)


def rate_at(place: float, method: Method, hidden_size: int) -> float:
    """The rate at a place in the range."""
    low, high = learning_rate_range(method, hidden_size)
    return float(low * (high / low) ** place)
