"""Kernels by described devices: flash attention, Liger and batches without padding only where they run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from memory.records import TrainingPlan
from tools.training.kernels import Device, Kernels, kernels_for, knows_flash

ALL = frozenset({"flash_attn", "flash_attn_interface", "liger_kernel", "triton"})
TRITON = frozenset({"triton"})
PLAN = TrainingPlan(per_device_train_batch_size=8)


def chosen(device: Device, half: bool = True, flash: bool = True, rows: int = 8, **fields: object) -> Kernels:
    return kernels_for(PLAN.model_copy(update=fields), device, half, flash, rows)


@pytest.mark.parametrize(
    ("device", "kernels"),
    [
        (Device("cuda", (9, 0), packages=ALL), Kernels("flash_attention_3", True, True)),
        (Device("cuda", (8, 0), packages=ALL), Kernels("flash_attention_2", True, True)),
        (
            Device("cuda", (8, 9), packages=frozenset({"flash_attn"})),
            Kernels("flash_attention_2", True, False),
        ),
        (Device("cuda", (12, 0), packages=ALL), Kernels("flash_attention_2", True, True)),
        (Device("cuda", (7, 5), packages=ALL), Kernels(None, False, True)),
        (Device("cuda", (6, 1), packages=ALL), Kernels()),
        (Device("cuda", (9, 0), packages=TRITON), Kernels(compiles=True)),
        (Device("cuda", (9, 0)), Kernels()),
        (Device("cuda", (9, 4), amd=True, packages=ALL), Kernels("flash_attention_2", True, True)),
        (Device("mps", packages=ALL), Kernels()),
        (Device("cpu", packages=ALL), Kernels()),
    ],
)
def test_a_device_gets_the_kernels_that_run_on_it(device: Device, kernels: Kernels) -> None:
    assert chosen(device) == kernels


def test_padding_stays_where_flash_attention_does_not_read_the_bounds_of_rows() -> None:
    card = Device("cuda", (8, 0), packages=ALL)
    assert chosen(card, half=False) == Kernels(None, False, True), "flash attention is for 16 bits"
    assert chosen(card, flash=False) == Kernels(None, False, True), "nor for every architecture"
    assert not chosen(card, rows=1).padding_free, "one row has no padding"
    assert not chosen(card, neftune_noise_alpha=5.0).padding_free, "noise is scaled by a batch's length"


def test_the_compiler_is_tried_by_one_process_on_weights_that_it_knows() -> None:
    card = Device("cuda", (8, 0), packages=TRITON)
    assert chosen(card).compiles
    assert not chosen(card, load_in_4bit=True, method="lora").compiles
    assert not kernels_for(PLAN, card, half=True, flash=True, rows=8, processes=2).compiles


@pytest.mark.parametrize(
    ("supports", "config", "known"),
    [
        (True, {"num_attention_heads": 32, "hidden_size": 4096}, True),
        (True, {"num_attention_heads": 8, "hidden_size": 4096, "head_dim": 256}, True),
        (True, {"num_attention_heads": 8, "hidden_size": 4096}, False),
        (False, {"num_attention_heads": 32, "hidden_size": 4096}, False),
    ],
)
def test_heads_wider_than_the_kernels_keep_their_attention(
    supports: bool, config: dict[str, int], known: bool
) -> None:
    text = SimpleNamespace(**config)
    model = SimpleNamespace(
        _supports_flash_attn=supports, config=SimpleNamespace(get_text_config=lambda: text)
    )
    assert knows_flash(model) is known
