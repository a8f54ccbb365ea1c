"""A model trained on and on by different methods, each time from the directory that the last one left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.models.adapter import save_adapter
from tools.models.load import load_model, load_tokenizer

METHODS: dict[str, dict[str, Any] | None] = {
    "full": None,
    "lora": {},
    "rslora": {"use_rslora": True, "r": 8},
    "dora": {"use_dora": True},
    "lora_one_layer": {"target_modules": ["q_proj", "up_proj", "down_proj"], "layers_to_transform": [0]},
    "lora_regex": {"target_modules": r".*\.(q_proj|down_proj)"},
    "embeddings": {"modules_to_save": ["norm"]},
}
"""Settings of ``LoraConfig`` by method; None trains every weight."""
TEXTS = ("copy the word 3: word 3", "what is the answer to the question: stop", "the word and the answer")


@dataclass
class Trained:
    """One link."""

    folder: Path
    before: float
    """Loss at the start."""
    after: float
    """Loss at the end of training, of the model in memory."""


def batch_of(folder: Path) -> dict[str, Any]:
    import torch

    tokenizer = load_tokenizer(folder)
    ids = [tokenizer(text)["input_ids"][:16] for text in TEXTS]
    width = min(map(len, ids))
    return {"input_ids": torch.tensor([row[:width] for row in ids])}


def loss_of(model: Any, batch: dict[str, Any]) -> float:
    import torch

    with torch.inference_mode():
        return float(model.eval()(**batch, labels=batch["input_ids"]).loss)


def loaded_loss(folder: Path, batch: dict[str, Any]) -> float:
    return loss_of(load_model(folder), batch)


def train_on(
    start: Path, folder: Path, method: str, batch: dict[str, Any], steps: int = 6, rate: float = 1e-2
) -> Trained:
    """Trains from ``start`` and saves as a run does."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model, settings = load_model(start), METHODS[method]
    if settings is not None:
        chosen = {
            "r": 4,
            "lora_alpha": 8,
            "target_modules": "all-linear",
            "task_type": "CAUSAL_LM",
        } | settings
        model = get_peft_model(model, LoraConfig(**chosen))
    before = loss_of(model, batch)
    optimiser = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=rate)
    for _ in range(steps):
        model.train()(**batch, labels=batch["input_ids"]).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    after = loss_of(model, batch)
    if settings is None:
        model.save_pretrained(str(folder))
    else:
        save_adapter(model, start, folder)
    return Trained(folder, before, after)
