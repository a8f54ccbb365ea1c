"""Loading of a causal language model and its tokenizer from a local directory, in a child process.

Heavy libraries are imported inside the functions: the caller's process reads this
module without paying for torch.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tools.models.adapter import base_dir, is_adapter, tokenizer_dir
from tools.models.architecture import read_generation
from tools.models.template_support import PLAIN_TEMPLATE, template_support

TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab*",
    "merges.txt",
    "*.model",
)


def load_tokenizer(model_dir: Path) -> Any:
    """The tokenizer, with what a model may lack: padding (the end token), a chat template (a plain one).

    An adapter without a tokenizer has that of its base.
    """
    from transformers import AutoTokenizer

    folder = tokenizer_dir(model_dir)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    return tokenizer


def copy_tokenizer(tokenizer: Any, model_dir: Path, folder: Path) -> None:
    """Puts the tokenizer's files beside weights that were trained with it, its template and its end included.

    Args:
        tokenizer: of ``model_dir``, as ``load_tokenizer`` gives it.
        model_dir: where its files lie.
        folder: gets them.
    """
    for pattern in TOKENIZER_FILES:
        for file in tokenizer_dir(model_dir).glob(pattern):
            shutil.copyfile(file, folder / file.name)
    save_template(tokenizer, folder)
    name_turn_end(tokenizer, folder)


def save_template(tokenizer: Any, folder: Path) -> None:
    """Writes the plain chat template beside a model without one: its users ask as it was trained."""
    if tokenizer.chat_template == PLAIN_TEMPLATE:
        (folder / "chat_template.jinja").write_text(PLAIN_TEMPLATE, encoding="utf-8")


def name_turn_end(tokenizer: Any, folder: Path) -> None:
    """Adds the template's end of a turn, with which trained answers end, to the generation config."""
    file = folder / "generation_config.json"
    end = template_support(tokenizer).turn_end
    if not end or not file.exists():
        return
    config = read_generation(folder)
    named = config.get("eos_token_id")
    ends = [*named] if isinstance(named, list) else [named] if named is not None else []
    if (token := int(tokenizer.convert_tokens_to_ids(end))) not in ends:
        config["eos_token_id"] = [*ends, token] if ends else token
        file.write_text(json.dumps(config, indent=2), encoding="utf-8")


def load_model(model_dir: Path, dtype: str = "float32") -> Any:
    """The model on the CPU; a PEFT adapter directory gives its base with the adapter merged in."""
    from transformers import AutoModelForCausalLM

    if not is_adapter(model_dir):
        return AutoModelForCausalLM.from_pretrained(
            str(model_dir), dtype=dtype, local_files_only=True, trust_remote_code=False, weights_only=True
        )
    from peft import PeftModel

    base = load_model(base_dir(model_dir), dtype)
    merged = PeftModel.from_pretrained(base, str(model_dir)).merge_and_unload()
    return merged.requires_grad_(True)  # PEFT froze the base; whoever trains all of it next wants it whole


def parameter_count(model: Any) -> int:
    """Parameters, tied weights counted once."""
    return sum(weights.numel() for weights in model.parameters())
