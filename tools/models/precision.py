"""Precision: the number type in which a model is trained and answers, by device, size and measurement.

bfloat16 halves the memory of weights and is several times as fast where the hardware multiplies
in it, and as much slower where it is emulated or where a model is so small that conversions
cost more than products: the bundled model of 1 M parameters trains ten times slower in it.
So on a CPU a product of the model's own width is timed once in both types, and small models
stay in float32 everywhere.
"""

from __future__ import annotations

import functools
import time
from typing import Any, Literal

from tools.process.machine import available_gib

Dtype = Literal["float32", "bfloat16"]
NARROW_WIDTH = 256
"""Hidden units up to which a model stays in float32 on every device."""
LEAST_GAIN = 1.5
"""How many times faster a product in bfloat16 must be on a CPU: beside it, types are converted."""
TIMED_TOKENS, TIMED_ROUNDS = 256, 5


def device() -> str:
    """``cuda`` (NVIDIA, and AMD through ROCm), ``mps`` (Apple), otherwise ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def fast_dtype(width: int) -> Dtype:
    """The faster type for a model of this many hidden units on this machine's device."""
    if width <= NARROW_WIDTH:
        return "float32"
    return "bfloat16" if _multiplies_in_bfloat16(device(), width) else "float32"


def width_of(model: Any) -> int:
    """Hidden units of a loaded model."""
    config = model.config.get_text_config()
    return int(getattr(config, "hidden_size", 0) or getattr(config, "n_embd", 0))


def free_bytes(where: Any) -> float:
    """Free memory of a torch device; of the machine where the device has none of its own."""
    import torch

    if where.type == "cuda":
        return float(torch.cuda.mem_get_info(where)[0])
    return available_gib() * (1 << 30)


@functools.cache
def _multiplies_in_bfloat16(where: str, width: int) -> bool:
    import torch

    if where == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if where == "mps" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return _product_seconds(torch.float32, width) >= LEAST_GAIN * _product_seconds(torch.bfloat16, width)


def _product_seconds(dtype: Any, width: int) -> float:
    """CPU seconds of one thread, the least of some rounds: on a busy machine wall-clock says nothing."""
    import torch

    rows, weights = torch.ones(TIMED_TOKENS, width, dtype=dtype), torch.ones(width, 4 * width, dtype=dtype)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = []
        for _ in range(TIMED_ROUNDS + 1):
            started = time.thread_time()
            torch.mm(rows, weights)
            seconds.append(time.thread_time() - started)
        return min(seconds[1:])
    finally:
        torch.set_num_threads(threads)
