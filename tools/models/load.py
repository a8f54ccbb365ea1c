"""Loading of a causal language model and its tokenizer from a local directory, in a child process.

Heavy libraries are imported inside the functions: the caller's process reads this
module without paying for torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BF16_PARAMETERS = 300_000_000
"""From this size on, a model on a GPU is loaded in bfloat16 for generation and for LoRA."""


def device() -> str:
    """``cuda`` where a GPU can be used, otherwise ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_tokenizer(model_dir: Path) -> Any:
    """The tokenizer, with a padding token: the end token where the model has none of its own."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model_dir), local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(model_dir: Path, dtype: str = "float32") -> Any:
    """The model on the CPU; a PEFT adapter directory gives its base with the adapter merged in."""
    from transformers import AutoModelForCausalLM

    if not (model_dir / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(str(model_dir), dtype=dtype, local_files_only=True)
    from peft import PeftModel

    base = json.loads((model_dir / "adapter_config.json").read_text())["base_model_name_or_path"]
    return PeftModel.from_pretrained(load_model(Path(base), dtype), str(model_dir)).merge_and_unload()


def parameter_count(model: Any) -> int:
    """Parameters, tied weights counted once."""
    return sum(weights.numel() for weights in model.parameters())
