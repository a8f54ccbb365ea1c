"""Compiled layers of a model that is being trained, and back: the hands of ``tools.training.compilation``.

Each repeated layer is compiled by itself, in place: layers share their code, so the compiler works once for
all of them, and what is saved or held afterwards is the same model.
"""

from __future__ import annotations

from typing import Any

import torch

from tools.training.compilation import Outcome, Trial

BACKEND = "inductor"

_known: dict[tuple[str, int, bool], Outcome] = {}
"""What trials of this process measured, by the kind of model and of training."""


def trial_on(model: Any) -> Trial:
    """A trial of compiling the layers of a model."""
    # What cannot be compiled runs as it is.
    torch._dynamo.config.suppress_errors = True
    layers = repeated_layers(model)

    def begin() -> None:
        for layer in layers:
            layer.compile(dynamic=True, backend=BACKEND)

    return Trial(begin, lambda: as_written(model), _known.get(_kind(model)))


def remember(model: Any, trial: Trial) -> None:
    """Keeps what a trial measured for the next training of such a model."""
    if trial.outcome is not None:
        _known[_kind(model)] = trial.outcome


def as_written(model: Any) -> None:
    """Takes compiled code from a model."""
    for module in model.modules():
        module._compiled_call_impl = None


def repeated_layers(model: Any) -> list[torch.nn.Module]:
    """The blocks of the longest list of equal ones."""
    lists = [
        list(module)
        for module in model.modules()
        if isinstance(module, torch.nn.ModuleList) and len({type(each) for each in module}) == 1
    ]
    return max(lists, key=len, default=[])


def _kind(model: Any) -> tuple[str, int, bool]:
    total = sum(weights.numel() for weights in model.parameters())
    return type(model).__name__, total, bool(model.is_activation_checkpointing)
