"""The learning rates worth trying, by method and width of the model."""

from __future__ import annotations

from typing import Literal

Method = Literal["lora", "full"]

# Bounds: full fine-tuning of small models is stable up to about 5e-3 with Adam and warm-up, and slow
# under a tenth of that; a range this narrow suits the handful of trials that a run can afford. LoRA
# wants about ten times the rate of full fine-tuning ("LoRA Without Regret", Schulman et al. 2025).
# Large models need smaller rates, so the upper end falls with the square root of the width.
REFERENCE_WIDTH = 128
LARGE_WIDTH = 1024
"""Above it: billions of parameters, where published SFT recipes stay near 1e-5 (full) and 2e-4 (LoRA)."""


def learning_rate_range(method: Method, hidden_size: int) -> tuple[float, float]:
    """Lower and upper learning rate for a method at a model width."""
    scale = (REFERENCE_WIDTH / max(hidden_size, REFERENCE_WIDTH)) ** 0.5
    low, high = (5e-4, 4e-3) if method == "full" else (2e-3, 2e-2)
    if hidden_size > LARGE_WIDTH:
        return (2e-6, 4e-5) if method == "full" else (5e-5, 1e-3)
    return low * scale, high * scale
