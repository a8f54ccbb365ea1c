"""Descent of each trained model: from the declared base, through every parent, to the exported champion.

Each training's record names what it began from, and the journal holds the digests of those weights. Where
a training left a LoRA adapter beside the merged model, the merge is made again: base and adapter give the
weights that are loaded, within the rounding of their number type. What training did to full weights
cannot be made again without training; there the digests of parent and child are all there is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memory.journal.evidence import files_on_record
from memory.journal.history import BASE, History
from tasks.official.files import sha256_of
from tools.evidence import weights_on_record
from tools.models.adapter import PARENT, base_dir, is_adapter, whole_base
from tools.models.base_model import BaseModel
from tools.models.export.champion import LEFT_OUT
from tools.models.recorded_base import fingerprint_of
from tools.training.train import ADOPTED
from tools.verification.finding import Finding
from tools.workspace import Workspace

ADAPTER = "adapter"
"""Folder beside a merged model."""
CHAMPION = "champion"
REWRITTEN = ("adapter_config.json", "base.json")
"""Files of an exported adapter that say where its base is from there."""
ROUNDING = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 1.6e-2}
"""Of the largest weight of a tensor, by number type: two units in the last place of 16 bits; in 32 bits what
a GPU's shorter products may do to the sum."""


def check_descent(history: History, workspace: Workspace, base: BaseModel, merge: bool = True) -> Finding:
    """Every trained model that is kept, and the champion's export.

    Args:
        history: of the run.
        workspace: its folder.
        base: the declared base model, as it is now.
        merge: make merges again; takes the memory of two models.
    """
    found: list[str] = []
    unchecked: list[str] = []
    trained = {
        str(event.experiment): event.data
        for event in history.events
        if event.kind == "evidence" and event.data.get("about") == "model"
    }
    merged = 0
    for event in history.events:
        if event.kind != "training":
            continue
        name, folder = str(event.experiment), workspace.inside(str(event.data["model_dir"]))
        began = trained.get(name)
        plan = history.training_plan(name)
        if began is None:
            found.append(f"{name}: the journal does not say which weights its training began from")
            continue
        if (done := history.training(name)) is not None and ADOPTED in done.remarks:
            unchecked.append(f"{name}: {ADOPTED}")
        parent = str(began.get("parent"))
        if plan is not None and plan.init_from != parent:
            found.append(f"{name}: trained from {parent}, and its plan says {plan.init_from}")
        if began.get("parent_digest") != weights_on_record(history, parent):
            found.append(f"{name}: was trained from other weights than those that {parent} has on record")
        if not folder.is_dir():
            unchecked.append(f"{name}: its weights are not kept")
            continue
        start = base.path if parent == BASE else _folder(history, workspace, parent)
        if start is None or not start.is_dir():
            unchecked.append(f"{name}: the weights of {parent} are not kept")
            continue
        found += [f"{name}: {line}" for line in _adapter_of(folder, start, base)]
        if merge and (folder / ADAPTER).is_dir():
            merged += 1
            found += [f"{name}: {line}" for line in _merge_of(folder, start, base)]
    champion = history.champion_id()
    found += _exported(history, workspace, champion)
    line = " <- ".join([*reversed(history.lineage(champion)), base.name]) if champion != BASE else base.name
    told = f"champion {line}; {merged} merges made again"
    return Finding("descent", told, tuple(found), tuple(unchecked))


def _folder(history: History, workspace: Workspace, experiment: str) -> Path | None:
    trained = history.training(experiment)
    return workspace.inside(trained.model_dir) if trained else None


def _adapter_of(folder: Path, start: Path, base: BaseModel) -> list[str]:
    """An adapter that is kept alone stands over the declared base, whatever its configuration says."""
    if not is_adapter(folder):
        return []
    declared = whole_base(base.path)
    if fingerprint_of(whole_base(folder)) != fingerprint_of(declared):
        return [f"its adapter belongs to {whole_base(folder).name}, not to the base that was declared"]
    return stack_differences(start, folder) if is_adapter(start) else []


def _merge_of(folder: Path, start: Path, base: BaseModel) -> list[str]:
    """A merged model, made again from what its adapter adds to.

    Of a training that went on from an adapter, the one that is kept holds both and adds to the whole base.
    """
    adapter = folder / ADAPTER
    if not is_adapter(start):
        return merge_differences(start, adapter, folder)
    return _adapter_of(adapter, start, base) or merge_differences(base_dir(adapter), adapter, folder)


