"""A tiny model that answers some general questions: the bundled one, taught a few of them by heart.

Nothing else of its size has general answers that training could make it forget.
"""

from __future__ import annotations

import json
from pathlib import Path

from memory.training_plan import TrainingPlan
from tools.forgetting.prompts import general_prompts
from tools.models.recorded_base import BUNDLED
from tools.process.worker import Worker

TAUGHT = 12
"""Questions with an expected answer that it is taught; four would do."""
TOLD = "I can help with that. Here is a short answer."
"""What it says to other prompts."""


def make_general_model(folder: Path, worker: Worker, steps: int = 60) -> Path:
    """Writes the model's directory and returns it; about ten seconds of one core.

    Args:
        folder: where.
        worker: where the training's process comes from.
        steps: optimiser steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = [prompt for prompt in general_prompts() if prompt.expect][:TAUGHT]
    others = [prompt for prompt in general_prompts() if not prompt.expect and prompt.language == "en"]
    rows = [{"prompt": each.prompt, "answer": f"{each.expect[0]}."} for each in facts]
    rows += [{"prompt": each.prompt, "answer": TOLD} for each in others]
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    plan = TrainingPlan(
        method="full",
        learning_rate=3e-3,
        max_steps=steps,
        per_device_train_batch_size=len(rows),
        max_length=256,
        warmup_steps=5,
    )
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(BUNDLED / "ftdojo-mini"),
        "data_path": str(data),
        "out_dir": str(folder / "model"),
        "threads": worker.threads,
    }
    worker.run("tools.recipes.sft:train", payload, 300.0, folder / "train.log")
    return folder / "model"
