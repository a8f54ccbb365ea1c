"""Arguments of the Trainer: a training plan as the fields of ``trl.SFTConfig``, for a described place.

No torch here, and nothing is measured: what a GPU is given can be read, and tested, without one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.records import TrainingPlan
from tools.training.kernels import PLAIN, Kernels
from tools.training.memory import checkpoints
from tools.training.tracking import trainer_arguments


@dataclass(frozen=True)
class Place:
    """What trains, and where."""

    device: str
    """``cuda``, ``mps`` or ``cpu``."""
    bfloat16: bool
    """Whether products are in bfloat16."""
    parameters: int
    processes: int = 1
    kernels: Kernels = PLAIN


def trainer_fields(
    plan: TrainingPlan, rows: int, place: Place, out_dir: Path, tracking: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The fields of ``SFTConfig``.

    Args:
        plan: what is trained.
        rows: how many there are.
        place: the device, and how many processes share the batch.
        out_dir: where the Trainer would write.
        tracking: see ``tools.training.tracking``.
    """
    steps = plan.max_steps
    if steps <= 0:
        steps = math.ceil(plan.num_train_epochs * rows / plan.effective_batch_size)
    return {
        "output_dir": str(out_dir),
        "max_steps": steps,
        "per_device_train_batch_size": plan.per_device_train_batch_size // place.processes,
        "gradient_accumulation_steps": plan.gradient_accumulation_steps,
        "ddp_find_unused_parameters": False,
        "learning_rate": plan.learning_rate,
        "weight_decay": plan.weight_decay,
        "seed": plan.seed,
        "bf16": place.bfloat16,  # autocast: products in bfloat16, trained weights in float32
        "use_cpu": place.device == "cpu",
        "activation_checkpointing": checkpoints(plan, place.parameters),  # a third of the speed
        "neftune_noise_alpha": plan.neftune_noise_alpha,
        "optim": plan.optim,
        "use_liger_kernel": place.kernels.liger,
        "padding_free": place.kernels.padding_free,
        "max_length": None,  # rows that are too long were left out
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "dataloader_pin_memory": place.device == "cuda",
        "save_strategy": "no",
        "disable_tqdm": True,
        **trainer_arguments(tracking, steps),
    }
