"""GGUF models: packed for llama.cpp, unpacked once into a directory that transformers loads.

    python -m tools.models.gguf FILE FOLDER

Training needs whole numbers. The file is dequantised in a child process, into the
Hub's cache for such things, in 16 bits: SmolLM2-135M, Q4_1, 93 MB, becomes 270 MB.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tasks.errors import InputError
from tools.process.environment import child_environment

MAGIC = b"GGUF"


def find(place: Path) -> Path | None:
    """The GGUF file at a path: itself, or the only one in a directory without a model of the Hub's format.

    Raises:
        InputError: several, or one in parts.
    """
    if place.is_file():
        return place
    if (place / "config.json").exists() or (place / "adapter_config.json").exists():
        return None
    files = sorted(place.glob("*.gguf"))
    if len(files) > 1:
        names = ", ".join(file.name for file in files[:3])
        raise InputError(str(place), f"it holds {len(files)} GGUF files ({names}...)", "give the path of one")
    return files[0] if files else None


def unpack(file: Path, cache: Path | None = None) -> tuple[Path, str]:
    """The directory with the unpacked model, made on the first call, and a note that says so.

    Raises:
        InputError: not a GGUF file, the package ``gguf`` is missing, or transformers cannot read it.
    """
    with file.open("rb") as content:
        if content.read(4) != MAGIC:
            raise InputError(str(file), "not a GGUF file", "copy the file again")
    status = file.stat()
    key = hashlib.sha256(repr((file.resolve(), status.st_size, status.st_mtime_ns)).encode()).hexdigest()[:16]
    folder = (cache or _cache()) / f"{file.stem}-{key}"
    note = f"GGUF: unpacked to 16-bit weights in {folder}; quantisation has cost it some accuracy already"
    if (folder / "config.json").exists():
        return folder, note
    if importlib.util.find_spec("gguf") is None:
        raise InputError(str(file), "GGUF needs one more package", "run `pip install gguf`")
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(root), *(entry for entry in sys.path if entry)])
    staging = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tools.models.gguf", str(file.resolve()), str(staging)],
        env=child_environment(os.environ, {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        fix = "give the original weights (*.safetensors)"
        raise InputError(str(file), f"transformers cannot read it ({last})", fix)
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    return folder, note


def _cache() -> Path:
    from huggingface_hub import cached_assets_path

    return cached_assets_path("ft-dojo", "gguf", "unpacked")


def write(file: Path, folder: Path) -> None:
    """Dequantises a GGUF file into a model directory with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where = {"gguf_file": file.name, "local_files_only": True}
    plan = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        str(file.parent), dtype=torch.float32, quantization_config=plan, **where
    )
    model.to(torch.bfloat16).save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(str(file.parent), **where).save_pretrained(str(folder))


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
