"""Base model, found by its name: bundled with the project, a directory of the user's, or a Hub id.

Reads the files' headers only; torch and transformers are not imported here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory.recipe import Record
from tasks.errors import InputError, did_you_mean

BUNDLED = Path(__file__).parent / "bundled"
DOWNLOAD = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "tokenizer*", "README.md")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
PATH_FIX = "give a Hub-format directory with config.json, *.safetensors and a tokenizer"


class BaseModel(Record):
    """A model directory that training can start from."""

    path: Path
    """Absolute."""
    name: str
    parameters: int
    n_layers: int
    hidden_size: int
    vocab: int
    max_positions: int
    size_gib: float
    """Of the weight files."""
    sha: str
    """SHA-256 over the configuration and the names and sizes of the weights, first 16 digits."""


def resolve_base_model(name_or_path: str) -> BaseModel:
    """The model behind a bundled name, a directory or a Hub id.

    Raises:
        InputError: it cannot be found, or a part of it is missing.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        return _describe(folder, folder.resolve().name)
    bundled = BUNDLED / name_or_path
    if "/" not in name_or_path and bundled.is_dir():
        return _describe(bundled, name_or_path)
    if _looks_like_hub_id(name_or_path):
        return _describe(_download(name_or_path), name_or_path)
    known = [path.name for path in BUNDLED.iterdir() if path.is_dir()] if BUNDLED.is_dir() else []
    fix = did_you_mean(name_or_path, known) if "/" not in name_or_path else PATH_FIX
    raise InputError(name_or_path, "no such model or directory", fix)


def _looks_like_hub_id(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")


def _download(repo: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(repo, allow_patterns=list(DOWNLOAD)))
    except GatedRepoError as error:
        fix = "accept its terms on the Hub and log in with `hf auth login`"
        raise InputError(repo, "access to this model is restricted", fix) from error
    except RepositoryNotFoundError as error:
        fix = "check the spelling, or log in with `hf auth login` if it is private"
        raise InputError(repo, "no such directory, and no such model on the Hugging Face Hub", fix) from error
    except (OSError, ValueError) as error:  # what the Hub client raises for every kind of failure
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        wrong = f"not a local directory, and the Hub cannot be reached ({reason})"
        raise InputError(repo, wrong, "download it once while online, or give a local directory") from error


def _describe(folder: Path, name: str) -> BaseModel:
    config = read_config(folder)
    weights = weight_files(folder)
    if not any((folder / file).exists() for file in TOKENIZERS):
        raise InputError(str(folder), "it holds no tokenizer (tokenizer.json)", PATH_FIX)
    text = config.get("text_config", config)
    size = sum(file.stat().st_size for file in weights)
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    digest.update(repr([(file.name, file.stat().st_size) for file in weights]).encode())
    return BaseModel(
        path=folder.resolve(),
        name=name,
        parameters=count_parameters(weights, config),
        n_layers=int(text.get("num_hidden_layers", text.get("n_layer", 0))),
        hidden_size=int(text.get("hidden_size", text.get("n_embd", 0))),
        vocab=int(text.get("vocab_size", 0)),
        max_positions=int(text.get("max_position_embeddings", text.get("n_positions", 0))),
        size_gib=size / (1 << 30),
        sha=digest.hexdigest()[:16],
    )


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a model directory; an adapter directory gives that of its base.

    Raises:
        InputError: it is missing or malformed.
    """
    file = folder / "config.json"
    if not file.exists():
        raise InputError(str(folder), "it holds no config.json", PATH_FIX)
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            str(file), f"not valid JSON ({error})", "copy the file from the Hub again"
        ) from error
    if not isinstance(config, dict):
        raise InputError(str(file), "not a JSON object", "copy the file from the Hub again")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a directory, safetensors first.

    Raises:
        InputError: there are none.
    """
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        files = sorted(file for file in folder.glob(pattern) if file.stat().st_size > 0)
        if files:
            return files
    raise InputError(str(folder), "it holds no weights (*.safetensors)", PATH_FIX)


def count_parameters(weights: list[Path], config: dict[str, Any]) -> int:
    """Parameters from the safetensors headers (8 bytes of length, then JSON), or from the files' size."""
    if weights[0].suffix == ".bin":
        width = 4 if config.get("torch_dtype", config.get("dtype")) in (None, "float32") else 2
        return sum(file.stat().st_size for file in weights) // width
    total = 0
    for file in weights:
        with file.open("rb") as content:
            try:
                header = json.loads(content.read(struct.unpack("<Q", content.read(8))[0]))
            except (ValueError, struct.error, OverflowError, MemoryError) as error:
                raise InputError(
                    str(file), "not a safetensors file", "copy the file from the Hub again"
                ) from error
        total += sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")
    return total


@functools.lru_cache(maxsize=4)
def count_tokens(model: BaseModel) -> Callable[[str], int]:
    """A function that counts the tokens of a text, special tokens not added."""
    file = model.path / "tokenizer.json"
    if not file.exists():
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(str(model.path), local_files_only=True)
        return lambda text: len(slow(text, add_special_tokens=False)["input_ids"])
    from tokenizers import Tokenizer

    fast = Tokenizer.from_file(str(file))
    fast.no_truncation()
    fast.no_padding()
    return lambda text: len(fast.encode(text, add_special_tokens=False).ids)
