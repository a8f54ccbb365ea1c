"""Adapters: PEFT directories as models, and training on from one without losing it.

An adapter says what to add to the weights of its base. Training on from one merges it
in memory and trains a second; what is saved must hold both. LoRA adds up exactly: the
sum of two low-rank terms is one of the summed rank, A1 and A2 stacked, B1 and B2 side by
side with their scales multiplied in (what PEFT calls ``cat`` in ``add_weighted_adapter``).
So a chain of any length stays one adapter of the first base. What does not add up (DoRA,
trained embeddings, biases) keeps the adapter that it goes on from beside it, in ``parent/``,
and is loaded over it: nothing is rounded, and the directory loads alone.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tools.models import recorded_base
from tools.models.recorded_base import CONFIG, WEIGHTS
from tools.models.weight_files import read_header, refuse_pointer

PARENT = "parent"
MERGED_KINDS = ("LORA", "LOHA", "LOKR", "ADALORA", "IA3", "OFT", "BOFT", "VERA", "HRA")
"""Kinds that PEFT can merge into the weights."""
MOST_BASES = 64
SPECIAL = (
    "use_dora",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "trainable_token_indices",
    "lora_bias",
    "layer_replication",
    "target_parameters",
    "alora_invocation_tokens",
    "use_qalora",
)
"""Settings of ``LoraConfig`` under which an adapter is more than A and B."""
CHOICES = ("exclude_modules", "layers_to_transform", "layers_pattern")
"""Settings that choose layers; a sum of two adapters names its layers instead."""
PLAIN_TENSORS = (".lora_A.weight", ".lora_B.weight")


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
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
    """The directory of the model that an adapter adds to: a path, a bundled name, or a Hub id.

    Raises:
        InputError: it is not to be had, or holds other weights than the adapter was trained on.
    """
    return recorded_base.find(folder, read_adapter(folder))


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
        model: a new adapter over the model of ``start``, merged where that is an adapter.
        start: what training began from: a whole model, or an adapter.
        folder: gets the adapter, and its base in writing.
    """
    model.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)  # a form that PEFT leaves empty
    if not is_adapter(start):
        recorded_base.record(folder, start)
    elif not is_adapter(base := base_dir(start)) and _stackable(start) and _stackable(folder):
        _stack(start, folder)
        recorded_base.record(folder, base)
    else:
        recorded_base.record(folder, copy_adapter(start, folder / PARENT))


def copy_adapter(source: Path, target: Path) -> Path:
    """Copies an adapter with what it needs to load: its parents, and where its base is from here."""
    base = base_dir(source)
    target.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(source / name, target / name)
    recorded_base.record(target, copy_adapter(base, target / PARENT) if is_adapter(base) else base)
    return target


def stack_onto(folder: Path, link: Path, base: Path) -> bool:
    """Adds a plain adapter to the one in ``folder``, which may be empty; False where it does not add up."""
    if not _stackable(link):
        return False
    before = folder.with_name(folder.name + ".before")
    if is_adapter(folder):
        folder.rename(before)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(link / name, folder / name)
    if before.exists():
        _stack(before, folder)
        shutil.rmtree(before)
    recorded_base.record(folder, base)
    return True


def merged(model: Any) -> Any:
    """One whole model of a ``PeftModel``; merged in 16 bits, an adapter's small changes would be lost."""
    return model.float().merge_and_unload()


def _stackable(folder: Path) -> bool:
    """Plain LoRA: nothing in it but A and B, one rank and one scale for all layers."""
    config = read_adapter(folder)
    plain = str(config["peft_type"]).upper() == "LORA" and not any(config.get(name) for name in SPECIAL)
    return (
        plain
        and config.get("bias", "none") == "none"
        and all(key.endswith(PLAIN_TENSORS) for key in read_header(folder / WEIGHTS))
    )


def scale_of(config: dict[str, Any]) -> float:
    """What the product of an adapter's factors is multiplied by."""
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
                tensors.get(b, torch.zeros(shape_b[0], rank, *shape_b[2:])).float() * scale_of(config)
            )
        summed[a], summed[b] = torch.cat(rows, dim=0).contiguous(), torch.cat(columns, dim=1).contiguous()
    rank = int(one["r"]) + int(two["r"])
    two |= {"r": rank, "lora_alpha": rank, "use_rslora": False} | _targets(one, two, names)
    save_file(summed, str(second / WEIGHTS), metadata={"format": "pt"})
    (second / CONFIG).write_text(json.dumps(two, indent=2), encoding="utf-8")


def _targets(one: dict[str, Any], two: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Which layers the sum adapts: both lists together, or, where one is a rule, every layer by its name."""
    lists = [config["target_modules"] for config in (one, two)]
    ruled = any(config.get(choice) for config in (one, two) for choice in CHOICES)
    if all(isinstance(found, list) for found in lists) and not ruled:
        return {"target_modules": sorted({*lists[0], *lists[1]})}
    layers = [name.removeprefix("base_model.model.") for name in names]
    return {"target_modules": layers, **dict.fromkeys(CHOICES)}
