"""Architectures: what ``config.json`` says of a model, and whether it can be trained here.

The configuration alone is read; ``check_class`` looks at the class behind it and needs torch.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import InputError, or_input_error
from tools.models.weight_files import refuse_pointer

POSITIONS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "n_ctx")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers")
ALIBI = ("bloom",)
"""Positions are distances here: a ``seq_length`` in the configuration is how it was pretrained, no limit."""
HEADS, KEY_HEADS = ("num_attention_heads", "n_head", "n_heads"), "num_key_value_heads"
SIZES = (
    *LAYERS,
    *HEADS,
    KEY_HEADS,
    "hidden_size",
    "n_embd",
    "d_model",
    "vocab_size",
    "intermediate_size",
    "head_dim",
)
"""What is counted in whole numbers of 1 or more, where a model has it."""
COPY = "copy the file from the model's page again"
NEEDED = ("input_ids", "attention_mask", "past_key_values", "logits_to_keep")
"""What training and the answering loop pass to a model."""
ORIGINAL = "give the original weights (*.safetensors in 16 or 32 bits)"
OTHER_MODEL = "take a decoder-only language model (Llama, Qwen, Gemma, Mistral, GPT-2, BLOOM...)"


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a model directory.

    Raises:
        InputError: it is missing or malformed.
    """
    file = folder / "config.json"
    if not file.exists():
        fix = "give a Hub-format directory with config.json, *.safetensors and a tokenizer"
        raise InputError(str(folder), "it holds no config.json", fix)
    config = _object_in(file)
    if not isinstance(config.get("text_config") or {}, dict):
        raise InputError(str(file), "its text_config is no object", "copy the file from the Hub again")
    return config


def read_generation(folder: Path) -> dict[str, Any]:
    """``generation_config.json`` of a model directory; empty where there is none.

    Raises:
        InputError: it is malformed.
    """
    file = folder / "generation_config.json"
    return _object_in(file) if file.exists() else {}


def _object_in(file: Path) -> dict[str, Any]:
    refuse_pointer(file)
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            str(file), f"not valid JSON ({error})", "copy the file from the Hub again"
        ) from error
    if not isinstance(held, dict):
        raise InputError(str(file), "not a JSON object", "copy the file from the Hub again")
    return held


def max_positions(config: Mapping[str, Any]) -> int | None:
    """The most tokens that prompt and answer may have together; None where the family has no limit."""
    text = config.get("text_config") or config
    if text.get("model_type") in ALIBI or text.get("alibi") is True:
        return None
    attention = text.get("attn_config")
    if isinstance(attention, Mapping) and attention.get("alibi"):
        return None
    for name in POSITIONS:
        value = text.get(name)
        if isinstance(value, int) and value > 0:
            return value
    return None


def check_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuses what the configuration alone shows to be of no use here.

    Raises:
        InputError: no model type, an encoder-decoder, quantised weights, no language-model head.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        fix = 'copy config.json from the model\'s page again, or add "model_type"'
        raise InputError(str(folder / "config.json"), "it names no model_type", fix)
    if config.get("is_encoder_decoder"):
        raise InputError(str(folder), f"an encoder-decoder model ({kind})", OTHER_MODEL)
    quantised = config.get("quantization_config")
    if isinstance(quantised, Mapping):
        method = quantised.get("quant_method", "unknown method")
        raise InputError(str(folder), f"its weights are quantised ({method})", ORIGINAL)
    named = config.get("architectures")
    _check_sizes(folder / "config.json", config)
    heads = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    if heads and not any(
        name.endswith(("CausalLM", "LMHeadModel", "ConditionalGeneration")) for name in heads
    ):
        wrong = f"{heads[0]} is no model that continues text"
        raise InputError(str(folder), wrong, "give the weights with their language-model head")


def _check_sizes(file: Path, config: Mapping[str, Any]) -> None:
    """No size below 1, and as many heads of queries for each of keys: transformers says nothing of others.

    A layer more or less than the weights hold is said where these are looked at.
    """
    text = config.get("text_config") or config
    for name in SIZES:
        value = text.get(name)
        if isinstance(value, int) and value < 1 and name not in LAYERS:
            raise InputError(
                str(file), f"{name} is {json.dumps(value)}, and should be a whole number of 1 or more", COPY
            )
    heads = next((text[name] for name in HEADS if isinstance(text.get(name), int)), 0)
    keys = text.get(KEY_HEADS)
    if isinstance(keys, int) and heads % keys:
        wrong = f"{KEY_HEADS} is {keys}, and should divide the number of attention heads ({heads})"
        raise InputError(str(file), wrong, COPY)


def check_values(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuses values that transformers' class for this kind of configuration does not take.

    Raises:
        InputError: the file, the key, its value, and what it should be.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    file = str(folder / "config.json")
    try:
        with or_input_error(file, "transformers does not take it", COPY):
            AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except InputError as error:
        if not isinstance(error.__cause__, StrictDataclassError):
            raise
        raise InputError(file, _said(str(error.__cause__), config), COPY) from error


_FIELD = re.compile(r"Field '(\w+)'")
_EXPECTED = re.compile(r" expected (?:an? )?(.+?), got |doesn't match any type in \((.+?)\)\. Errors")
_LONGEST, _SHOWN = 200, 40
"""Characters of what a library says, and of a value."""
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "NoneType": "null",
}


def _said(message: str, config: Mapping[str, Any]) -> str:
    """In a sentence what transformers says of a value.

    Its first line names the field, and the second is ``TypeError: Field 'vocab_size' expected int, got str``.
    """
    cause = message.partition("\n")[2].partition(":")[2].strip() or message
    field, expected = _FIELD.search(cause), _EXPECTED.search(cause)
    if not field or not expected:
        return " ".join(cause.split()).rstrip(".")[:_LONGEST]
    held = {**config, **(config.get("text_config") or {})}.get(field[1])
    kinds = re.sub(r"<class '(\w+)'>", r"\1", expected[1] or expected[2]).split(", ")
    wanted = " or ".join(_WORDS.get(kind, kind) for kind in kinds)
    return f"{field[1]} is {json.dumps(held)[:_SHOWN]}, and should be {wanted[:_LONGEST]}"


def check_class(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Refuses a model whose class is unknown, or does not take what training passes; returns notes.

    Raises:
        InputError: as said.
    """
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = str(config["model_type"])
    name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)
    own_code = "auto_map" in config
    if name is None and own_code:
        wrong = f"it needs its own Python code ({kind}: auto_map in config.json), which is not run"
        raise InputError(str(folder), wrong, "take a model whose architecture transformers knows")
    if name is None:
        known = kind in CONFIG_MAPPING_NAMES
        wrong = f"{kind} is no causal language model" if known else f"unknown architecture {kind!r}"
        fix = OTHER_MODEL if known else f"transformers {transformers.__version__} does not know it"
        raise InputError(str(folder), wrong, fix)
    parameters = inspect.signature(getattr(transformers, name).forward).parameters
    missing = [needed for needed in NEEDED if needed not in parameters]
    if missing:
        wrong = f"{name} keeps no key-value cache (a state-space or recurrent model: no {missing[0]})"
        raise InputError(str(folder), wrong, OTHER_MODEL)
    return ("the model's own Python code is not run: transformers' class is used",) if own_code else ()
