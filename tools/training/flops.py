"""FLOPs of a training token, and what a device can do at most: the two halves of MFU.

Model FLOPs utilisation (PaLM, arXiv:2204.02311, appendix B) counts what the model needs, not what a
program does: activations that are computed again, and padding, make it smaller.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

PEAK_FLOPS = {
    "B200": 2250e12,
    "H200": 989e12,
    "GH200": 989e12,
    "H800": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H20": 148e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A40": 150e12,
    "A30": 165e12,
    "A10": 125e12,
    "A10G": 70e12,
    "RTX 6000 Ada": 364e12,
    "RTX A6000": 155e12,
    "RTX 5090": 209e12,
    "RTX 5080": 113e12,
    "RTX 5070 Ti": 88e12,
    "RTX 5070": 62e12,
    "RTX 4090": 165e12,
    "RTX 4080": 97e12,
    "RTX 3090 Ti": 80e12,
    "RTX 3090": 71e12,
    "RTX 3080": 60e12,
    "MI325X": 1307e12,
    "MI300X": 1307e12,
    "MI250X": 191e12,
    "MI250": 181e12,
    "MI210": 181e12,
}
"""Dense bfloat16 FLOP/s with float32 sums of one device, by a part of its name: the makers' data sheets. An
MI250's two dies are two devices."""

OTHER_CARDS = {"ti", "super", "d", "laptop", "max-q", "mig"}
"""Words after a name that make another card of it, or a part of one."""


def peak_flops(device_name: str) -> float | None:
    """FLOP/s in bfloat16 of a GPU by its name, such as ``NVIDIA H100 80GB HBM3``; None for unknown ones."""
    words = re.split(r"[\s/]+|-(?!q)", device_name.lower())
    for name, flops in PEAK_FLOPS.items():
        wanted = name.lower().split()
        for at in range(len(words)):
            if words[at : at + len(wanted)] == wanted:
                return None if OTHER_CARDS & set(words[at + len(wanted) :]) else flops
    return None


def flops_per_token(parameters: int, trained: int, layers: int, hidden: int, length: float) -> float:
    """FLOPs of one token of training, forward and backward.

    Args:
        parameters: those that take part in a product: all but an input embedding that is no output layer.
        trained: how many of them change; frozen weights need no gradient of their own.
        layers: attention layers.
        hidden: their width.
        length: tokens of a row.

    Returns:
        2 a parameter forward, 2 for the gradient of its input and 2 for its own where it is trained;
        12 x layers x hidden x length for attention, a third less where nearly all is frozen.
    """
    changing = min(trained, parameters)
    attention = 12 if changing > parameters / 2 else 8
    return 4.0 * parameters + 2.0 * changing + attention * layers * hidden * length


def model_flops_per_token(model: Any, length: float) -> float:
    """``flops_per_token`` of a loaded transformers model that is about to be trained on rows of a length."""
    table, output = model.get_input_embeddings(), model.get_output_embeddings()
    looked_up = [table] if output is None or output.weight is not table.weight else []
    return flops_per_token(*_size(model, looked_up), length=length)


def body_size(model: Any) -> tuple[int, int, int, int]:
    """The first four arguments of ``flops_per_token`` without the embedding and the output layer, which not
    every token meets."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    return _size(model, [each for each in ends if each is not None])


def _size(model: Any, without: Sequence[Any]) -> tuple[int, int, int, int]:
    weights = {id(each): each for each in model.parameters()}
    for module in without:
        weights.pop(id(module.weight), None)
    total = sum(each.numel() for each in weights.values())
    trained = sum(each.numel() for each in weights.values() if each.requires_grad)
    config = model.config.get_text_config()
    return total, trained, config.num_hidden_layers, config.hidden_size