def _exported(history: History, workspace: Workspace, champion: str) -> list[str]:
    """The export holds the champion's own weights and nothing else."""
    place = workspace.inside(CHAMPION)
    if champion == BASE:
        return [f"{CHAMPION}: a model lies there, and the run claims none"] if place.exists() else []
    ended = any(event.kind == "run_ended" for event in history.events)
    if not place.is_dir():
        return [f"{CHAMPION}: the exported model is gone"] if ended else []
    recorded = files_on_record(history)
    trained = history.training(champion)
    found = []
    of_model = f"{trained.model_dir}/" if trained else ""
    for twin in (name for name in recorded if of_model and name.startswith(of_model)):
        within = Path(twin.removeprefix(of_model))
        if within.parts[0] in LEFT_OUT or within.name in REWRITTEN:
            continue
        name = f"{CHAMPION}/{within.as_posix()}"
        if not workspace.inside(name).is_file():
            found.append(f"{name}: is gone")
        elif sha256_of(workspace.inside(name)) != recorded[twin]:
            found.append(f"{name}: is another than that of {champion}, which was trained and tested")
    there = {workspace.relative(file) for file in place.rglob("*") if file.is_file()}
    known = {name for name in recorded if name.startswith(f"{CHAMPION}/")}
    found += [f"{name}: was not exported by the run" for name in sorted(there - known)]
    return found


def merge_differences(start: Path, adapter: Path, folder: Path) -> list[str]:
    """Where base and adapter, merged again, are not the weights of a folder.

    Args:
        start: the model that the adapter adds to.
        adapter: the adapter.
        folder: the merged model.
    """
    from transformers.utils.logging import disable_progress_bar

    from tools.models.load import load_model

    disable_progress_bar()
    with warnings.catch_warnings():  # what libraries will change one day is not this run's matter
        warnings.simplefilter("ignore", FutureWarning)
        made, held = _merged(start, adapter), load_model(folder)
    return weight_differences(dict(made.named_parameters()), dict(held.named_parameters()))


def _merged(start: Path, adapter: Path) -> Any:
    from peft import PeftModel

    from tools.models.adapter import merged
    from tools.models.load import load_model

    return merged(PeftModel.from_pretrained(load_model(start), str(adapter)))


def weight_differences(made: Mapping[str, Any], held: Mapping[str, Any]) -> list[str]:
    """Names of the tensors that differ by more than rounding; at most three are named."""
    import torch

    found = [f"{name}: only one of the two models has it" for name in sorted(made.keys() ^ held.keys())]
    for name in sorted(made.keys() & held.keys()):
        one, other = made[name].detach().float(), held[name].detach().float()
        if one.shape != other.shape:
            found.append(f"{name}: shapes {tuple(one.shape)} and {tuple(other.shape)}")
            continue
        rounding = ROUNDING.get(str(held[name].dtype).removeprefix("torch."), ROUNDING["bfloat16"])
        most = float((one - other).abs().max()) if one.numel() else 0.0
        if not most <= rounding * max(1e-3, float(one.abs().max())) and not torch.equal(one, other):
            found.append(f"{name}: base and adapter merged again differ from it by up to {most:.2g}")
    more = [f"{len(found) - 3} more tensors differ"] if len(found) > 3 else []
    return [*found[:3], *more]


def stack_differences(start: Path, folder: Path) -> list[str]:
    """Whether an adapter that goes on from another holds that other's changes, as they were added up."""
    import torch
    from safetensors.torch import load_file

    from tools.models.adapter import read_adapter, scale_of
    from tools.models.recorded_base import WEIGHTS

    if (beside := folder / PARENT / WEIGHTS).is_file():
        same = sha256_of(beside) == sha256_of(start / WEIGHTS)
        return [] if same else [f"{PARENT}: is another adapter than the one that it goes on from"]
    old, new = load_file(str(start / WEIGHTS)), load_file(str(folder / WEIGHTS))
    rank, scale = int(read_adapter(start)["r"]), scale_of(read_adapter(start))
    found = []
    for key in sorted(old):
        if key not in new:
            found.append(f"{key}: the parent's change of it is gone")
            continue
        want = old[key].float() * (scale if ".lora_B." in key else 1.0)
        got = new[key][:, :rank] if ".lora_B." in key else new[key][:rank]
        if got.shape != want.shape or not torch.allclose(got.float(), want, rtol=1e-4, atol=1e-7):
            found.append(f"{key}: does not hold the parent's change")
    more = [f"{len(found) - 3} more tensors differ"] if len(found) > 3 else []
    return [*found[:3], *more]
