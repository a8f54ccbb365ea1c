"""Jobs for a worker: batches computed as prefix trees beside the same batches, padded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    PretrainedConfig,
    Qwen3Config,
)

from memory.records import TrainingPlan
from tools.recipes.answer_logits import answer_logits, padded_logits, tree_forward
from tools.recipes.arguments import Place

WORDS, WIDTH = 60, 32
SMALL = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}
CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**SMALL),
    "qwen3": lambda: Qwen3Config(**SMALL, head_dim=8),
    "gemma2": lambda: Gemma2Config(**SMALL, head_dim=8, attn_implementation="eager"),
    "gpt2": lambda: GPT2Config(
        vocab_size=WORDS, n_embd=WIDTH, n_layer=2, n_head=4, n_positions=128, initializer_range=0.3
    ),
    "gpt_neox": lambda: GPTNeoXConfig(**SMALL | {"num_key_value_heads": 4}),
    "mistral": lambda: MistralConfig(**SMALL, sliding_window=8),
    "opt": lambda: OPTConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        word_embed_proj_dim=WIDTH,
        max_position_embeddings=128,
        dropout=0.0,
        init_std=0.3,
    ),
    "falcon": lambda: FalconConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        alibi=True,
        initializer_range=0.3,
    ),
    "bloom": lambda: BloomConfig(
        vocab_size=WORDS, hidden_size=WIDTH, n_layer=2, n_head=4, initializer_range=0.3
    ),
    "mamba": lambda: MambaConfig(
        vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=2, state_size=4, initializer_range=0.3
    ),
}


def both_ways(payload: dict[str, Any]) -> dict[str, Any]:
    """One batch by padded rows and as a tree, on a model of an architecture with random weights.

    Args:
        payload: ``architecture``, ``rows``, ``labels``, and ``own_positions`` for a model that counts them
            itself.

    Returns:
        Loss and norm of the gradient of each way, whether the tree was taken, and what was remarked.
    """
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[payload["architecture"]]()).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    if payload.get("own_positions"):
        forward = model.forward
        model.forward = lambda position_ids=None, **inputs: forward(**inputs)
    inputs = batch(payload["rows"], payload["labels"])
    remarks: list[str] = []
    place = Place("cpu", bfloat16=False, parameters=0)
    trees = tree_forward(model, TrainingPlan(method="full"), place, remarks)
    assert trees is not None
    treed = measured(model, answer_logits(model, inputs, trees))
    padded = measured(model, padded_logits(model, inputs))
    return {
        "tree": treed,
        "padded": padded,
        "taken": bool(trees.agrees) and trees.computed < trees.padded,
        "remarks": remarks + trees.remark(),
    }


def batch(rows: list[list[int]], labels: list[list[int]]) -> dict[str, torch.Tensor]:
    """Rows padded on the right."""
    longest = max(len(row) for row in rows)

    def padded(lists: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([each + [value] * (longest - len(each)) for each in lists])

    mask = padded([[1] * len(row) for row in rows], 0)
    return {"input_ids": padded(rows, 0), "labels": padded(labels, -100), "attention_mask": mask}


def measured(model: Any, found: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Loss, norm of its gradient, and of each row the tokens that carry loss."""
    logits, labels, wanted = found
    loss = torch.nn.functional.cross_entropy(logits.float(), labels)
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norms = [each.grad.norm() for each in model.parameters() if each.grad is not None]
    return {
        "loss": float(loss),
        "gradient": float(torch.stack(norms).norm()),
        "labels": labels.tolist(),
        "of_rows": wanted.sum(dim=1).tolist(),
    }
