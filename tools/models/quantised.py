"""Quantised models: frozen weights in 4 bits, over which an adapter is trained (QLoRA, arXiv:2305.14314).

bitsandbytes brings the kernels, in the extra ``qlora``; its 8-bit optimisers come with it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tools.models.adapter import base_dir, is_adapter
from tools.models.precision import device

INSTALL = "pip install 'ft-dojo[qlora]', or train without it"


def has_bitsandbytes() -> bool:
    """Whether the package is installed; it is not imported."""
    return importlib.util.find_spec("bitsandbytes") is not None


def refuse_without_bitsandbytes(what: str) -> None:
    """Check that bitsandbytes can run here.

    Raises:
        InputError: it is not installed, or there is no CUDA device.
    """
    if not has_bitsandbytes():
        raise InputError(what, "needs bitsandbytes, not installed here", INSTALL)
    if device() != "cuda":
        raise InputError(what, f"needs a CUDA device, and this machine trains on {device()}", "use LoRA")


def model_in_4bit(model_dir: Path) -> Any:
    """The model in NF4 with quantised scales, products in bfloat16.

    Adapters are merged into it, each with the rounding that 4 bits have: training goes on from weights
    that are near those of ``load_model``, and what it saves is added to the exact ones.
    """
    if is_adapter(model_dir):
        from peft import PeftModel

        base = model_in_4bit(base_dir(model_dir))
        return PeftModel.from_pretrained(base, str(model_dir)).merge_and_unload()
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return AutoModelForCausalLM.from_pretrained(
        str(model_dir),
        quantization_config=config,
        dtype=torch.bfloat16,
        device_map={"": device()},
        local_files_only=True,
        trust_remote_code=False,
        weights_only=True,
    )
