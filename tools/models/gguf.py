"""GGUF models: packed for llama.cpp, unpacked once into a directory that transformers loads.

    python -m tools.models.gguf FILE FOLDER

Training needs whole numbers. The file is dequantised in a child process, into the
Hub's cache for such things, in 16 bits: SmolLM2-135M, Q4_1, 93 MB, becomes 270 MB.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import InputError, MachineFault, disk_is_full
from tools.models.gguf_header import check_header
from tools.process.environment import child_environment

CONVERSION_SECONDS = 3600.0
CONVERSION = 2
"""Counts up when the same file comes out otherwise than before: what earlier versions made is made again."""
DIGITS_APART = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
"""``tokenizer.ggml.pre`` of vocabularies in which every digit is a token of its own, before GPT-2's rule (the
case of ``\\p{N}`` in llama.cpp's ``llama-vocab.cpp``). transformers 5.23 leaves the digits together, which
changes what stands before a number: two newlines and a 7 become three tokens instead of two."""


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
    check_header(file)
    status = file.stat()
    identity = (file.resolve(), status.st_size, status.st_mtime_ns, CONVERSION)
    key = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]
    folder = (cache or _cache()) / f"{file.stem}-{key}"
    note = f"GGUF: unpacked to 16-bit weights in {folder}; quantisation has cost it some accuracy already"
    if not (folder / "config.json").exists():
        convert(file, folder)
    return folder, note


def convert(file: Path, folder: Path, extra: Mapping[str, bytes] | None = None) -> None:
    """Makes the model directory of a GGUF file in a child process; it appears whole or not at all.

    Args:
        file: the GGUF file.
        folder: the directory to make; where another process made it in the meantime, that one stays.
        extra: further files of the directory, by name.

    Raises:
        InputError: the package ``gguf`` is missing, or transformers cannot read the file.
        MachineFault: the disk is full.
    """
    if importlib.util.find_spec("gguf") is None:
        raise InputError(str(file), "GGUF needs one more package", "run `pip install 'ft-dojo[gguf]'`")
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(root), *(entry for entry in sys.path if entry)])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as parent:
        staging = Path(parent) / "model"
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "tools.models.gguf", str(file.resolve()), str(staging)],
                env=child_environment(os.environ, {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}),
                capture_output=True,
                text=True,
                check=False,
                timeout=CONVERSION_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            wrong = f"transformers has not read it in {CONVERSION_SECONDS:.0f} s"
            raise InputError(str(file), wrong, "give the original weights (*.safetensors)") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
            if disk_is_full(last):
                raise MachineFault(f"{folder}: the disk is full; free some space and run it again")
            fix = "give the original weights (*.safetensors)"
            raise InputError(str(file), f"transformers cannot read it ({last})", fix)
        for name, content in (extra or {}).items():
            (staging / name).write_bytes(content)
        try:
            staging.rename(folder)
        except OSError:
            if not (folder / "config.json").exists():
                raise


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
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **where)
    split_digits(tokenizer, file)
    tokenizer.save_pretrained(str(folder))


def split_digits(tokenizer: Any, file: Path) -> None:
    """Gives the tokenizer of a file in ``DIGITS_APART`` the split that its vocabulary was learned with."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    stated = GGUFReader(str(file)).get_field("tokenizer.ggml.pre")
    if stated is None or stated.contents() not in DIGITS_APART:
        return
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
