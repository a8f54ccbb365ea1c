"""Adapters: PEFT directories as models, and training on from one without losing it.

An adapter says what to add to the weights of its base. Training on from one merges it
in memory and trains a second; what is saved must hold both. LoRA adds up exactly: the
sum of two low-rank terms is one of the summed rank, A1 and A2 stacked, B1 and B2 side by
side with their scales multiplied in (what PEFT calls ``cat`` in ``add_weighted_adapter``).
So a chain of any length stays one adapter of the first base. An adapter of another kind
(DoRA, trained embeddings, biases) is merged into a whole model.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tools.models.weight_files import read_header, refuse_pointer

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BUNDLED = Path(__file__).parent / "bundled"
MERGED_KINDS = ("LORA", "LOHA", "LOKR", "ADALORA", "IA3", "OFT", "BOFT", "VERA", "HRA")
"""Kinds that PEFT can merge into the weights."""
MOST_BASES = 8


def is_adapter(folder: Path) -> bool:
    """Whether a directory holds an adapter and no whole model."""
    return (folder / CONFIG).exists() and not (folder / "config.json").exists()


def read_adapter(folder: Path) -> dict[str, Any]:
    """``adapter_config.json``, checked.

    Raises:
        InputError: malformed, of a kind that cannot be merged, or without readable weights.
    """
    file = folder / CONFIG
    refuse_pointer(file)
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        kind, base = str(config["peft_type"]).upper(), config.get("base_model_name_or_path")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(str(file), "not an adapter's configuration", "copy the adapter again") from error
    if kind not in MERGED_KINDS:
        wrong = f"an adapter of kind {kind}, which cannot be merged into its base"
        raise InputError(str(folder), wrong, "give a LoRA adapter or a whole model")
    if not isinstance(base, str) or not base:
        raise InputError(str(file), "it names no base", "fill in base_model_name_or_path")
    if not (folder / WEIGHTS).exists():
        pickled = (folder / "adapter_model.bin").exists()
        wrong = "its weights are a pickle (adapter_model.bin)" if pickled else f"it holds no {WEIGHTS}"
        raise InputError(str(folder), wrong, "save it again with PEFT's save_pretrained (safetensors)")
    refuse_pointer(folder / WEIGHTS)
    read_header(folder / WEIGHTS)
    return dict(config)


def base_dir(folder: Path) -> Path:
    """The directory of the model that an adapter adds to: a path, a bundled name, or a Hub id that is here.

    Raises:
        InputError: it is not here.
    """
    name = str(read_adapter(folder)["base_model_name_or_path"])
    places = [Path(name).expanduser(), folder / name, BUNDLED / name]
    for place in places:
        if place.is_dir():
            return place.resolve()
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (OSError, ValueError):
            pass
    moved = BUNDLED / Path(name).name  # a bundled model under the path of another installation
    if moved.is_dir():
        return moved
    fix = f"put it there, `hf download` it, or mend base_model_name_or_path in {CONFIG}"
    raise InputError(str(folder), f"an adapter of {name}, which is not here", fix)


def whole_base(folder: Path) -> Path:
    """The model at the end of the chain of adapters.

    Raises:
        InputError: a base is not here, or the chain goes in a circle.
    """
    for _ in range(MOST_BASES):
        if not is_adapter(folder):
            return folder
        folder = base_dir(folder)
    raise InputError(
        str(folder), "its adapters name each other as base", f"mend base_model_name_or_path in {CONFIG}"
    )


def tokenizer_dir(folder: Path) -> Path:
    """Where the tokenizer of a model directory lies: an adapter may leave it to its base."""
    while is_adapter(folder) and not (folder / "tokenizer_config.json").exists():
        folder = base_dir(folder)
    return folder


def save_adapter(model: Any, start: Path, folder: Path) -> None:
    """Writes a trained ``PeftModel`` so that the directory, loaded, is that model.

    Args:
        model: LoRA over the model of ``start``.
        start: what training began from: a whole model, or an adapter.
        folder: gets the adapter, or the whole model in the precision of its base's weights.
    """
    if not is_adapter(start):
        _name_base(model, start)
        model.save_pretrained(str(folder))
    elif is_adapter(base_dir(start)) or not _stackable(start):
        _merge(model, whole_base(start)).save_pretrained(str(folder))
    else:
        _name_base(model, base_dir(start))
        model.save_pretrained(str(folder))
        _stack(start, folder)


def _name_base(model: Any, base: Path) -> None:
    for config in model.peft_config.values():
        config.base_model_name_or_path = str(base.resolve())


def _merge(model: Any, base: Path) -> Any:
    """One whole model; its weights go back to the type that they have on disk."""
    import torch

    from tools.models.weight_files import dtypes, find_weights

    kinds = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    kind = next(iter(dtypes(find_weights(base, allow_pickle=True)[0])), "F32")
    return model.merge_and_unload().to(kinds.get(kind, torch.float32))


def _stackable(folder: Path) -> bool:
    """Plain LoRA: nothing in it but A and B, one rank and one scale for all layers."""
    config = read_adapter(folder)
    special = (
        "use_dora",
        "modules_to_save",
        "rank_pattern",
        "alpha_pattern",
        "trainable_token_indices",
        "lora_bias",
    )
    plain = str(config["peft_type"]).upper() == "LORA" and not any(config.get(name) for name in special)
    keys = read_header(folder / WEIGHTS)
    return (
        plain
        and config.get("bias", "none") == "none"
        and all(".lora_" in key and "embedding" not in key for key in keys)
    )


def _scale(config: dict[str, Any]) -> float:
    rank = float(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _stack(first: Path, second: Path) -> None:
    """Makes the adapter in ``second`` the sum of both."""
    import torch
    from safetensors.torch import load_file, save_file

    one, two = read_adapter(first), read_adapter(second)
    parts = [(load_file(str(folder / WEIGHTS)), config) for folder, config in ((first, one), (second, two))]
    names = sorted({key.split(".lora_")[0] for tensors, _ in parts for key in tensors})
    summed: dict[str, torch.Tensor] = {}
    for name in names:
        a, b = f"{name}.lora_A.weight", f"{name}.lora_B.weight"
        shape_a, shape_b = next((t[a].shape, t[b].shape) for t, _ in parts if a in t)
        rows, columns = [], []
        for tensors, config in parts:
            rank = int(config["r"])
            # A layer that only one of the two adapts gets zeros from the other: one rank for all.
            rows.append(tensors.get(a, torch.zeros(rank, *shape_a[1:])).float())
            columns.append(
                tensors.get(b, torch.zeros(shape_b[0], rank, *shape_b[2:])).float() * _scale(config)
            )
        summed[a], summed[b] = torch.cat(rows, dim=0).contiguous(), torch.cat(columns, dim=1).contiguous()
    rank = int(one["r"]) + int(two["r"])
    targets = [
        set(config["target_modules"]) for config in (one, two) if isinstance(config["target_modules"], list)
    ]
    two |= {"r": rank, "lora_alpha": rank, "use_rslora": False}
    if len(targets) == 2:
        two["target_modules"] = sorted(targets[0] | targets[1])
    save_file(summed, str(second / WEIGHTS), metadata={"format": "pt"})
    (second / CONFIG).write_text(json.dumps(two, indent=2), encoding="utf-8")
