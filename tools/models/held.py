"""Held models: what a process has loaded and keeps, so that the next job does not read it again.

A process that does one job never notices. A resident one (``tools.process.resident_child``)
holds the base model and the latest trained one, each as it is on disk: whoever changes weights
takes a copy. The kept ones are found by directory and by what the files look like now (names,
sizes, times), so a directory that was written anew is read anew.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from tools.models.adapter import base_dir, is_adapter, whole_base
from tools.models.architecture import read_config
from tools.models.load import load_model
from tools.models.precision import Dtype, device, fast_dtype, free_bytes, width_of

MOST_HELD = 2
"""The base, and the weights that the latest training began from or ended with."""
LARGEST_SHARE = {"float32": 0.1, "bfloat16": 0.25}
"""Of the device's free memory, the largest model that is kept, by its type: full fine-tuning, in float32,
needs several times as much beside it; LoRA works on the kept one itself."""

_held: dict[tuple[Any, ...], Any] = {}
"""By directory, state of the files and type; the least recently used first."""


def held_model(model_dir: Path, dtype: str | None = None) -> Any:
    """The model on this machine's device, in evaluation mode; its weights must not be changed.

    Args:
        model_dir: a model or an adapter directory.
        dtype: ``float32`` or ``bfloat16``; by default the faster one for its width.
    """
    dtype = dtype or dtype_of(model_dir)
    key = (_state(model_dir), dtype)
    model = _held.pop(key, None)
    if model is None:
        model = load_model(model_dir, dtype).to(device())
    _keep(key, model)
    return model.eval()


def copy_of_held(model_dir: Path, dtype: str) -> Any:
    """A model whose weights may be changed: a copy of the held one, where there is room for both."""
    model = held_model(model_dir, dtype)
    if (_state(model_dir), dtype) in _held:
        model = copy.deepcopy(model)
    return model.requires_grad_(True)


def hold(model_dir: Path, model: Any) -> None:
    """Keeps a model that stands in ``model_dir``, as it was taken or just written: nobody need read it."""
    import torch

    dtype = fast_dtype(width_of(model))
    _keep((_state(model_dir), dtype), model.to(device(), dtype=getattr(torch, dtype)))


def taken_model(model_dir: Path) -> Any:
    """The model in the faster type, for a caller who changes it: it is held no longer, until ``hold``."""
    model = held_model(model_dir)
    for key in [key for key, kept in _held.items() if kept is model]:
        del _held[key]
    return model


def _keep(key: tuple[Any, ...], model: Any) -> None:
    size = sum(weights.numel() * weights.element_size() for weights in model.parameters())
    if size > LARGEST_SHARE[key[1]] * (free_bytes(model.device) + size):
        return
    while len(_held) >= MOST_HELD:
        _held.pop(next(iter(_held)))
    _held[key] = model


def dtype_of(model_dir: Path) -> Dtype:
    """The faster type on this machine for a model directory; only its configuration is read."""
    return fast_dtype(_width(model_dir))


def _width(model_dir: Path) -> int:
    config = read_config(whole_base(model_dir))
    text = config.get("text_config") or config
    return int(text.get("hidden_size") or text.get("n_embd") or text.get("d_model") or 0)


def _state(folder: Path) -> tuple[Any, ...]:
    files = [
        file for file in sorted(folder.iterdir()) if file.suffix in (".safetensors", ".json", ".bin", ".gguf")
    ]
    found = tuple((str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return (*found, *_state(base_dir(folder))) if is_adapter(folder) else found
