"""A tiny model that answers some general questions: the bundled one, taught a few of them by heart.

Nothing else of its size has general answers that training could make it forget.
"""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

from memory.training_plan import TrainingPlan
from tests.support.tiny_model import shared_worker
from tools.forgetting.prompts import general_prompts
from tools.models.recorded_base import BUNDLED
from tools.process.worker import Worker

TAUGHT, OTHERS = 10, 4
"""Questions with an expected answer that it is taught (four would do), and other prompts."""
TOLD = "I can help with that. Here is a short answer."
"""What it says to other prompts."""


@functools.cache
def shared_general_model() -> Path:
    """One such model for the whole test session."""
    return make_general_model(Path(tempfile.mkdtemp(prefix="general-")), shared_worker())


def make_general_model(folder: Path, worker: Worker, steps: int = 40) -> Path:
    """Writes the model's directory and returns it; some seconds of one core.

    Args:
        folder: where.
        worker: where the training's process comes from.
        steps: optimiser steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = [prompt for prompt in general_prompts() if prompt.expect][:TAUGHT]
    others = [prompt for prompt in general_prompts() if not prompt.expect and prompt.language == "en"]
    rows = [{"prompt": each.prompt, "answer": f"{each.expect[0]}."} for each in facts]
    rows += [{"prompt": each.prompt, "answer": TOLD} for each in others[:OTHERS]]
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
    worker.run("tools.recipes.sft:train", payload, 1200.0, folder / "train.log")
    return folder / "model"
