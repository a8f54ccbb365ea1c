"""Prefix trees in training: what a step costs with them and without, and whether both come to the same.

    python -m tests.bench.prefix_trees rows.jsonl [--base-model smollm2-135m] [--method full] [--steps 12]

Each line of the file is a row with ``prompt`` and ``answer``, as a run's data sets hold them. Both trainings
see the same rows in the same order, one after the other; told are CPU seconds a step, one thread.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from memory.records import TrainingPlan
from tools.models.base_model import resolve_base_model

SETTLING_STEPS = 2
"""At the beginning, not counted: libraries set themselves up."""


def main(
    rows: Annotated[Path, typer.Argument(help="JSONL with prompt and answer.")],
    base_model: Annotated[str, typer.Option(help="Name, directory or Hub id.")] = "smollm2-135m",
    method: Annotated[str, typer.Option(help="full or lora.")] = "full",
    steps: Annotated[int, typer.Option(help="Of each, besides the first two.")] = 12,
    batch: Annotated[int, typer.Option(help="Rows of a step.")] = 16,
) -> None:
    """Train both ways, print a line each."""
    import torch

    torch.set_num_threads(1)
    plan = TrainingPlan(
        method="full" if method == "full" else "lora",
        max_steps=steps + SETTLING_STEPS,
        per_device_train_batch_size=batch,
        warmup_steps=2,
        early_stopping=False,
        average_weights=False,
    )
    model = resolve_base_model(base_model).path
    found = {way: _trained(plan, model, rows, way == "trees") for way in ("padded", "trees")}
    for way, (seconds, losses, remark) in found.items():
        middle = statistics.median(seconds[SETTLING_STEPS:])
        whole = sum(seconds[SETTLING_STEPS:]) / steps
        told = ", ".join(f"{loss:.5f}" for loss in (losses[0], losses[1], losses[-1]))
        typer.echo(
            f"{way:7} {middle:6.2f} CPU s in the middle, {whole:6.2f} on average, losses {told} {remark}"
        )


def _trained(
    plan: TrainingPlan, model: Path, rows: Path, trees: bool
) -> tuple[list[float], list[float], str]:
    """CPU seconds and loss of each step, and what the trees say of themselves."""
    from transformers import TrainerCallback

    from tools.recipes.sft import build_trainer

    class Clock(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.ends = [time.process_time()]

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        trainer, _ = build_trainer(plan, model, rows, Path(folder))
        if not trees:
            trainer.trees = None
        clock = Clock()
        trainer.add_callback(clock)
        trainer.train()
        seconds = [after - before for before, after in zip(clock.ends, clock.ends[1:], strict=False)]
        return seconds, trainer.losses, "; ".join(trainer.trees.remark() if trainer.trees else [])


if __name__ == "__main__":
    typer.run(main)
