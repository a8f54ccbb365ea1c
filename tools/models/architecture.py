"""Architectures: what ``config.json`` says of a model, and whether it can be trained here.

The configuration alone is read; ``check_class`` looks at the class behind it and needs torch.
Whether that class takes each value, ``tools.models.config_values`` tries.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import InputError, did_you_mean
from tools.models.weight_files import COPY_AGAIN, PATH_FIX, refuse_pointer

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
SHOWN = 40
"""Characters of a value."""
MOST_WINDOW = 2**31
ROTARY = ("rope_parameters", "rope_scaling")
SWITCHES = ("output_hidden_states", "output_attentions", "is_encoder_decoder")
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
        raise InputError(str(folder), "it holds no config.json", PATH_FIX)
    config = _object_in(file)
    text = config.get("text_config")
    if text is not None and not (isinstance(text, dict) and text):
        raise InputError(str(file), f"text_config is {in_short(text)}, and should be an object", COPY)
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
        raise InputError(str(file), f"not valid JSON ({error})", COPY_AGAIN) from error
    if not isinstance(held, dict):
        raise InputError(str(file), "not a JSON object", COPY_AGAIN)
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
    _check_ranges(folder / "config.json", config)
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


def _check_ranges(file: Path, config: Mapping[str, Any]) -> None:
    """What neither transformers nor the building of the model looks at, and fails or is wrong only in use."""
    for held in (config, config.get("text_config") or {}):
        for key, value in held.items():
            if wanted := _wanted(key, value):
                raise InputError(str(file), f"{key} is {in_short(value)}, and should be {wanted}", COPY)
            if key in ROTARY and isinstance(value, Mapping):
                parts = [value, *(part for part in value.values() if isinstance(part, Mapping))]
                _check_rotary(file, key, parts)


def _check_rotary(file: Path, key: str, parts: Sequence[Mapping[str, Any]]) -> None:
    """Positions turn by these figures; some families give them for each kind of layer."""
    for name, value in ((name, value) for part in parts for name, value in part.items()):
        if name in ("rope_theta", "factor") and (wanted := _wanted("rope_theta", value)):
            raise InputError(str(file), f"{key}.{name} is {in_short(value)}, and should be {wanted}", COPY)


def _wanted(key: str, value: object) -> str:
    """What a value should be; empty where it is, or where this is not known of its key."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    size = float(value) if number else math.nan  # type: ignore[arg-type]
    if key == "return_dict":
        return "" if value is True else "true"
    if key in SWITCHES:
        return "" if value is None or isinstance(value, bool) else "true or false"
    if key == "rope_theta":
        return "" if size > 0 else "a number over 0"
    if key == "sliding_window":
        whole = value is None or (number and size == int(size) and size < MOST_WINDOW)
        return "" if whole else "a whole number or null"
    if key.endswith(("_eps", "_epsilon")):
        return "" if size >= 0 or value is None else "a number of 0 or more"
    if key.endswith(("dropout", "_pdrop")):
        unset = isinstance(value, bool) or (value is None and not key.startswith("att"))
        return "" if unset or 0 <= size < 1 else "a number of 0 or more and under 1"
    return ""


def in_short(value: object) -> str:
    """A value as it stands in the file, cut."""
    return json.dumps(value)[:SHOWN]


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
        told = f"transformers {transformers.__version__} does not know it"
        meant = did_you_mean(kind, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, otherwise=OTHER_MODEL)
        fix = OTHER_MODEL if known else f"{told}; {meant}"
        raise InputError(str(folder / "config.json"), f"model_type: {wrong}", fix)
    parameters = inspect.signature(getattr(transformers, name).forward).parameters
    missing = [needed for needed in NEEDED if needed not in parameters]
    if missing:
        wrong = f"{name} keeps no key-value cache (a state-space or recurrent model: no {missing[0]})"
        raise InputError(str(folder), wrong, OTHER_MODEL)
    return ("the model's own Python code is not run: transformers' class is used",) if own_code else ()
