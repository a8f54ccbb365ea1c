"""Merged export: one whole model in safetensors with its tokenizer; and the champion as one adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.models.adapter import PARENT, base_dir, is_adapter, read_adapter, stack_onto
from tools.models.load import copy_tokenizer, load_model, load_tokenizer


def write(payload: dict[str, Any]) -> dict[str, Any]:
    """Loads a model, adapters merged in float32, and saves it rounded once to the type that is asked for.

    Args:
        payload: ``model_dir``, ``folder`` (made) and ``dtype`` (``bfloat16`` or ``float32``).

    Returns:
        ``bytes`` of the weights, ``parameters``, and ``template``: whether ``AutoTokenizer`` finds one there.
    """
    import torch
    from transformers import AutoTokenizer

    model_dir, folder = Path(payload["model_dir"]), Path(payload["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    model = load_model(model_dir).to(getattr(torch, payload["dtype"]))
    model.save_pretrained(str(folder))
    copy_tokenizer(load_tokenizer(model_dir), model_dir, folder)
    found = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    return {
        "bytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "template": bool(found.chat_template),
    }


def adapter(payload: dict[str, Any]) -> dict[str, Any]:
    """Writes the champion as one plain adapter of the base that the run began with.

    Args:
        payload: ``model_dir`` (the champion's experiment), ``base`` (the run's base) and ``folder`` (made).

    Returns:
        ``rank``; 0 where the champion is no adapter of that base, and ``why``.
    """
    folder, base = Path(payload["folder"]), Path(payload["base"]).resolve()
    links: list[Path] = []
    place = Path(payload["model_dir"])
    while place.resolve() != base:
        link = place if is_adapter(place) else place / "adapter"
        if not is_adapter(link):
            return {"rank": 0, "why": f"{place.parent.name} was trained in full"}
        if (link / PARENT).exists():
            return {"rank": 0, "why": "its adapters are of a kind that does not add up (DoRA or the like)"}
        links.insert(0, link)
        place = base_dir(link)
    folder.mkdir(parents=True, exist_ok=True)
    for link in links:
        if not stack_onto(folder, link, base):
            return {"rank": 0, "why": "its adapters are of a kind that does not add up (DoRA or the like)"}
    model_dir = Path(payload["model_dir"])
    copy_tokenizer(load_tokenizer(model_dir), model_dir, folder)
    return {"rank": int(read_adapter(folder)["r"]) if links else 0, "why": "" if links else "it is the base"}
