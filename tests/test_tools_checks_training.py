"""The check of a training plan against the machine's GPUs and packages."""

from __future__ import annotations

from typing import Any, cast

import pytest

from memory.records import TrainingPlan
from tasks.errors import InvalidDecision
from tools.checks import training as checks
from tools.process.machine import Machine

NOTHING = cast(Any, None)
"""The check asks neither run nor plan nor data."""


def refused(monkeypatch: pytest.MonkeyPatch, gpus: int, package: bool, **fields: object) -> str:
    here = Machine(cores=8, memory_gib=64.0, gpus=("GPU",) * gpus, gpu_memory_gib=80.0)
    monkeypatch.setattr(checks, "machine", lambda: here)
    monkeypatch.setattr(checks, "has_bitsandbytes", lambda: package)
    plan = TrainingPlan.model_validate({"per_device_train_batch_size": 8, **fields})
    try:
        checks._check_packages(NOTHING, NOTHING, NOTHING, plan)
    except InvalidDecision as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("gpus", "fields", "told"),
    [
        (4, {"fsdp": True}, ""),
        (4, {"fsdp": True, "method": "lora"}, ""),
        (1, {"fsdp": True}, "needs several GPUs, and there is 1 here"),
        (0, {"fsdp": True}, "there is none here"),
        (2, {"fsdp": True, "per_device_train_batch_size": 7}, "7 rows cannot be shared out evenly"),
        (4, {"fsdp": True, "optim": "paged_adamw_8bit"}, "leave one out"),
        (4, {"fsdp": True, "method": "lora", "load_in_4bit": True}, "leave one out"),
        (1, {"optim": "paged_adamw_8bit"}, ""),
        (1, {"load_in_4bit": True}, "take lora"),
    ],
)
def test_a_plan_is_held_against_the_gpus(
    monkeypatch: pytest.MonkeyPatch, gpus: int, fields: dict[str, object], told: str
) -> None:
    found = refused(monkeypatch, gpus, True, **fields)
    assert (told in found) if told else not found


def test_moments_in_eight_bits_need_their_package_and_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "needs bitsandbytes" in refused(monkeypatch, 1, False, optim="adamw_8bit")
    assert "needs an NVIDIA GPU" in refused(monkeypatch, 0, True, optim="adamw_8bit")
