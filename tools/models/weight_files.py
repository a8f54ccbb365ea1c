"""Weight files of a model directory: the ones that will be loaded, whole, and counted once.

Headers are read; ``check_numbers`` reads the numbers themselves.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tasks.unpacking import Allowance

COPY_AGAIN = "copy the file from the Hub again"
PATH_FIX = "give a Hub-format directory with config.json, *.safetensors and a tokenizer"
HEADER_BYTES = 100_000_000
"""The safetensors format's own limit."""
EXPONENTS = {
    "F64": ("<u8", 0x7FF0 << 48),
    "F32": ("<u4", 0x7F800000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}
"""Type -> how to read it, and the bits that are all set in NaN and infinity."""
BLOCKS, BLOCK_BYTES = 64, 1 << 16
"""Of each file, spread evenly, that a fingerprint reads: 4 MiB."""
PICKLES = ("pytorch_model*.bin", "*.bin", "*.pt", "*.pth")
LOADED_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""What transformers loads, of all pickles."""
_LAYER = re.compile(r"(\D+)\.(\d{1,4})\.")
_SENSES = re.compile(r"vis|audio|image|speech", re.IGNORECASE)
"""In the names of stacks beside the language model's."""


def refuse_pointer(file: Path) -> None:
    """Raises an ``InputError`` when the file is a git-LFS pointer instead of what it stands for."""
    if file.stat().st_size < 1024 and file.read_bytes().startswith(b"version https://git-lfs"):
        raise InputError(
            str(file), "a git-LFS pointer, not the file itself", "run `git lfs pull` in its folder"
        )


def find_weights(folder: Path, allow_pickle: bool = False) -> tuple[list[Path], tuple[str, ...]]:
    """The files that transformers loads, and notes on those that it leaves.

    Raises:
        InputError: there are none, shards are missing, a file is cut short, or they are pickles.
    """
    tensors = sorted(folder.glob("*.safetensors"))
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        used = [single]
    elif index.exists():
        used = _shards(folder, index)
    elif tensors:
        if any(file.name.startswith("model-") for file in tensors):
            raise InputError(str(folder), "its shards have no model.safetensors.index.json", COPY_AGAIN)
        fix = f"rename {tensors[0].name} to model.safetensors if it is in transformers' format"
        raise InputError(str(folder), "it holds no model.safetensors", fix)
    else:
        return _pickles(folder, allow_pickle), ()
    for file in used:
        refuse_pointer(file)
        read_header(file)
    spare = [file.name for file in tensors if file not in used]
    spare += sorted(file.name for file in folder.glob("pytorch_model*.bin"))
    notes = (f"left aside: {', '.join(spare[:3])}{'...' if len(spare) > 3 else ''} (the same weights again)",)
    return used, notes if spare else ()


def _shards(folder: Path, index: Path) -> list[Path]:
    refuse_pointer(index)
    try:
        held = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        names = sorted({str(name) for name in held})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(str(index), "not an index of shards", COPY_AGAIN) from error
    if outside := [name for name in names if Path(name).name != name or not _is_name(name)]:
        wrong = f"it names what is no file of the model's folder ({outside[0][:80]!r})"
        raise InputError(str(index), wrong, COPY_AGAIN)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        wrong = f"{len(missing)} of {len(names)} weight files are missing, e.g. {missing[0]}"
        raise InputError(str(folder), wrong, "download the model again, every shard")
    return [folder / name for name in names]


def _is_name(name: str) -> bool:
    """Whether a file can be called so."""
    return "\0" not in name and len(name.encode("utf-8", "surrogatepass")) <= 255


def _pickles(folder: Path, allow_pickle: bool) -> list[Path]:
    for pattern in PICKLES:
        files = sorted(file for file in folder.glob(pattern) if file.stat().st_size > 0)
        files = [
            file for file in files if file.name not in ("training_args.bin", "optimizer.pt", "scheduler.pt")
        ]
        if files and not allow_pickle:
            wrong = f"its weights are pickles ({files[0].name}), which can run code when they are read"
            fix = (
                "convert them (transformers' from_pretrained(FOLDER, weights_only=True).save_pretrained(NEW) "
                "writes safetensors), or add --allow-pickle if you trust their maker: tensors alone are read"
            )
            raise InputError(str(folder), wrong, fix)
        if files:
            if not any((folder / name).exists() for name in LOADED_PICKLES):
                fix = f"rename {files[0].name} to pytorch_model.bin if it is in transformers' format"
                raise InputError(str(folder), "it holds no pytorch_model.bin", fix)
            for file in files:
                refuse_pointer(file)
            return files
    raise InputError(str(folder), "it holds no weights (*.safetensors)", PATH_FIX)


def read_header(file: Path) -> dict[str, dict[str, Any]]:
    """Tensors of a safetensors file (8 bytes of length, then JSON): name -> dtype, shape, data_offsets.

    Raises:
        InputError: it is no such file, or cut short.
    """
    size = file.stat().st_size
    with file.open("rb") as content:
        try:
            length = struct.unpack("<Q", content.read(8))[0]
            if length > min(size, HEADER_BYTES):
                raise ValueError("the header is longer than the file")
            header = json.loads(content.read(length))
            tensors = {key: _entry(entry) for key, entry in header.items() if key != "__metadata__"}
            end = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
            raise InputError(str(file), "not a safetensors file", COPY_AGAIN) from error
    if end > size:
        raise InputError(str(file), f"cut short: {size:,} of {end:,} bytes", COPY_AGAIN)
    return tensors


def _entry(entry: Any) -> dict[str, Any]:
    """One tensor's entry, with figures that can be counted; raises ValueError and its like for others."""
    kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    counted = isinstance(shape, list) and all(
        type(size) is int and size >= 0 for size in [*shape, start, end]
    )
    if not (isinstance(kind, str) and counted and start <= end):
        raise ValueError("a tensor without figures")
    return dict(entry)


def count_parameters(weights: list[Path], config: dict[str, Any]) -> int:
    """Parameters from the safetensors headers, or from the files' size."""
    if weights[0].suffix != ".safetensors":
        width = 4 if config.get("torch_dtype", config.get("dtype")) in (None, "float32") else 2
        return sum(file.stat().st_size for file in weights) // width
    return sum(math.prod(entry["shape"]) for file in weights for entry in read_header(file).values())


def dtypes(weights: list[Path]) -> dict[str, int]:
    """Numbers of each type in safetensors files, the commonest first; empty for pickles."""
    found: dict[str, int] = {}
    for file in weights:
        if file.suffix == ".safetensors":
            for entry in read_header(file).values():
                found[entry["dtype"]] = found.get(entry["dtype"], 0) + math.prod(entry["shape"])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def layers_held(weights: list[Path]) -> int:
    """Layers of the language model in safetensors files, by the names of weights; 0 where these tell none.

    A layer's number is the first in a name (``model.layers.3.mlp.experts.7.up.weight``); of several stacks
    the largest counts, those that see or hear left out.
    """
    stacks: dict[str, list[int]] = {}
    for file in weights:
        for name in read_header(file) if file.suffix == ".safetensors" else ():
            found = _LAYER.match(name)
            if found and not _SENSES.search(found[1]):
                stacks.setdefault(found[1], []).append(int(found[2]))
    if not stacks:
        return 0
    _, numbers = max((len(each), each) for each in stacks.values())
    return 1 + max(numbers)


def fingerprint(files: list[Path]) -> str:
    """SHA-256 over the sizes of weight files and blocks of their content, in hexadecimal.

    Training moves nearly every weight, so the blocks tell two states of one model apart, at the cost of a few
    milliseconds where reading 14 GB would take minutes.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as content:
            for n in range(BLOCKS):
                start = n * max(BLOCK_BYTES, (size - BLOCK_BYTES) // (BLOCKS - 1))
                if start >= size:
                    break
                content.seek(start)
                digest.update(content.read(BLOCK_BYTES))
    return digest.hexdigest()


def check_numbers(weights: list[Path], most_bytes: int) -> float:
    """Looks for NaN and infinity in the weights, up to ``most_bytes``, the start of each tensor first.

    Returns:
        The share of the bytes that was read.

    Raises:
        InputError: one is found; the tensor is named.
    """
    import numpy as np

    files = [(file, read_header(file)) for file in weights if file.suffix == ".safetensors"]
    total = sum(
        entry["data_offsets"][1] - entry["data_offsets"][0]
        for _, tensors in files
        for entry in tensors.values()
    )
    share = float(min(1.0, most_bytes / max(1, total)))
    for file, tensors in files:
        with file.open("rb") as content:
            data = 8 + struct.unpack("<Q", content.read(8))[0]
            for name, entry in tensors.items():
                kind = EXPONENTS.get(entry["dtype"])
                if kind is None:
                    continue
                width, (start, end) = np.dtype(kind[0]).itemsize, entry["data_offsets"]
                content.seek(data + start)
                left = math.ceil((end - start) * share / width) * width
                while left > 0:
                    values = np.frombuffer(content.read(min(left, 1 << 24)), dtype=kind[0])
                    left -= values.nbytes
                    bad = int(np.count_nonzero((values & kind[1]) == kind[1]))
                    if bad:
                        wrong = f"{name} holds NaN or infinity ({bad:,} numbers)"
                        raise InputError(
                            str(file), wrong, "its training diverged or the file is damaged: take another"
                        )
                    if not values.nbytes:
                        break
    return share


def check_pickles(weights: list[Path]) -> None:
    """Reads pickled weights as tensors and nothing else, as they will be loaded, and looks for NaN.

    Raises:
        InputError: a file holds anything but tensors, is damaged, or has such a number.
    """
    import pickle

    import torch

    for file in (file for file in weights if file.suffix != ".safetensors"):
        _check_unpacked(file)
        try:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
            wrong = "not a pickle of tensors alone, and nothing else is read"
            raise InputError(str(file), wrong, "take the model's safetensors files") from error
        if not isinstance(tensors, dict):
            raise InputError(str(file), "no table of named tensors", "take the model's safetensors files")
        for name, tensor in tensors.items():
            if isinstance(tensor, torch.Tensor) and not bool(torch.isfinite(tensor.float()).all()):
                fix = "its training diverged or the file is damaged: take another"
                raise InputError(str(file), f"{name} holds NaN or infinity", fix)


def _check_unpacked(file: Path) -> None:
    """Such a file is a ZIP archive, whose parts torch leaves as they are and reads compressed ones too."""
    with suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(file) as archive:
        fix = "take the model's safetensors files"
        Allowance(file, fix).take(sum(part.file_size for part in archive.infolist()))
