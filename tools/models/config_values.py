"""Values of ``config.json``, tried: does transformers build the model by them, in the shapes of its weights?

The model is built without memory (torch's device ``meta``), as its loading begins. transformers and torch are
needed.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import InputError, or_input_error, reason_of
from tools.models.architecture import COPY, KEY_HEADS, in_short
from tools.models.weight_files import read_header

KEPT = ("model_type", "architectures", "auto_map")
"""Keys that say which model it is: without them it would be another one."""
MEASURED_BY: Sequence[tuple[str, tuple[str, ...]]] = (
    (r"norm|ln_", ("hidden_size", "n_embd", "d_model")),
    (r"embed|wte|lm_head", ("vocab_size",)),
    (r"[kv]_proj", (KEY_HEADS, "head_dim")),
    (r"[qo]_proj|attn|attention", ("num_attention_heads", "n_head", "head_dim")),
    (r"mlp|feed_forward|ffn|fc", ("intermediate_size", "n_inner", "ffn_dim")),
)
"""What of a configuration sets the shape of a weight, by a part of its name; the first that fits."""


def check_values(folder: Path, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Refuses values by which transformers cannot build the model; returns the shapes that it built.

    Raises:
        InputError: the file, the key, its value, and what it should be.
    """
    from huggingface_hub.errors import StrictDataclassError

    file = str(folder / "config.json")
    try:
        with or_input_error(file, "transformers does not take it", COPY):
            return _built(folder)
    except InputError as error:
        cause = error.__cause__
        if not isinstance(cause, Exception):
            raise
        said = _said(str(cause), config) if isinstance(cause, StrictDataclassError) else ""
        if said.partition(" is ")[0] in _keys(config):
            raise InputError(file, said, COPY) from error
        key = _culprit(config)
        if key is None:
            raise (InputError(file, said, COPY) if said else error) from cause
        held = {**config, **(config.get("text_config") or {})}[key]
        why = (said or reason_of(cause))[:_QUOTED]
        wrong = f"{key} is {in_short(held)}, which transformers does not take ({why})"
        raise InputError(file, wrong, f"take it out, or {COPY}") from error


def _built(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every weight of the model that a configuration stands for."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def _keys(config: Mapping[str, Any]) -> list[str]:
    return [key for key in (*config, *(config.get("text_config") or ())) if key not in KEPT]


def _culprit(config: Mapping[str, Any]) -> str | None:
    """The first key without which the model can be built; None where no one key alone is to blame."""
    with tempfile.TemporaryDirectory() as place:
        for key in dict.fromkeys(_keys(config)):
            text = config.get("text_config")
            others = {name: value for name, value in config.items() if name != key}
            if key != "text_config" and isinstance(text, dict):
                others["text_config"] = {name: value for name, value in text.items() if name != key}
            (Path(place) / "config.json").write_text(json.dumps(others), encoding="utf-8")
            try:
                with or_input_error(key, "", ""):
                    _built(Path(place))
                return key
            except InputError:
                continue
    return None


def check_shapes(
    folder: Path, config: Mapping[str, Any], built: Mapping[str, tuple[int, ...]], weights: Sequence[Path]
) -> None:
    """Refuses a configuration that gives weights other shapes than the files hold; pickles are not looked at.

    Raises:
        InputError: the weight, both shapes, and the key that sets it where that is known.
    """
    wrong = [(name, held) for name, held in _held(weights) if name in built and built[name] != held]
    if not wrong:
        return
    name, held = next(((n, h) for n, h in wrong if re.search(MEASURED_BY[0][0], n)), wrong[0])
    keys = next((keys for part, keys in MEASURED_BY if re.search(part, name)), ())
    text = config.get("text_config") or config
    key = next((f"{key} is {in_short(text[key])}: " for key in keys if key in text), "")
    shapes = f"by it {name} is {_shape(built[name])}, and in the weights {_shape(held)}"
    raise InputError(str(folder / "config.json"), f"{key}{shapes}", COPY)


def _held(weights: Sequence[Path]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for file in weights:
        if file.suffix == ".safetensors":
            for name, entry in read_header(file).items():
                if "experts" not in name:  # put together when they are loaded
                    yield name, tuple(entry["shape"])


def _shape(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes)) or "one number"


_FIELD = re.compile(r"Field '(\w+)'")
_EXPECTED = re.compile(r" expected (?:an? )?(.+?), got |doesn't match any type in \((.+?)\)\. Errors")
_LONGEST, _QUOTED = 200, 140
"""Characters of what a library says, alone and beside the value."""
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "NoneType": "null",
    "dict": "an object",
    "RopeParameters": "an object",
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
    kinds = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", expected[1] or expected[2]).split(", ")
    wanted = " or ".join(dict.fromkeys(_WORDS.get(kind, kind) for kind in kinds))
    return f"{field[1]} is {in_short(held)}, and should be {wanted[:_LONGEST]}"
