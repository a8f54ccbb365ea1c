"""The training method of a base model: full fine-tuning or LoRA, by its size."""

from __future__ import annotations

from tools.dojo import Dojo
from tools.training.learning_rate import Method

FULL_UP_TO_PARAMETERS = 500_000_000
"""Up to this size full fine-tuning is affordable on one GPU and at least as good as LoRA; above it
LoRA matches it on data sets of a few thousand rows ("LoRA Without Regret", Schulman et al. 2025)."""


def method_for(dojo: Dojo) -> Method:
    """Full fine-tuning up to half a billion parameters, LoRA above."""
    return "full" if dojo.base_model.parameters <= FULL_UP_TO_PARAMETERS else "lora"
