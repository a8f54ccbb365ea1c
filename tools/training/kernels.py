"""Kernels of a training: attention, fused layers and batches without padding, by device and package.

    flash attention   products in 16 bits on NVIDIA from compute capability 8.0, and on AMD; saves a mask
    (arXiv:2307.08691)
    no padding        where flash attention reads the bounds of rows; saves every padded position
    Liger             CUDA; saves passes over memory in norms and feed-forward layers (arXiv:2410.10989)
    torch.compile     CUDA with Triton, without Liger; tried on the way (``tools.training.compilation``)
    SDPA of torch     everywhere else

Batches without padding hold the rows of the plan, laid end to end. Packing rows to a length
(TRL's ``packing``) would put other rows into each optimiser step than a machine without these kernels, and a
learning rate found on one would mean another thing on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from memory.records import TrainingPlan

Attention = Literal["sdpa", "flash_attention_2", "flash_attention_3"]
TRITON_CAPABILITY, FLASH_CAPABILITY, HOPPER = (7, 0), (8, 0), (9, 0)
"""NVIDIA's compute capability from which Triton's kernels and flash attention run, and the one that flash
attention's third version is for."""
MOST_FLASH_HEAD = 256
"""Units of an attention head that its kernels are made for."""


@dataclass(frozen=True)
class Device:
    """What decides which kernels can run."""

    kind: str = "cpu"
    """``cuda`` (NVIDIA, and AMD through ROCm), ``mps`` or ``cpu``."""
    capability: tuple[int, int] = (0, 0)
    """Of a CUDA device."""
    amd: bool = False
    packages: frozenset[str] = frozenset()
    """Of ``flash_attn``, ``flash_attn_interface`` (its third version), ``liger_kernel`` and ``triton``, those
    that can be used."""


class Kernels(NamedTuple):
    """What a training runs on."""

    attention: Attention | None = None
    """None leaves the model as it was loaded: SDPA, where its architecture knows it."""
    padding_free: bool = False
    liger: bool = False
    compiles: bool = False
    """Whether compiling may be tried."""


PLAIN = Kernels()


def kernels_for(
    plan: TrainingPlan, device: Device, half: bool, flash: bool, rows: int, processes: int = 1
) -> Kernels:
    """The fastest kernels that give the same training.

    Args:
        plan: noise on embeddings (NEFTune) is scaled by a batch's length, so that it keeps its padding.
        device: see there.
        half: whether products are in bfloat16.
        flash: whether the model's architecture knows flash attention.
        rows: of a batch on this device; one row has no padding.
        processes: that train together; several would have to agree on a trial of the compiler.
    """
    attention = _flash(device) if half and flash else None
    triton = device.kind == "cuda" and (device.amd or device.capability >= TRITON_CAPABILITY)
    liger = triton and "liger_kernel" in device.packages
    compiles = triton and "triton" in device.packages and not liger
    return Kernels(
        attention=attention,
        padding_free=attention is not None and rows > 1 and plan.neftune_noise_alpha is None,
        liger=liger,
        compiles=compiles and processes == 1 and not plan.load_in_4bit,
    )


def _flash(device: Device) -> Attention | None:
    if device.kind != "cuda":
        return None
    if "flash_attn_interface" in device.packages and device.capability == HOPPER and not device.amd:
        return "flash_attention_3"
    able = device.amd or device.capability >= FLASH_CAPABILITY
    return "flash_attention_2" if able and "flash_attn" in device.packages else None


def this_device() -> Device:
    """The device of this process, and the packages that transformers would use on it."""
    import torch
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available
    from transformers.utils.import_utils import is_liger_kernel_available, is_triton_available

    from tools.models.precision import device

    kind = device()
    found = {
        "flash_attn": is_flash_attn_2_available(),
        "flash_attn_interface": is_flash_attn_3_available(),
        "liger_kernel": is_liger_kernel_available(),
        "triton": is_triton_available(),
    }
    return Device(
        kind=kind,
        capability=torch.cuda.get_device_capability() if kind == "cuda" else (0, 0),
        amd=torch.version.hip is not None,
        packages=frozenset(name for name, there in found.items() if there),
    )


def knows_flash(model: Any) -> bool:
    """Whether a loaded model's architecture can use flash attention."""
    config = model.config.get_text_config()
    heads, width = (int(getattr(config, name, 0) or 0) for name in ("num_attention_heads", "hidden_size"))
    units = int(getattr(config, "head_dim", 0) or 0) or (width // heads if heads else 0)
    return bool(getattr(model, "_supports_flash_attn", False)) and 0 < units <= MOST_FLASH_HEAD
