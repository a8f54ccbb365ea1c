"""Recorded base: which model an adapter adds to, written so that the adapter's directory loads alone.

``adapter_config.json`` names the base as PEFT reads it: a Hub id with its revision, or a path.
``base.json`` beside it adds what finds the same weights elsewhere (a name of ``tools.models.named``, the path
from the adapter's folder) and their fingerprint: other weights under the recorded path are refused, because
an adapter over them is another model, and nothing else would say so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tools.models import fetch
from tools.models.download import download, downloaded, is_hub_id, origin
from tools.models.named import NAMED
from tools.models.weight_files import find_weights, fingerprint

FILE = "base.json"
BUNDLED = Path(__file__).parent / "bundled"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def record(folder: Path, base: Path) -> None:
    """Writes into an adapter's directory what it is an adapter of.

    Args:
        folder: the adapter's, with its ``adapter_config.json``.
        base: a whole model, or another adapter inside ``folder``.
    """
    base, folder = base.resolve(), folder.resolve()
    inside = base.is_relative_to(folder)
    hub = origin(base)
    file = folder / CONFIG
    config = json.loads(file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = (
        hub[0] if hub else str(base.relative_to(folder)) if inside else str(base)
    )
    config["revision"] = hub[1] if hub else None
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")
    facts = {
        "hub_id": hub[0] if hub else None,
        "revision": hub[1] if hub else None,
        "named": _name_of(base),
        "path": None if inside else str(base),
        "relative": os.path.relpath(base, folder),
        "sha256": fingerprint_of(base),
    }
    (folder / FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def name_base(folder: Path, name: str) -> None:
    """Names the base of an adapter that leaves this machine, and forgets where it lay here."""
    file = folder / CONFIG
    config = json.loads(file.read_text(encoding="utf-8"))
    if config["base_model_name_or_path"] != name:
        config |= {"base_model_name_or_path": name, "revision": None}
        file.write_text(json.dumps(config, indent=2), encoding="utf-8")
    facts = _read(folder) | {"path": None, "relative": None}
    (folder / FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def find(folder: Path, config: dict[str, Any]) -> Path:
    """The directory of the recorded base; a Hub id that is not here is downloaded.

    Args:
        folder: the adapter's.
        config: its ``adapter_config.json``.

    Raises:
        InputError: it is nowhere, or holds other weights than the adapter was trained on.
    """
    facts = _read(folder)
    other: Path | None = None
    for place in _places(folder, config, facts):
        if not facts.get("sha256") or fingerprint_of(place) == facts["sha256"]:
            return place.resolve()
        other = other or place
    name = str(config["base_model_name_or_path"])
    if other is not None:
        wrong = f"its base {other} holds other weights than it was trained on"
        raise InputError(str(folder), wrong, f"put the base's own weights there, or mend {FILE}")
    if is_hub_id(name):
        return download(f"{name}@{config.get('revision') or ''}".rstrip("@"))
    named = facts.get("named")
    fix = f"put it there, `hf download` it, or mend base_model_name_or_path in {CONFIG}"
    if named in NAMED:
        fix = f"run `ftdojo fetch {named}`"
    raise InputError(str(folder), f"an adapter of {name}, which is not here", fix)


def fingerprint_of(folder: Path) -> str:
    """Of the weights in a model's or an adapter's directory."""
    if (folder / CONFIG).exists() and not (folder / "config.json").exists():
        return fingerprint([folder / CONFIG, folder / WEIGHTS])
    return fingerprint(find_weights(folder, allow_pickle=True)[0])


def _places(folder: Path, config: dict[str, Any], facts: dict[str, Any]) -> list[Path]:
    """Where it may lie, the likeliest first; those that exist."""
    name = str(config["base_model_name_or_path"])
    places = [Path(name).expanduser(), folder / name, BUNDLED / name]
    if relative := str(facts.get("relative") or ""):
        places.append(folder / relative)
    if is_hub_id(name):
        places += filter(None, [downloaded(f"{name}@{config.get('revision') or ''}".rstrip("@"))])
    if facts.get("named") in NAMED and (found := fetch.find(NAMED[facts["named"]])):
        places.append(found.folder)
    places.append(BUNDLED / Path(name).name)  # a bundled model under the path of another installation
    # Not `Path.is_dir`, which raises where a name is too long or a folder above may not be read.
    return [place for place in places if os.path.isdir(place)]


def _name_of(base: Path) -> str | None:
    """The name under which ``tools.models.named`` knows these weights."""
    for name, model in NAMED.items():
        place = fetch.find(model)
        if place is not None and place.folder.resolve() == base:
            return name
    return None


def _read(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}  # PEFT's own, or one of an earlier version
    except (ValueError, RecursionError) as error:
        raise InputError(str(folder / FILE), "not valid JSON", "copy the adapter again") from error
    return facts if isinstance(facts, dict) else {}
